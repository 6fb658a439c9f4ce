"""Laws of sequence networks: what follows from a few numbers a customer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import gamma, nbinom

from ltv import sequence_law as law
from ltv.sequence_law import OUTPUTS, Laws, read_outputs

outputs = st.lists(st.floats(-20, 20), min_size=len(OUTPUTS), max_size=len(OUTPUTS)).map(lambda o: np.array([o]))
horizons = st.lists(st.floats(0.01, 20), min_size=2, max_size=5, unique=True).map(lambda u: np.array(sorted(u)))


def one(**changed: float) -> Laws:
    told = {"rate": 2.0, "bend": 0.4, "active": 0.7, "shape": 0.8, "spend": 30.0}
    told |= {"purchase_variation": 0.5, "level_variation": 0.3, "kept": 0.9, **changed}
    return Laws(**{name: np.array([figure]) for name, figure in told.items()})


@given(outputs, horizons)
def test_purchases_grow_with_the_horizon_and_none_grows_rarer(told: np.ndarray, u: np.ndarray) -> None:
    laws = read_outputs(told, 1.0)
    expected = law.expected_purchases(laws, u)
    assert np.all(expected >= 0)
    assert np.all(np.diff(expected) >= 0)
    assert np.all(np.diff(law.p_none(laws, expected)) <= 1e-15)


@given(outputs, st.floats(0.5, 10))
def test_half_of_the_chance_of_a_purchase_lies_before_the_median(told: np.ndarray, longest: float) -> None:
    laws = read_outputs(told, 1.0)
    wait = law.median_wait(laws, longest)
    some = [1.0 - law.p_none(laws, law.expected_purchases(laws, np.array([u])))[0, 0] for u in (wait[0], longest)]
    assert 0.0 <= wait[0] <= longest
    assert some[0] == pytest.approx(some[1] / 2, rel=1e-4, abs=1e-9)


def test_none_and_moments_are_those_of_a_negative_binomial_with_idle_customers() -> None:
    laws = one()
    expected = np.array([[1.3]])
    active = nbinom(0.8, 0.8 / (0.8 + 1.3 / 0.7))
    assert law.p_none(laws, expected)[0, 0] == pytest.approx(0.3 + 0.7 * active.pmf(0))
    assert law.second_moment(laws, expected)[0, 0] == pytest.approx(0.7 * (active.var() + active.mean() ** 2))


def test_a_bend_of_1_is_a_constant_rate_and_of_0_a_logarithm() -> None:
    u = np.array([0.5, 3.0])
    assert law.expected_purchases(one(bend=1.0), u)[0] == pytest.approx(2.0 * u)
    assert law.expected_purchases(one(bend=0.0), u)[0] == pytest.approx(2.0 * np.log1p(u), rel=1e-4)


def test_variation_of_value_is_that_of_a_sum_of_purchases_of_one_level() -> None:
    """By simulation, 400,000 customers; 2 % is 5 standard errors of it."""
    rng, laws, mean = np.random.default_rng(4), one(), 1.3
    n = rng.negative_binomial(0.8, 0.8 / (0.8 + mean / 0.7), 400_000) * (rng.random(400_000) < 0.7)
    n = n[n > 0]
    level = rng.gamma(1 / 0.3, 0.3, len(n))
    value = level * rng.gamma(n / 0.5, 0.5)  # n purchases of mean 1 and squared variation .5
    expected = np.array([[mean]])
    found = law.value_variation(laws, expected, 1.0 - law.p_none(laws, expected))[0, 0]
    assert found == pytest.approx(value.var() / value.mean() ** 2, rel=0.02)


def test_quantiles_of_a_customers_own_value_are_those_of_idle_or_gamma() -> None:
    laws, levels = one(), np.array([0.05, 0.25, 0.31, 0.9])
    shape = 1.0 / (1 / 0.8 + 0.3 + 0.3 / 0.8)
    wanted = gamma(shape, scale=1 / (shape * 0.7)).ppf(np.maximum((levels - 0.3) / 0.7, 0.0))
    assert law.own_quantiles(laws, levels)[0] == pytest.approx(wanted)
    assert law.own_variation(laws)[0] == pytest.approx(np.sqrt((1 + 1 / shape) / 0.7 - 1))
