"""Drivers of a boosted forecast: they add up to what the trees do, and say it in words."""

import numpy as np
import pytest

from ltv.boost_drivers import _slope_of_chance, _slope_of_kept, value_effects
from ltv.boost_heads import fit_head
from ltv.boost_inputs import INPUTS, Units
from ltv.boost_losses import RETURNED, SOME, SPEND
from ltv.boost_model import BoostDiagnostics, BoostModel
from ltv.boost_rows import TargetRows
from ltv.boost_scorer import Shared
from ltv.boost_surrogate import Surrogate, surrogate_of
from ltv.boost_trees import Trees
from ltv.boost_words import in_words

NAMES = list(INPUTS)
UNITS = Units(money=20.0, reference_days=90)
ROWS = 3000


@pytest.fixture(scope="module")
def inputs() -> np.ndarray:
    return np.random.default_rng(1).uniform(0.1, 2.0, (ROWS, len(INPUTS)))


@pytest.fixture(scope="module")
def spend(inputs: np.ndarray) -> Trees:
    """Trees of a world where spend doubles with the biggest amount."""
    ones = np.ones(ROWS)
    big = inputs[:, NAMES.index("amount_biggest_log")] > 1.0
    rows = TargetRows(inputs, np.arange(ROWS) % 3, ones, ones, ones, ones, np.where(big, 2.0, 1.0), 0.0 * ones)
    return Trees(fit_head(SPEND, [rows], seed=0).trees)


def shared(trees: dict[str, Trees]) -> Shared:
    return Shared(tables=None, trees=trees)  # type: ignore[arg-type]


def model() -> BoostModel:
    told = BoostDiagnostics("anchor", 1, (), 90, {}, Surrogate((), 0.0), ())
    return BoostModel(None, UNITS, {}, {SOME: 0.0, SPEND: 0.1, RETURNED: -1.0}, told)  # type: ignore[arg-type]


def test_contributions_add_up_to_the_margin(spend: Trees, inputs: np.ndarray) -> None:
    np.testing.assert_allclose(spend.contributions(inputs).sum(axis=1), spend.add(inputs), rtol=1e-4, atol=1e-5)


def test_effects_of_spend_are_those_of_its_trees_less_what_all_share(spend: Trees, inputs: np.ndarray) -> None:
    effects = value_effects(model(), shared({SPEND: spend}), inputs, np.ones(ROWS))
    base = spend.contributions(inputs)[:, -1]
    np.testing.assert_allclose(effects.sum(axis=1), spend.add(inputs) - base, rtol=1e-4, atol=1e-5)


def test_the_planted_driver_is_the_strongest_and_points_the_right_way(spend: Trees, inputs: np.ndarray) -> None:
    effects = value_effects(model(), shared({SPEND: spend}), inputs, np.ones(ROWS))
    planted = NAMES.index("amount_biggest_log")
    assert (np.abs(effects).argmax(axis=1) == planted).mean() > 0.95
    big, small = inputs[:, planted] > 1.05, inputs[:, planted] < 0.95
    assert effects[big, planted].min() > 0 > effects[small, planted].max()


@pytest.mark.parametrize("head", [SOME, RETURNED])
def test_other_heads_act_by_their_slope_on_the_logarithm_of_value(head: str, spend: Trees, inputs: np.ndarray) -> None:
    hazard = np.linspace(0.05, 3.0, ROWS)
    effects = value_effects(model(), shared({head: spend}), inputs, hazard)
    margin = spend.add(inputs) + model().level[head]
    step = 1e-6

    def log_value(m: np.ndarray) -> np.ndarray:
        return np.log(-np.expm1(-hazard * np.exp(m))) if head == SOME else np.log1p(-np.minimum(np.exp(m), 0.98))

    slope = (log_value(margin + step) - log_value(margin - step)) / (2 * step)
    slope = np.where((head == RETURNED) & (np.exp(margin) > 0.98), _slope_of_kept(margin), slope)
    expected = spend.contributions(inputs)[:, :-1] * slope[:, None]
    np.testing.assert_allclose(effects, expected, rtol=1e-3, atol=1e-5)


def test_slopes_at_their_ends_are_finite() -> None:
    assert _slope_of_chance(np.array([1e-12, 1e3])) == pytest.approx([1.0, 0.0])
    assert np.isfinite(_slope_of_kept(np.array([50.0]))).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0.0, 1.0, 4.7, 600.0, float("nan")])
def test_every_input_has_words(name: str, value: float) -> None:
    said = in_words(name, value, UNITS)
    assert said
    assert "{" not in said
    assert "nan" not in said


def test_amounts_and_horizons_are_said_in_their_units() -> None:
    assert in_words("amount_last_log", np.log1p(1.5), UNITS) == "spent 30.00 on the last day"
    expected = "the purchase process expects 0.25 purchases within 90 days"
    assert in_words("anchor_purchases_log", np.log(0.25), UNITS) == expected
    assert in_words("first_weekday", 7.0, UNITS) == "first came on a Sunday"


def test_a_surrogate_finds_a_rule_and_says_what_it_explains(inputs: np.ndarray) -> None:
    high = inputs[:, NAMES.index("purchases_56d")] >= 1.5
    found = surrogate_of(inputs, np.where(high, np.log(1.5), 0.0), UNITS)
    assert found.explained > 0.99
    text = "\n".join(found.rules)
    assert "purchases_56d" in text
    assert "expected value x 1.50" in text
    assert "expected value x 1.00" in text


def test_where_nothing_is_corrected_there_is_no_surrogate(inputs: np.ndarray) -> None:
    assert surrogate_of(inputs, np.zeros(ROWS), UNITS).rules == ()
