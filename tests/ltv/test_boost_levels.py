"""How much of what the anchor got wrong in the past is carried on."""

import numpy as np
import pytest

from ltv.boost_levels import number_level
from ltv.boost_rows import TargetRows

CUSTOMERS = 20_000


def block(off: float, customers: int = CUSTOMERS) -> TargetRows:
    """An origin where everybody was expected to buy once for certain, and bought exp(off) times."""
    ones = np.ones(customers)
    return TargetRows(
        inputs=np.zeros((customers, 0)),
        fold=np.zeros(customers, dtype=np.int64),
        hazard=50.0 * ones,
        more=np.zeros(customers),
        spend=ones,
        purchases=np.exp(off) * ones,
        gross_value=ones,
        returned=np.zeros(customers),
    )


def test_what_was_wrong_each_time_is_carried_on() -> None:
    assert number_level([block(-0.2), block(-0.21), block(-0.19)]) == pytest.approx(-0.2, rel=0.02)


def test_what_differs_from_one_origin_to_the_next_is_not() -> None:
    assert number_level([block(-0.2), block(0.2), block(0.05)]) == 0.0


def test_it_never_goes_beyond_the_mean_nor_past_nothing() -> None:
    for spread in np.linspace(0.0, 0.5, 11):
        assert 0.0 <= number_level([block(0.1 - spread), block(0.1), block(0.1 + spread)]) <= 0.1


def test_few_buyers_move_little() -> None:
    assert abs(number_level([block(-0.2, 20), block(-0.2, 20), block(-0.2, 20)])) < 0.04


@pytest.mark.parametrize("blocks", [[], [block(0.3)], [block(0.3), block(-np.inf)]])
def test_one_origin_or_one_without_a_purchase_tells_nothing(blocks: list[TargetRows]) -> None:
    assert number_level(blocks) == 0.0
