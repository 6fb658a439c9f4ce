"""The Pareto/NBD's law of purchases: its recurrence, in both directions, against integrals; large counts."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betaln

from ltv import kernel_pareto_nbd, large_pareto_nbd
from ltv.kernel_pareto_nbd import ParetoNbd
from ltv.kernel_purchases import LARGEST_COUNT, History, State, Survival
from tests.ltv.predictive import known_model
from tests.tiers import examples

CASES = [  # r, alpha, s, beta; x, T; horizon
    ((0.55, 74.0, 0.6, 82.0), (2, 270.0), 365.0),  # alpha + T < beta + T: downwards
    ((0.55, 300.0, 0.6, 50.0), (0, 10.0), 30.0),  # alpha + T > 2 (beta + T), short horizon: downwards
    ((1.1, 900.0, 0.8, 50.0), (900, 100.0), 90.0),  # downwards, with many purchases
    ((0.9, 400.0, 1.5, 3.0), (0, 0.0), 365.0),  # dies young, buys slowly: upwards
    ((2.0, 900.0, 0.4, 20.0), (25, 100.0), 900.0),  # upwards, with many purchases
    ((3.0, 20.0, 2.0, 500.0), (40, 300.0), 200.0),
]


def stepped(draws: np.ndarray, history: History, horizon: float) -> tuple[Survival, int, State, ParetoNbd]:
    of = ParetoNbd(draws, 3 * LARGEST_COUNT, float(draws[:, 0].max()), float(draws[:, 1].min()))
    state = State(*np.empty((2, len(draws))))
    kernel_pareto_nbd.observe(history, of, state)
    out = Survival(np.zeros(LARGEST_COUNT + 2), *np.empty((6, len(draws))))
    return out, kernel_pareto_nbd.survival(history, horizon, state, of, out), state, of


def bought(n: int, params: tuple[float, ...], x: int, age: float, horizon: float) -> float:
    """P(N >= n | alive): the n-th arrival comes within the horizon and within the life."""
    r, alpha, s, beta = params
    shape, a, b = r + x, alpha + age, beta + age

    def density(y: float) -> float:
        t = a * math.expm1(y)
        log_arrival = (n - 1) * math.log(t) + shape * math.log(a) - (shape + n) * math.log(a + t) - betaln(n, shape)
        return math.exp(log_arrival - s * math.log1p(t / b)) * (a + t)

    middle = min(math.log1p(n / shape), 0.9 * math.log1p(horizon / a))
    end = math.log1p(horizon / a)
    return sum(
        quad(density, *ends, epsabs=1e-13, epsrel=1e-10, limit=300)[0] for ends in ((1e-12, middle), (middle, end))
    )


@pytest.mark.parametrize(("params", "history", "horizon"), CASES)
def test_the_recurrence_gives_the_integrals(
    params: tuple[float, ...], history: tuple[int, float], horizon: float
) -> None:
    x, age = history
    out, length, state, _ = stepped(np.array([params]), History(x, 0.7 * age if x else 0.0, age, 10.0), horizon)
    assert length > 0
    for n in (1, 2, 5, 12, length):
        if n <= length:
            seen = out.at_least[n] / state.alive[0]
            assert seen == pytest.approx(bought(n, params, x, age, horizon), rel=1e-6, abs=1e-10)


@pytest.mark.parametrize("slow", [(0.031, 42.0, 0.32, 11.4), (0.5, 60.0, 0.3, 26.0)])
def test_beside_a_draw_of_thousands_of_purchases_one_of_a_few_keeps_its_law(slow: tuple[float, ...]) -> None:
    """Its arrivals have long come to the smallest of numbers where the recurrence starts."""
    out, length, state, _ = stepped(np.array([slow, (250.0, 0.7, 1.0, 50.0)]), History(0, 0.0, 9.0, 10.0), 89.0)
    alone, _, _, _ = stepped(np.array([(250.0, 0.7, 1.0, 50.0)]), History(0, 0.0, 9.0, 10.0), 89.0)
    assert length > 3_000
    for n in (1, 2, 5, 12):
        seen = (2.0 * out.at_least[n] - alone.at_least[n]) / state.alive[0]
        assert seen == pytest.approx(bought(n, slow, 0, 9.0, 89.0), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("params", "history", "horizon"), CASES)
def test_moments_are_those_of_the_law(params: tuple[float, ...], history: tuple[int, float], horizon: float) -> None:
    x, age = history
    out, length, _, _ = stepped(np.array([params]), History(x, 0.7 * age if x else 0.0, age, 10.0), horizon)
    n = np.arange(1, length + 1)
    assert out.at_least[n].sum() == pytest.approx(out.first[0], rel=1e-5)
    assert ((2 * n - 1) * out.at_least[n]).sum() == pytest.approx(out.second[0], rel=1e-4)


SOMEWHERE = [st.floats(math.log(low), math.log(high)).map(math.exp) for low, high in 2 * [(0.05, 20.0), (1.0, 1e3)]]


@given(st.tuples(*SOMEWHERE), st.integers(0, 300), st.floats(0.0, 2_000.0), st.sampled_from([30.0, 365.0, 3_650.0]))
@example((18.9, 700.0, 1.9, 2.7), 240, 367.0, 3_650.0)  # errors grow by e^191 upwards, by e^271 downwards
@settings(max_examples=examples(ci=60, soak=5_000))
def test_whatever_is_stepped_through_has_the_mean_of_its_moments(
    params: tuple[float, ...], x: int, age: float, horizon: float
) -> None:
    out, length, _, _ = stepped(np.array([params]), History(x, age if x else 0.0, age, 10.0), horizon)
    if length > 0:  # else left to the method for large counts
        assert out.at_least[1 : length + 1].sum() == pytest.approx(out.first[0], rel=1e-3)


@pytest.mark.parametrize(
    "history", [History(0, 0.0, 0.0, 0.0), History(2, 30.0, 90.0, 40.0), History(60, 350.0, 365.0, 9.0)]
)
def test_the_method_for_large_counts_is_near_the_recurrence(history: History) -> None:
    draws = np.ascontiguousarray(known_model(purchases="pareto_nbd").purchase_draws)
    out, length, state, of = stepped(draws, history, 365.0)
    law = large_pareto_nbd.law(history, 365.0, state.alive, of)
    n = law.n[law.n <= length].astype(np.int64)
    np.testing.assert_allclose(law.at_least[: len(n)], out.at_least[n], atol=0.01)
    assert law.at_least[0] == pytest.approx(out.at_least[1], rel=1e-6)
