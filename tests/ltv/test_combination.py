"""The pool: exact scores, weights where they belong, a member alone where the pool does not win."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core import quantile_grid as grid
from farview.core.errors import InvalidInput
from farview.core.quantile_grid import GridLaw
from ltv.combination import SEGMENTS, Member, Trial, fit_weights, pooled, raised, segments
from tests.tiers import examples

ROWS = 3000


def gamma_law(mean: np.ndarray, p_zero: np.ndarray, shape: float = 1.5) -> GridLaw:
    """Gamma given that it is not 0, its points at the middles of the last cell's tail."""
    from scipy.stats import gamma

    levels = np.minimum(grid.LEVELS, 0.9996)
    return GridLaw(p_zero, gamma.ppf(levels, shape)[None] * (mean / shape)[:, None], counts=False)


def trial(seed: int, errors: tuple[float, ...], rows: int = ROWS) -> Trial:
    """Customers of different levels; members know each level up to an error of their own."""
    random = np.random.default_rng(seed)
    level, p_zero = np.exp(random.normal(3.0, 0.8, rows)), random.uniform(0.2, 0.8, rows)
    value = np.where(random.random(rows) < p_zero, 0.0, random.gamma(1.5, level / 1.5))
    purchases = np.where(value > 0, 1.0 + random.poisson(0.5, rows), 0.0)
    count = GridLaw(
        p_zero, np.sort(1.0 + random.poisson(0.5, (rows, 33)) + random.uniform(-0.5, 0.5, (rows, 33))), True
    )
    members = [Member(count, gamma_law(level * np.exp(random.normal(0.0, error, rows)), p_zero)) for error in errors]
    return Trial(tuple(members), purchases, value, (random.random(rows) < 0.5).astype(np.int64))


def test_the_pools_mean_is_the_mean_of_the_members() -> None:
    one = trial(1, (0.3, 0.6))
    weights = np.column_stack([np.full(ROWS, 0.3), np.full(ROWS, 0.7)])
    means = np.stack([grid.mean(member.value) for member in one.members], axis=1)
    found = grid.mean(pooled([member.value for member in one.members], weights))
    np.testing.assert_allclose(found, (means * weights).sum(axis=1), rtol=0.02)


def test_the_pools_law_is_the_mixture_of_the_members() -> None:
    one = trial(1, (0.3, 0.9), rows=200)
    weights = np.column_stack([np.full(200, 0.25), np.full(200, 0.75)])
    laws = [member.value for member in one.members]
    law = pooled(laws, weights)
    for level in (0.3, 0.6, 0.9):
        at = grid.quantile(laws[0], level)
        mixed = 0.25 * grid.cdf(laws[0], at) + 0.75 * grid.cdf(laws[1], at)
        np.testing.assert_allclose(grid.cdf(law, at), mixed, atol=0.01)


@pytest.mark.parametrize("member", [0, 1])
def test_a_member_with_all_the_weight_is_the_pool(member: int) -> None:
    one = trial(2, (0.3, 0.6), rows=300)
    weights = np.zeros((300, 2))
    weights[:, member] = 1.0
    law = pooled([each.value for each in one.members], weights)
    np.testing.assert_allclose(law.points, one.members[member].value.points, rtol=1e-9)


def test_two_half_informed_members_share_the_weight_and_win() -> None:
    weights = fit_weights([trial(seed, (0.7, 0.7)) for seed in (1, 2, 3)])
    assert weights.gain > 0
    assert np.all((np.array(weights.by_segment) > 0.3) & (np.array(weights.by_segment) < 0.7))


def test_the_informed_member_takes_nearly_all() -> None:
    weights = fit_weights([trial(seed, (0.05, 1.2)) for seed in (1, 2)])
    assert all(row[0] > 0.85 for row in weights.by_segment)


def test_where_pools_do_not_win_on_what_was_left_out_the_best_member_stands_alone() -> None:
    # Each origin speaks for the other member: what one teaches is wrong for the next.
    first, second = trial(1, (0.1, 1.5)), trial(2, (1.5, 0.1))
    weights = fit_weights([first, second])
    assert weights.gain <= 0
    assert set(weights.by_segment) <= {(1.0, 0.0), (0.0, 1.0)}
    assert weights.power == 1.0


def test_of_one_origin_the_pool_has_to_win_on_every_other_customer() -> None:
    weights = fit_weights([trial(1, (0.7, 0.7))])
    assert weights.gain > 0
    assert np.all((np.array(weights.by_segment) > 0.3) & (np.array(weights.by_segment) < 0.7))
    first, second = trial(1, (0.1, 1.5)), trial(2, (1.5, 0.1))
    contrary = mixed(first, second)  # even customers speak for one member, odd ones for the other
    assert set(fit_weights([contrary]).by_segment) <= {(1.0, 0.0), (0.0, 1.0)}


def mixed(even: Trial, odd: Trial) -> Trial:
    """Customers of two trials by turns."""

    def turns(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.stack([one, other], axis=1).reshape(-1, *one.shape[1:])

    def law(one: GridLaw, other: GridLaw) -> GridLaw:
        return GridLaw(turns(one.p_zero, other.p_zero), turns(one.points, other.points), one.counts)

    members = [
        Member(law(a.purchases, b.purchases), law(a.value, b.value))
        for a, b in zip(even.members, odd.members, strict=True)
    ]
    columns = ((even.purchases, odd.purchases), (even.value, odd.value), (even.segment, odd.segment))
    return Trial(tuple(members), *(turns(*pair) for pair in columns))


def test_an_origin_of_one_customer_is_enough_to_choose_a_member() -> None:
    assert set(fit_weights([trial(1, (0.7, 0.7), rows=1)]).by_segment) <= {(1.0, 0.0), (0.0, 1.0)}


def test_no_origin_is_refused() -> None:
    with pytest.raises(InvalidInput, match="let more time pass"):
        fit_weights([])


def test_a_small_segment_follows_everybody() -> None:
    def turned(seed: int) -> Trial:
        one = trial(seed, (0.3, 0.9))
        few = np.zeros(ROWS, dtype=np.int64)
        few[:20] = 1
        return replace(one, segment=few)

    most, few, nobody = fit_weights([turned(seed) for seed in (1, 2)]).by_segment
    assert np.abs(np.array(most) - np.array(few)).max() < 0.05
    assert np.abs(np.array(most) - np.array(nobody)).max() < 0.05


def test_customers_are_new_until_they_come_back_or_are_known_for_as_long_as_the_pool_looks_ahead() -> None:
    found = segments(np.array([0, 0, 0, 1, 5]), np.array([0, 89, 90, 3, 400]), 90)
    assert [SEGMENTS[k] for k in found] == ["new", "new", "0", "1+", "1+"]


@settings(max_examples=examples(ci=20, soak=500), deadline=None)
@given(power=st.floats(0.5, 1.5), mean=st.floats(0.01, 1e6))
def test_a_power_keeps_the_mean_and_the_order(power: float, mean: float) -> None:
    law = gamma_law(np.array([mean]), np.array([0.4]))
    changed = raised(law, power)
    assert grid.mean(changed)[0] == pytest.approx(grid.mean(law)[0])
    assert np.all(np.diff(changed.points) >= 0)
    assert (grid.sd(changed)[0] > grid.sd(law)[0]) == (power > 1) or power == pytest.approx(1.0, abs=1e-3)
