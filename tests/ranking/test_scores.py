"""Scores come from the columns of a forecast, and their parts add up."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, kstest

from farview.core.columns import QUANTILE_LEVELS
from farview.core.errors import InvalidInput
from farview.core.schemas import FORECAST
from ranking.adjustments import Factor, Fatigue, adjusted
from ranking.contenders import uniforms
from ranking.expected_value_law import quantile
from ranking.outcome_scores import ConditionalTail, Exceedance
from ranking.scores import (
    UNIFORM,
    ExpectedValue,
    ExpectedValueQuantile,
    Score,
    Scored,
    ThompsonDraw,
    UpperConfidence,
    laws_of,
)
from tests.tiers import examples

COLUMNS = {
    "expected_value_mean": np.array([40.0, 10.0]),
    "expected_value_sd": np.array([20.0, 1.0]),
    "expected_value_q10": np.array([12.5, 9.75]),
}
SCORED = Scored(np.array([10.0, 4.0, -2.0]), {"expected_value_mean": np.array([10.0, 4.0, -2.0])})


def told(scored: Scored) -> dict[str, list[float]]:
    return {name: part.tolist() for name, part in scored.parts.items()}


def test_the_expected_value_is_its_own_only_part() -> None:
    scored = ExpectedValue().of(COLUMNS)
    assert scored.score.tolist() == [40.0, 10.0]
    assert told(scored) == {"expected_value_mean": [40.0, 10.0]}


def test_a_quantile_is_the_expected_value_and_what_uncertainty_takes_from_it() -> None:
    scored = ExpectedValueQuantile(0.1).of(COLUMNS)
    assert scored.score.tolist() == [12.5, 9.75]
    assert told(scored) == {"expected_value_mean": [40.0, 10.0], "uncertainty": [-27.5, -0.25]}


def test_deviations_are_a_bonus_for_the_uncertain() -> None:
    scored = UpperConfidence(2.0).of(COLUMNS)
    assert told(scored) == {"expected_value_mean": [40.0, 10.0], "uncertainty": [40.0, 2.0]}


KINDS: list[Score] = [
    ExpectedValue(),
    *map(ExpectedValueQuantile, QUANTILE_LEVELS),
    UpperConfidence(1),
    ThompsonDraw(),
    Exceedance(5),
    ConditionalTail(0.1, upper=True),
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_kind_reads_columns_that_forecasts_have(kind: Score) -> None:
    assert set(kind.columns) <= set(FORECAST.names)


def test_a_level_that_is_not_stored_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        InvalidInput, match=r"score.quantile_level: 0.2 is not a stored level; choose one of 0.05, 0.1, 0.5"
    ):
        ExpectedValueQuantile(0.2)


@pytest.mark.parametrize("tail", [0.0, 1.1])
def test_a_tail_that_is_no_part_is_refused(tail: float) -> None:
    with pytest.raises(InvalidInput, match=r"score\.tail"):
        ConditionalTail(tail, upper=False)


@pytest.mark.parametrize("threshold", [-1.0, np.nan, np.inf])
def test_a_threshold_that_is_no_amount_is_refused(threshold: float) -> None:
    with pytest.raises(InvalidInput, match=r"score\.threshold"):
        Exceedance(threshold)


def beliefs(customers: int, seed: int) -> dict[str, Any]:
    """Gamma-distributed expected values as a forecast stores them."""
    rng = np.random.default_rng(seed)
    shape, scale = rng.uniform(0.5, 20, customers), rng.uniform(0.1, 50, customers)
    draws = rng.gamma(shape, scale, (4_000, customers))
    columns = {f"expected_value_q{round(100 * q):02d}": np.quantile(draws, q, axis=0) for q in QUANTILE_LEVELS}
    return columns | {"expected_value_mean": draws.mean(axis=0), "expected_value_sd": draws.std(axis=0)}


def drawn_at(columns: dict[str, Any], level: float) -> np.ndarray:
    return quantile(laws_of(columns), np.full(len(columns["expected_value_mean"]), level))


@given(st.integers(0, 2**32), st.floats(0.0001, 0.9999), st.floats(0.0001, 0.9999))
@settings(max_examples=examples(ci=100, soak=10_000))
def test_a_draw_grows_with_its_uniform_and_is_never_below_zero(seed: int, one: float, other: float) -> None:
    columns = beliefs(5, seed % 50)
    low, high = sorted((one, other))
    drawn = [drawn_at(columns, u) for u in (low, high)]
    assert (drawn[0] <= drawn[1] + 1e-9).all()
    assert (drawn[0] >= 0).all()


@pytest.mark.parametrize("level", QUANTILE_LEVELS)
def test_a_draw_at_a_stored_level_is_the_stored_quantile(level: float) -> None:
    columns = beliefs(20, 1)
    drawn = drawn_at(columns, level)
    assert drawn == pytest.approx(columns[f"expected_value_q{round(100 * level):02d}"])


def test_draws_have_the_mean_that_is_stored() -> None:
    columns = beliefs(20, 2)
    grid = (np.arange(20_000) + 0.5) / 20_000
    draws = [drawn_at(columns, u) for u in grid]
    assert np.mean(draws, axis=0) == pytest.approx(columns["expected_value_mean"], rel=0.05)


def test_draws_come_first_as_often_as_their_law_says() -> None:
    """G-test of who comes first over 4,000 seeds against the probability by quadrature, level .001."""
    columns = beliefs(6, 3)
    mean = columns["expected_value_mean"]
    columns = {name: values / mean for name, values in columns.items()}  # alike in size: everyone has a chance
    ids = np.array([f"c{i}" for i in range(6)], dtype=object)
    first = np.zeros(6)
    for seed in range(4_000):
        first[int(np.argmax(quantile(laws_of(columns), uniforms(ids, seed))))] += 1
    grid = (np.arange(2_000) + 0.5) / 2_000
    values = np.stack([drawn_at(columns, u) for u in grid])  # (levels, customers)
    below = np.stack([[np.mean(values[:, k] < v) for v in values[:, i]] for i in range(6) for k in range(6)])
    others = below.reshape(6, 6, -1)
    others[np.arange(6), np.arange(6)] = 1.0
    expected = 4_000 * others.prod(axis=1).mean(axis=1)
    seen = first > 0
    statistic = 2 * np.sum(first[seen] * np.log(first[seen] / expected[seen]))
    assert expected.sum() == pytest.approx(4_000, rel=0.01)
    assert statistic < chi2.ppf(0.999, df=5)


def test_uniforms_are_uniform_and_keyed_by_customer_and_seed() -> None:
    ids = np.array([f"customer {i}" for i in range(5_000)], dtype=object)
    drawn = uniforms(ids, 7)
    assert kstest(drawn, "uniform").pvalue > 0.001
    assert uniforms(ids[::-1], 7).tolist() == drawn[::-1].tolist()
    assert (uniforms(ids, 8) != drawn).all()


def test_factors_multiply_and_say_what_they_changed() -> None:
    some, others = np.array([True, True, False]), np.array([False, True, True])
    scored = adjusted(SCORED, [Factor(some, 2.0), Factor(others, 0.5)])
    assert scored.score.tolist() == [20.0, 4.0, -2.0]
    assert told(scored)["factors"] == [10.0, 0.0, 0.0]


def test_each_contact_leaves_its_share() -> None:
    scored = adjusted(SCORED, fatigue=Fatigue(np.array([2, 0, 3]), 0.5))
    assert scored.score.tolist() == [2.5, 4.0, -2.0]
    assert told(scored)["fatigue"] == [-7.5, 0.0, 0.0]


def test_the_cost_of_a_contact_comes_off_last() -> None:
    scored = adjusted(SCORED, [Factor(np.ones(3, dtype=np.bool_), 0.0)], contact_cost=1.5)
    assert scored.score.tolist() == [-1.5, -1.5, -3.5]


@given(st.integers(0, 1_000))
@settings(max_examples=examples(ci=50, soak=5_000))
def test_parts_add_up_whatever_is_adjusted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = beliefs(30, seed % 20) | {UNIFORM: rng.uniform(size=30)}
    kind = [ExpectedValue(), ExpectedValueQuantile(0.9), UpperConfidence(1.5), ThompsonDraw()][seed % 4]
    factors = [Factor(rng.random(30) < 0.5, float(rng.uniform(0, 3))) for _ in range(int(rng.integers(3)))]
    fatigue = Fatigue(rng.integers(0, 4, 30), 0.7) if seed % 2 else None
    scored = adjusted(kind.of(columns), factors, fatigue, contact_cost=float(rng.integers(2)))
    assert np.sum(list(scored.parts.values()), axis=0) == pytest.approx(scored.score, rel=1e-9, abs=1e-9)
