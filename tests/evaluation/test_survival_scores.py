"""IPCW Brier score and concordance: published figures, oracles, and what censoring must not change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.errors import InvalidInput
from farview.evaluation.spells import Spells
from farview.evaluation.survival_scores import brier, concordance, integrated, outcome_at
from tests.evaluation.test_kaplan_meier import remission, watched
from tests.tiers import examples


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_cox_model_of_the_german_breast_cancer_study_scores_as_published() -> None:
    """scikit-survival's manual: brier_score of this model on GBSG2 at five years is 0.20881843."""
    import pandas as pd
    from lifelines import CoxPHFitter
    from lifelines.datasets import load_gbsg2

    patients = load_gbsg2()
    patients["tgrade"] = patients["tgrade"].map(len)
    patients = pd.get_dummies(patients, columns=["horTh", "menostat"], drop_first=True, dtype=float)
    cox = CoxPHFitter().fit(patients, "time", "cens")
    goes_on = cox.predict_survival_function(patients, times=[1825.0]).to_numpy()[0]
    spells = Spells.watched_from_the_beginning(
        patients["time"].to_numpy().astype(np.float64), patients["cens"].to_numpy() == 1
    )
    assert brier(goes_on, outcome_at(spells, 1825.0)) == pytest.approx(0.20881843, abs=5e-4)


def test_remission_at_ten_weeks_by_hand() -> None:
    """Before week 10 one of 21 stopped at 6 (18 then at risk of it) and one at 9 (16 at risk)."""
    outcome = outcome_at(remission(), 10.0)
    still_6, still_9 = 17 / 18, 17 / 18 * 15 / 16
    expected = [1, 1, 1, 0, 1 / still_6, 0, 1 / still_9, *([1 / still_9] * 14)]
    assert outcome.weight == pytest.approx(expected)
    assert outcome.ended.tolist() == [True, True, True, False, True, False, True, *([False] * 14)]


@settings(max_examples=examples(ci=30, soak=2000))
@given(watched())
def test_weights_count_every_spell_once_in_all(spells: Spells) -> None:
    """Inverse probabilities of being known share out the unknown, as long as somebody is watched to the horizon."""
    horizon = float(np.median(spells.exit - spells.entry))
    assert outcome_at(spells, horizon).weight.sum() == pytest.approx(len(spells))


@settings(max_examples=examples(ci=30, soak=2000))
@given(watched(), st.integers(0, 2**32 - 1))
def test_without_a_stop_the_score_is_the_plain_one(spells: Spells, seed: int) -> None:
    ended = Spells(spells.entry, spells.exit, np.ones(len(spells), np.bool_))
    goes_on = np.random.default_rng(seed).random(len(spells))
    lasts = (ended.exit - ended.entry) > 2.0
    assert brier(goes_on, outcome_at(ended, 2.0)) == pytest.approx(np.mean((goes_on - lasts) ** 2))


def test_everybody_watched_for_one_month_is_known_at_one_month() -> None:
    age = np.arange(1.0, 9.0)
    ended = age % 2 == 0
    outcome = outcome_at(Spells(age - 1, age, ended), 1.0)
    assert outcome.weight.tolist() == [1.0] * 8
    assert outcome.ended.tolist() == ended.tolist()


def test_random_stops_leave_the_expected_score_as_it_was() -> None:
    rng = np.random.default_rng(11)
    gaps = []
    for _ in range(60):
        rate = rng.gamma(2.0, 0.5, 400)
        lasts = rng.exponential(1 / rate)
        goes_on = np.exp(-rate)
        stops = rng.exponential(1.5, 400)
        seen = Spells.watched_from_the_beginning(np.minimum(lasts, stops), lasts <= stops)
        gaps.append(brier(goes_on, outcome_at(seen, 1.0)) - np.mean((goes_on - (lasts > 1.0)) ** 2))
    assert abs(np.mean(gaps)) < 4 * np.std(gaps, ddof=1) / np.sqrt(60)


def test_a_horizon_beyond_all_that_was_watched_is_refused() -> None:
    with pytest.raises(InvalidInput, match="longer than anything was watched"):
        outcome_at(remission(), 36.0)


def test_the_integral_weighs_horizons_by_their_distance() -> None:
    assert integrated([0.1, 0.3, 0.3], [0.0, 1.0, 3.0]) == pytest.approx((0.2 * 1 + 0.3 * 2) / 3)
    assert integrated([0.2], [7.0]) == 0.2


@settings(max_examples=examples(ci=30, soak=2000))
@given(watched(), st.lists(st.integers(0, 3), min_size=40, max_size=40))
def test_concordance_is_what_a_loop_over_pairs_counts(spells: Spells, risks: list[int]) -> None:
    risk = np.array(risks[: len(spells)], np.float64)
    won = pairs = 0.0
    for i in np.flatnonzero(spells.ended):
        for j in range(len(spells)):
            beyond = spells.exit[j] > spells.exit[i] or (spells.exit[j] == spells.exit[i] and not spells.ended[j])
            if beyond and spells.entry[j] < spells.exit[i]:
                pairs += 1
                won += 1.0 if risk[i] > risk[j] else 0.5 if risk[i] == risk[j] else 0.0
    assert concordance(risk, spells, chunk=3) == (pytest.approx(won / pairs) if pairs else None)


def test_concordance_without_delayed_entry_is_that_of_lifelines() -> None:
    from lifelines.utils import concordance_index

    rng = np.random.default_rng(3)
    lasts, risk = rng.exponential(1.0, 300), rng.normal(size=300)
    ended = rng.random(300) < 0.6
    spells = Spells.watched_from_the_beginning(lasts, ended)
    assert concordance(risk, spells) == pytest.approx(concordance_index(lasts, -risk, ended))
