"""Conformal levels: they cover what they say where customers are exchangeable, and say what they covered later."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from farview.evaluation.conformal import covered, level_to_take, time_split
from farview.evaluation.marginals import Pit


def narrow(seed: int, customers: int, power: float) -> Pit:
    """Outcomes of laws that are too narrow (power < 1) or too wide: the transform bulges at its ends or its middle."""
    middle = np.random.default_rng(seed).beta(power, power, customers)
    return Pit(middle, middle)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_unseen_customers_of_the_same_time_are_covered(power: float, level: float) -> None:
    """Mean over 200 splits of 300 customers, within 3 standard errors of the level."""
    shares = [
        covered(narrow(10_000 + seed, 300, power), level_to_take([narrow(seed, 300, power)], level))
        for seed in range(200)
    ]
    error = np.std(shares) / np.sqrt(len(shares))
    assert level - 3 * error < np.mean(shares) < level + 1 / 300 + 3 * error


@given(st.integers(5, 400), st.floats(0.05, 0.95), st.floats(0.3, 3.0))
def test_what_was_seen_is_covered_and_hardly_more(customers: int, level: float, power: float) -> None:
    pit = narrow(1, customers, power)
    take = level_to_take([pit], level)
    assert covered(pit, min(take + 1e-6, 1.0)) >= min(level, 1.0) - 1e-9
    assert take == 1.0 or covered(pit, max(take - 1e-4, 0.0)) <= level * (customers + 1) / customers + 1e-9


def test_atoms_count_by_their_share() -> None:
    """Everybody at 0, whose probability is .6: of the atom 5/6 lies within the central 80 % from .1 on, and so on."""
    pit = Pit(np.zeros(1000), np.full(1000, 0.6))
    take = level_to_take([pit], 0.7)
    assert covered(pit, take) == pytest.approx(0.7, abs=0.002)


def test_few_outcomes_promise_no_more_than_the_whole_law() -> None:
    assert level_to_take([narrow(0, 9, 1.0)], 0.95) == 1.0


def test_time_split_learns_on_earlier_origins_and_judges_on_the_newest() -> None:
    found = time_split([narrow(1, 5000, 0.5), narrow(2, 5000, 0.5), narrow(3, 5000, 2.0)], 0.8)
    assert found is not None
    assert found.take > 0.9  # earlier laws were too narrow
    assert found.covered > 0.95  # the newest was not
    assert found.covered_as_is == pytest.approx(covered(narrow(3, 5000, 2.0), 0.8))


def test_one_origin_cannot_be_split() -> None:
    assert time_split([narrow(1, 50, 1.0)], 0.8) is None
