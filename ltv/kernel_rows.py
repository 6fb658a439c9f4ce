"""Forecasts of many customers, one after the other: what `ltv.scorer` calls once per chunk of distinct histories.

Three passes (purchases, value, the customer's own expected value), because one function with all their arrays takes
LLVM half a minute to compile.
"""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from farview.core.cell_points import fit_cells
from farview.core.count_points import count_points
from ltv.count_law import NEVER
from ltv.kernel_expected import (
    MOST_BINS,
    MOST_LEVEL_BINS,
    Expected,
    SpendLevels,
    bin_level,
    convolve,
    expect,
    place,
    quantiles,
)
from ltv.kernel_process import PurchaseDraws, PurchasePoints, median_wait, observe, survival
from ltv.kernel_purchases import LARGEST_COUNT, TABLE_SHORT, History, Levels, State, Survival, count_quantiles
from ltv.kernel_value import (
    LONGEST_LATTICE,
    Counts,
    Integrated,
    Lattice,
    Span,
    SpendNodes,
    cell_means,
    densities,
    invert,
    span,
    spend_shape,
    weigh,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FEWEST_MOMENTS = 2.25  # a spend variance is reported only when every draw's q + p x is above this
READY, COUNTED = 0, 1  # all done; the law of value is next
VALUE_LARGE, COUNTS_LARGE = 2, 3  # what a row and horizon needs of `ltv.large_counts`
DONE, LONGER_TABLES, MORE_ROOM = 0, 1, 2  # why `purchase_rows` came back


class Rows(NamedTuple):
    """Distinct histories, n rows."""

    frequency: IntArray
    recency: FloatArray
    age: FloatArray
    spent: FloatArray  # x m
    first: FloatArray  # amount of the first purchase, where the spend model reads it; else 0
    group: IntArray  # for totals
    copies: FloatArray  # how many customers share the row


class Asked(NamedTuple):
    """What is forecast."""

    horizons: FloatArray  # (H,) days, rising
    levels: Levels


class Spend(NamedTuple):
    """Spend parameter draws, each (S,)."""

    p: FloatArray
    q: FloatArray
    v: FloatArray
    first_shape: FloatArray  # see `kernel_value.SpendNodes`
    first_weight: FloatArray


class Draws(NamedTuple):
    """Parameter draws; the two posteriors are independent."""

    purchases: PurchaseDraws
    spend: Spend


class PurchaseLaws(NamedTuple):
    """Results of the first pass: n rows, H horizons, 33 grid points, 5 quantile columns, S draws."""

    status: IntArray  # (n, H)
    alive: FloatArray  # (n, S) P(alive) under each draw
    median_wait: FloatArray  # (n,) days
    at_least: FloatArray  # survival functions of all rows and horizons, see `kernel_value.Counts`
    start: IntArray  # (n, H)
    length: IntArray  # (n, H)
    some: FloatArray  # (n, H) P(N > 0)
    moments: FloatArray  # (n, H, 2) E N, E N^2
    spend: FloatArray  # (n, 3) mean over draws of E p/nu, E p/nu^2, E p^2/nu^2; the last two inf if they do not exist
    points: FloatArray  # (n, H, 33) as stored
    columns: FloatArray  # (n, H, 5)
    totals: FloatArray  # (groups, H, 4, S) adds up: mean and variance of purchases, then of value, given the draw


class ValueLaws(NamedTuple):
    """Results of the second pass."""

    points: FloatArray  # (n, H, 33) as stored
    columns: FloatArray  # (n, H, 5)


class Known(NamedTuple):
    """What the third pass reads of the first one's results and of the model's tables."""

    slot: IntArray  # (n,) where the tables of the row's counts are
    alive: FloatArray  # see PurchaseLaws
    spend: FloatArray
    nodes: SpendNodes
    points: PurchasePoints
    levels: SpendLevels


class ExpectedLaws(NamedTuple):
    """Results of the third pass."""

    variation: FloatArray  # (n, H) sd over mean
    columns: FloatArray  # (n, H, 5)


class _Scratch(NamedTuple):
    state: State
    at_least: FloatArray  # (LARGEST_COUNT + 2,)
    first: FloatArray  # (H, S)
    second: FloatArray  # (H, S)
    scratch: FloatArray  # (4, S)
    level: FloatArray  # (S,) E p/nu under each draw
    square: FloatArray  # (S,) E 1/nu^2 under each draw


@numba.njit(nogil=True, cache=True, error_model="numpy")
def history_of(rows: Rows, i: int) -> History:
    """Row i."""
    return History(rows.frequency[i], rows.recency[i], rows.age[i], rows.spent[i], rows.first[i])


@numba.njit(nogil=True, cache=True, error_model="numpy")
def purchase_rows(rows: Rows, draws: Draws, asked: Asked, out: PurchaseLaws, start: int) -> tuple[int, int]:
    """Laws of purchases, moments of spend and what totals add up, of rows from `start` on.

    Returns:
        The first row not done, and why: DONE (there is none), LONGER_TABLES (the row needs longer tables of the model)
        or MORE_ROOM (out.at_least is full).
    """
    S, H = len(draws.spend.p), len(asked.horizons)
    state = State(np.empty(S), np.empty(S))
    work = _Scratch(
        state,
        np.zeros(LARGEST_COUNT + 2),
        np.empty((H, S)),
        np.empty((H, S)),
        np.empty((4, S)),
        np.empty(S),
        np.empty(S),
    )
    used = 0
    for i in range(start, len(rows.frequency)):
        if used + H * len(work.at_least) > len(out.at_least):
            return i, MORE_ROOM
        history = history_of(rows, i)
        observe(history, draws.purchases, state)
        out.alive[i] = state.alive
        for h in range(H):
            into = Survival(
                work.at_least, work.first[h], work.second[h],
                work.scratch[0], work.scratch[1], work.scratch[2], work.scratch[3],
            )  # fmt: skip
            length = survival(history, asked.horizons[h], state, draws.purchases, into)
            if length == TABLE_SHORT:
                out.status[i] = READY  # as before: the pass over values must not take up half a row
                return i, LONGER_TABLES
            out.length[i, h] = length
            out.start[i, h] = used
            if length < 0:
                out.status[i, h:] = COUNTS_LARGE
                break
            out.status[i, h] = COUNTED
            out.at_least[used : used + length + 2] = work.at_least[: length + 2]
            used += length + 2
        _spend(i, history, draws.spend, work, out)
        for h in range(H):
            if out.status[i, h] == COUNTED:
                _finish(i, h, asked.levels, out)
                _add_up(h, rows.copies[i], draws.spend, work, out.totals[rows.group[i], h])
        out.median_wait[i] = median_wait(history, asked.horizons[-1], state, draws.purchases)
    return len(rows.frequency), DONE


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _finish(i: int, h: int, levels: Levels, out: PurchaseLaws) -> None:
    """Moments and quantiles of one survival function."""
    length = out.length[i, h]
    at_least = out.at_least[out.start[i, h] : out.start[i, h] + length + 2]
    mean, squared = 0.0, 0.0
    for n in range(1, length + 1):
        mean += at_least[n]
        squared += (2.0 * n - 1.0) * at_least[n]
    out.moments[i, h, 0] = mean
    out.moments[i, h, 1] = squared
    out.some[i, h] = at_least[1]
    if at_least[1] > NEVER:
        count_points(at_least, length, mean / at_least[1], levels.some, out.points[i, h])
    count_quantiles(at_least, length, levels.whole, out.columns[i, h])


@numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _spend(i: int, history: History, draws: Spend, work: _Scratch, out: PurchaseLaws) -> None:
    """Moments of the spend level under each draw and on average."""
    S = len(draws.p)
    level, linear, quadratic, fewest = 0.0, 0.0, 0.0, np.inf
    seen = 1.0 if history.first > 0.0 else 0.0
    for s in range(S):
        moments = draws.q[s] + draws.p[s] * history.x + draws.first_shape[s] * seen  # of 1/nu: those below it exist
        scale = draws.v[s] + history.spent + draws.first_weight[s] * history.first
        work.level[s] = draws.p[s] * scale / (moments - 1.0)
        work.square[s] = scale * scale / ((moments - 1.0) * max(moments - 2.0, FEWEST_MOMENTS - 2.0))
        level += work.level[s]
        linear += draws.p[s] * work.square[s]
        quadratic += draws.p[s] * draws.p[s] * work.square[s]
        fewest = min(fewest, moments)
    out.spend[i, 0] = level / S
    out.spend[i, 1] = linear / S if fewest > FEWEST_MOMENTS else np.inf
    out.spend[i, 2] = quadratic / S if fewest > FEWEST_MOMENTS else np.inf


@numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _add_up(h: int, copies: float, draws: Spend, work: _Scratch, total: FloatArray) -> None:
    """Adds the customers' means and variances given each draw to their group's, (4, S)."""
    first, second = work.first[h], work.second[h]
    for s in range(len(first)):
        value = first[s] * work.level[s]
        squared = work.square[s] * draws.p[s] * (first[s] + draws.p[s] * second[s])
        total[0, s] += copies * first[s]
        total[1, s] += copies * (second[s] - first[s] * first[s])
        total[2, s] += copies * value
        total[3, s] += copies * max(squared - value * value, 0.0)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def value_rows(rows: Rows, nodes: SpendNodes, laws: PurchaseLaws, levels: Levels, out: ValueLaws) -> None:
    """Laws of value where the status is COUNTED; then it is READY, or VALUE_LARGE where that takes another method."""
    H = laws.status.shape[1]
    lattice = Lattice(
        np.empty((H, LONGEST_LATTICE)),
        np.empty(LONGEST_LATTICE),
        np.empty(LONGEST_LATTICE),
        np.empty(LONGEST_LATTICE),
        np.empty(LONGEST_LATTICE),
        np.empty(LONGEST_LATTICE),
        np.empty(LONGEST_LATTICE),
        np.empty(LARGEST_COUNT + 2),
    )
    for i in range(len(rows.frequency)):
        ready = 0
        while ready < H and laws.status[i, ready] == COUNTED:
            ready += 1
        if ready == 0:
            continue
        history = history_of(rows, i)
        counts = Counts(laws.at_least, laws.start[i, :ready], laws.length[i, :ready])
        on = span(history, nodes, counts)
        laws.status[i, :ready] = READY if on.size else VALUE_LARGE
        if on.size == 0:
            continue
        densities(history, nodes, counts, on, lattice)
        lightest = np.inf
        for j in range(len(nodes.p)):
            lightest = min(lightest, spend_shape(j, history, nodes))
        slopes = (np.min(nodes.p) * on.smallest_count, lightest)
        for h in range(ready):
            some = laws.some[i, h]
            if some > NEVER:
                law = weigh(h, on, slopes, lattice)
                if not 0.98 < law.total < 1.02:  # powers out of range, or a lattice too coarse: it should be 1
                    laws.status[i, h] = VALUE_LARGE
                    continue
                mean = laws.moments[i, h, 0] / some * laws.spend[i, 0]
                _read(law, on, (some, mean), levels, (out.points[i, h], out.columns[i, h]))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _read(
    law: Integrated, on: Span, given_some: tuple[float, float], levels: Levels, out: tuple[FloatArray, FloatArray]
) -> None:
    """Points and quantile columns of one law; given_some is P(V > 0) and the mean given that."""
    (some, mean), (points, columns) = given_some, out
    inside = np.empty(len(levels.whole))
    for k in range(len(inside)):
        inside[k] = max(levels.whole[k] - (1.0 - some), 0.0) / some
    invert(inside, law, on, columns)
    invert(levels.some[:-1], law, on, points)
    fit_cells(cell_means(points, levels.some, law, on, mean), points)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def expected_rows(rows: Rows, known: Known, asked: Asked, out: ExpectedLaws) -> None:
    """Laws of the customers' own expected value."""
    points, nodes, P = known.points, known.nodes, len(known.points.draw)
    work = Expected(
        np.empty(P),
        np.empty(P),
        np.empty(P),
        np.empty(P),
        np.empty(MOST_BINS),
        np.empty(MOST_LEVEL_BINS),
        np.empty(MOST_BINS + MOST_LEVEL_BINS + 1),
    )
    for i in range(len(rows.frequency)):
        history, slot = history_of(rows, i), known.slot[i]
        living = place(history, slot, known.alive[i], points, work)
        bins = bin_level(history, slot, nodes, known.levels, work)
        for h in range(len(asked.horizons)):
            first, second = expect(asked.horizons[h], work)
            start = convolve(bins, work)
            squared = quantiles(asked.levels.whole, start, bins.width, work.law, out.columns[i, h])
            # Rates and spend levels are independent, so their squared means multiply; the spend's are known exactly.
            level, quadratic = known.spend[i, 0], known.spend[i, 2]
            if quadratic < np.inf:
                ratio = second / (first * first) * (quadratic / (level * level))
            else:
                ratio = squared / (first * level) ** 2
            out.variation[i, h] = np.sqrt(max(ratio - 1.0, 0.0)) if ratio < np.inf and living > 0.0 else 0.0
