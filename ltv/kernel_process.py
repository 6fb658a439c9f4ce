"""Which kernels a purchase process has: found by the type of its named tuple, in compiled code and from Python alike.

A kernel that calls `observe(history, draws, state)` is compiled once for each type of draws, so that no loop asks which
process it is in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numba.extending import overload

from ltv import kernel_beta_dropout, kernel_bg_bb, kernel_pareto_nbd
from ltv.kernel_beta_dropout import BetaDropout, BetaDropoutPoints
from ltv.kernel_bg_bb import BgBb, BgBbPoints
from ltv.kernel_pareto_nbd import ParetoNbd, ParetoNbdPoints
from ltv.kernel_purchases import FloatArray, History, State, Survival

PurchaseDraws = BetaDropout | ParetoNbd | BgBb
PurchasePoints = BetaDropoutPoints | ParetoNbdPoints | BgBbPoints

Kernel = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class _Kernels:
    observe: Kernel
    survival: Kernel
    median_wait: Kernel


_OF_DRAWS = {
    BetaDropout: _Kernels(
        kernel_beta_dropout.observe, kernel_beta_dropout.survival, kernel_beta_dropout.median_wait
    ),
    ParetoNbd: _Kernels(kernel_pareto_nbd.observe, kernel_pareto_nbd.survival, kernel_pareto_nbd.median_wait),
    BgBb: _Kernels(kernel_bg_bb.observe, kernel_bg_bb.survival, kernel_bg_bb.median_wait),
}  # fmt: skip
_OF_POINTS = {
    BetaDropoutPoints: kernel_beta_dropout.place,
    ParetoNbdPoints: kernel_pareto_nbd.place,
    BgBbPoints: kernel_bg_bb.place,
}


def observe(history: History, draws: PurchaseDraws, out: State) -> None:
    """What the history says under each draw, into out."""
    _OF_DRAWS[type(draws)].observe(history, draws, out)


def survival(history: History, horizon: float, state: State, draws: PurchaseDraws, out: Survival) -> int:
    """P(N >= n) for n = 1 .. the returned length, into out, with each draw's moments; or LARGE, or TABLE_SHORT."""
    return int(_OF_DRAWS[type(draws)].survival(history, horizon, state, draws, out))


def median_wait(history: History, horizon: float, state: State, draws: PurchaseDraws) -> float:
    """Median days to the next purchase given one within the horizon, at most `horizon`."""
    return float(_OF_DRAWS[type(draws)].median_wait(history, horizon, state, draws))


def place(history: History, slot: int, points: PurchasePoints, rate: FloatArray, drop: FloatArray) -> None:
    """Purchase rate a day and odds of dropping out before rather than after a purchase, of every point, each (P,)."""
    _OF_POINTS[type(points)](history, slot, points, rate, drop)


@overload(observe)
def _observe(history: Any, draws: Any, out: Any) -> Kernel:  # noqa: ARG001 - numba matches names
    chosen = _OF_DRAWS[draws.instance_class].observe

    def run(history: Any, draws: Any, out: Any) -> Any:
        return chosen(history, draws, out)

    return run


@overload(survival)
def _survival(history: Any, horizon: Any, state: Any, draws: Any, out: Any) -> Kernel:  # noqa: ARG001 - numba matches names
    chosen = _OF_DRAWS[draws.instance_class].survival

    def run(history: Any, horizon: Any, state: Any, draws: Any, out: Any) -> Any:
        return chosen(history, horizon, state, draws, out)

    return run


@overload(median_wait)
def _median_wait(history: Any, horizon: Any, state: Any, draws: Any) -> Kernel:  # noqa: ARG001 - numba matches names
    chosen = _OF_DRAWS[draws.instance_class].median_wait

    def run(history: Any, horizon: Any, state: Any, draws: Any) -> Any:
        return chosen(history, horizon, state, draws)

    return run


@overload(place)
def _place(history: Any, slot: Any, points: Any, rate: Any, drop: Any) -> Kernel:  # noqa: ARG001 - numba matches names
    chosen = _OF_POINTS[points.instance_class]

    def run(history: Any, slot: Any, points: Any, rate: Any, drop: Any) -> Any:
        return chosen(history, slot, points, rate, drop)

    return run
