"""The whole forecast of many customers, one after the other: what `ltv.scorer` calls once per chunk of rows."""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from farview.core.count_points import count_points
from ltv.kernel_expected import (
    MOST_BINS,
    MOST_LEVEL_BINS,
    Expected,
    Points,
    bin_level,
    convolve,
    expect,
    place,
    quantiles,
)
from ltv.kernel_purchases import (
    LARGEST_COUNT,
    TABLE_SHORT,
    History,
    Levels,
    Purchases,
    State,
    Survival,
    count_quantiles,
    median_wait,
    observe,
    survival,
)
from ltv.kernel_value import (
    LONGEST_LATTICE,
    Counts,
    Integrated,
    Lattice,
    SpendNodes,
    densities,
    integrate,
    invert,
    span,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FEWEST_MOMENTS = 2.25  # a spend variance is reported only when every draw's q + p x is above this
READY, VALUE_LARGE, COUNTS_LARGE = 0, 1, 2  # what a row and horizon still needs from `ltv.large_counts`


class Rows(NamedTuple):
    """Distinct histories, n rows."""

    frequency: IntArray
    recency: FloatArray
    age: FloatArray
    spent: FloatArray  # x m
    slot: IntArray  # see `kernel_expected.Points`
    group: IntArray  # for totals
    copies: FloatArray  # how many customers share the row


class Spend(NamedTuple):
    """Spend parameter draws, each (S,)."""

    p: FloatArray
    q: FloatArray
    v: FloatArray


class Model(NamedTuple):
    """Everything of a model that scoring reads."""

    purchases: Purchases
    spend: Spend
    nodes: SpendNodes
    points: Points


class Forecasts(NamedTuple):
    """Results: n rows, H horizons, 33 grid points, 5 quantile columns."""

    status: IntArray  # (n, H)
    p_alive: FloatArray  # (n,)
    median_wait: FloatArray  # (n,) days
    some: FloatArray  # (n, H) P(N > 0)
    counts: FloatArray  # (n, H, 2) E N, E N^2
    spend: FloatArray  # (n, 3) mean over draws of E p/nu, E p/nu^2, E p^2/nu^2; the last two inf if they do not exist
    count_points: FloatArray  # (n, H, 33) as stored
    count_columns: FloatArray  # (n, H, 5)
    value_points: FloatArray  # (n, H, 33) quantiles, without the last
    value_columns: FloatArray  # (n, H, 5)
    expected_cv: FloatArray  # (n, H) sd over mean of the customer's own expected value
    expected_columns: FloatArray  # (n, H, 5)
    totals: FloatArray  # (groups, H, 4, S) adds up: mean and variance of purchases, then of value, given the draw


class Asked(NamedTuple):
    """What is forecast."""

    horizons: FloatArray  # (H,) days, rising
    levels: Levels


class _Scratch(NamedTuple):
    state: State
    at_least: FloatArray
    length: IntArray
    first: FloatArray  # (H, S)
    second: FloatArray  # (H, S)
    scratch: FloatArray  # (4, S)
    level: FloatArray  # (S,) E p/nu under each draw
    square: FloatArray  # (S,) E 1/nu^2 under each draw
    lattice: Lattice
    expected: Expected


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _scratch(model: Model, horizons: int) -> _Scratch:
    S, P, H = len(model.spend.p), len(model.points.draw), horizons
    return _Scratch(
        State(np.empty(S), np.empty(S)),
        np.zeros((H, LARGEST_COUNT + 2)),
        np.zeros(H, np.int64),
        np.empty((H, S)),
        np.empty((H, S)),
        np.empty((4, S)),
        np.empty(S),
        np.empty(S),
        Lattice(
            np.empty((H, LONGEST_LATTICE)),
            np.empty(LONGEST_LATTICE),
            np.empty(LONGEST_LATTICE),
            np.empty(LONGEST_LATTICE),
            np.empty(LONGEST_LATTICE),
            np.empty(LARGEST_COUNT + 2),
        ),
        Expected(
            np.empty(P),
            np.empty(P),
            np.empty(P),
            np.empty(MOST_BINS),
            np.empty(MOST_LEVEL_BINS),
            np.empty(MOST_BINS + MOST_LEVEL_BINS + 1),
        ),
    )


class _Row(NamedTuple):
    number: int
    history: History
    slot: int


@numba.njit(nogil=True, cache=True, error_model="numpy")
def score_rows(rows: Rows, model: Model, asked: Asked, out: Forecasts, start: int) -> int:
    """Forecasts rows from `start` on into `out`.

    Returns:
        The number of rows when all are done, else the row that needs longer tables before scoring goes on from it.
        Rows and horizons whose status is not READY still need `ltv.large_counts`.
    """
    work = _scratch(model, len(asked.horizons))
    for i in range(start, len(rows.frequency)):
        history = History(rows.frequency[i], rows.recency[i], rows.age[i], rows.spent[i])
        row = _Row(i, history, rows.slot[i])
        observe(history, model.purchases, work.state)
        ready = _count(row, model, asked, work, out)
        if ready == TABLE_SHORT:
            return i
        _spend(row, model.spend, work, out)
        if ready > 0:
            _value(row, model, asked, work, out)
        _expect(row, model, asked, work, out)
        out.median_wait[i] = median_wait(history, asked.horizons[-1], work.state, model.purchases)
        for h in range(ready):
            _add_up(h, rows.copies[i], model.spend, work, out.totals[rows.group[i], h])
    return len(rows.frequency)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _count(row: _Row, model: Model, asked: Asked, work: _Scratch, out: Forecasts) -> int:
    """Laws of purchases of the leading horizons whose counts can be stepped through; how many those are."""
    i, ready = row.number, 0
    scratch = work.scratch
    for h in range(len(asked.horizons)):
        into = Survival(work.at_least[h], work.first[h], work.second[h], scratch[0], scratch[1], scratch[2], scratch[3])
        length = survival(row.history, asked.horizons[h], work.state, model.purchases, into)
        if length == TABLE_SHORT:
            return TABLE_SHORT
        if length < 0:
            break
        work.length[h] = length
        ready += 1
        mean, squared = 0.0, 0.0
        for n in range(1, length + 1):
            mean += into.at_least[n]
            squared += (2.0 * n - 1.0) * into.at_least[n]
        out.counts[i, h, 0] = mean
        out.counts[i, h, 1] = squared
        out.some[i, h] = into.at_least[1]
        if into.at_least[1] > 0.0:
            count_points(into.at_least, length, asked.levels.some, out.count_points[i, h])
        count_quantiles(into.at_least, length, asked.levels.whole, out.count_columns[i, h])
    out.status[i, :ready] = READY
    out.status[i, ready:] = COUNTS_LARGE
    return ready


@numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
def _spend(row: _Row, draws: Spend, work: _Scratch, out: Forecasts) -> None:
    """Moments of the spend level under each draw and on average."""
    x, spent, S = row.history.x, row.history.spent, len(draws.p)
    level, linear, quadratic, fewest = 0.0, 0.0, 0.0, np.inf
    for s in range(S):
        moments = draws.q[s] + draws.p[s] * x  # of 1/nu that exist: fewer than this
        scale = draws.v[s] + spent
        work.level[s] = draws.p[s] * scale / (moments - 1.0)
        work.square[s] = scale * scale / ((moments - 1.0) * max(moments - 2.0, FEWEST_MOMENTS - 2.0))
        level += work.level[s]
        linear += draws.p[s] * work.square[s]
        quadratic += draws.p[s] * draws.p[s] * work.square[s]
        fewest = min(fewest, moments)
    out.spend[row.number, 0] = level / S
    out.spend[row.number, 1] = linear / S if fewest > FEWEST_MOMENTS else np.inf
    out.spend[row.number, 2] = quadratic / S if fewest > FEWEST_MOMENTS else np.inf


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _value(row: _Row, model: Model, asked: Asked, work: _Scratch, out: Forecasts) -> None:
    """Laws of value of the horizons whose counts are ready."""
    i, ready = row.number, 0
    while ready < len(asked.horizons) and out.status[i, ready] == READY:
        ready += 1
    counts = Counts(work.at_least[:ready], work.length[:ready])
    on = span(row.history, model.nodes, counts)
    if on.size == 0:
        out.status[i, :ready] = VALUE_LARGE
        return
    densities(row.history, model.nodes, counts, on, work.lattice)
    smallest_p, smallest_q = np.min(model.nodes.p), np.min(model.nodes.q + model.nodes.p * row.history.x)
    slopes = (smallest_p * on.smallest_count, smallest_q)
    levels = np.empty(len(asked.levels.whole))
    for h in range(ready):
        density = work.lattice.density[h]
        total = integrate(density, on, slopes, work.lattice.cumulative)
        law = Integrated(density, work.lattice.cumulative, total, slopes)
        invert(asked.levels.some[:-1], law, on, out.value_points[i, h])
        some = out.some[i, h]
        for k in range(len(levels)):
            levels[k] = max(asked.levels.whole[k] - (1.0 - some), 0.0) / some if some > 0.0 else 0.0
        invert(levels, law, on, out.value_columns[i, h])


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _expect(row: _Row, model: Model, asked: Asked, work: _Scratch, out: Forecasts) -> None:
    """Laws of the customer's own expected value."""
    i, S = row.number, len(work.state.alive)
    out.p_alive[i] = np.sum(work.state.alive) / S
    living = place(row.history, row.slot, work.state.alive, model.points, work.expected)
    bins = bin_level(row.history, row.slot, model.nodes, model.points, work.expected)
    for h in range(len(asked.horizons)):
        first, second = expect(row.slot, asked.horizons[h], model.points, work.expected)
        start = convolve(bins, work.expected)
        squared = quantiles(asked.levels.whole, start, bins.width, work.expected.law, out.expected_columns[i, h])
        # Rates and spend levels are independent, so their squared means multiply; the spend's are known exactly.
        if out.spend[i, 2] < np.inf:
            ratio = second / (first * first) * (out.spend[i, 2] / out.spend[i, 0] ** 2)
        else:
            ratio = squared / (first * out.spend[i, 0]) ** 2
        out.expected_cv[i, h] = np.sqrt(max(ratio - 1.0, 0.0)) if ratio < np.inf and living > 0.0 else 0.0


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
