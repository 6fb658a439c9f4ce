"""Zero-inflated laws in 66 bytes: quantiles at 33 fixed levels of what a quantity is given that it is not 0.

Between its points the quantile function is linear; they are placed so that the grid has the law's mean, and the one at
level 1 stands for the tail beyond the level before it. Points are stored as float16 multiples of the conditional mean.

Counts: the grid is that of N + U, U uniform on [-1/2, 1/2]. P(N <= n) is then the grid's cdf at n + 1/2, and rounding a
quantile gives the count. `cell_points` and `count_points` make grids; every function here takes rows of laws at once.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from farview.core import count_sums
from farview.core.errors import InvalidInput
from farview.core.schemas import GRID_BYTES

FloatArray = npt.NDArray[np.float64]
Codes = npt.NDArray[np.float16]

LEVELS: FloatArray = np.array(
    [
        0.0, 0.004, 0.0125, 0.03, 0.06, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65,
        0.7, 0.75, 0.8, 0.84, 0.875, 0.905, 0.93, 0.95, 0.965, 0.976, 0.984, 0.99, 0.994, 0.997, 0.999, 1.0,
    ]
)  # fmt: skip
"""Finer in the upper tail, where a skewed law has most of its mean and all of its CVaR."""

LEVELS.setflags(write=False)
WIDTHS: FloatArray = np.diff(LEVELS)
WIDTHS.setflags(write=False)
LARGEST_CODE = 65_504.0  # of float16


@dataclass(frozen=True, slots=True, eq=False)
class GridLaw:
    """One zero-inflated law per row."""

    p_zero: FloatArray  # (rows,) P(Y = 0)
    points: FloatArray  # (rows, 33) quantiles at LEVELS given Y > 0, never decreasing along a row
    counts: bool  # Y is a whole number, and the points are those of Y + U


def encode(points: FloatArray, conditional_mean: FloatArray) -> pa.FixedSizeBinaryArray:
    """Stored form of points, (rows, 33), 66 bytes a row: little-endian float16 multiples of the conditional mean."""
    with np.errstate(under="ignore"):
        codes = np.minimum(points / conditional_mean[:, None], LARGEST_CODE).astype("<f2")
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(GRID_BYTES), len(codes), [None, pa.py_buffer(np.ascontiguousarray(codes))]
    )


def decode(grid: pa.FixedSizeBinaryArray, conditional_mean: FloatArray, *, counts: bool) -> FloatArray:
    """Points of stored grids; unless of counts, scaled so that their mean is exact in spite of float16.

    Raises:
        InvalidInput: a grid has another size, a null, or values that are not finite and never decreasing.
    """
    stored = codes(grid).astype(np.float64)
    if not (np.all(np.isfinite(stored)) and np.all(stored >= 0) and np.all(np.diff(stored, axis=1) >= 0)):
        raise InvalidInput.of("grid", "a stored grid is not finite and never decreasing (damaged: score again)")
    if counts:
        return np.asarray(stored * conditional_mean[:, None])
    mean = _trapezium(stored)
    return np.asarray(stored * (conditional_mean / np.where(mean > 0, mean, 1.0))[:, None])


def law(p_zero: FloatArray, mean: FloatArray, grid: pa.FixedSizeBinaryArray, *, counts: bool) -> GridLaw:
    """Laws from forecast columns: P(0), mean of the whole law, stored grid; each (rows,)."""
    some = 1.0 - p_zero
    given_some = np.where(some > 0, mean / np.where(some > 0, some, 1.0), 0.0)
    return GridLaw(p_zero, decode(grid, given_some, counts=counts), counts)


def law_of(forecasts: pa.RecordBatch | pa.Table, measure: str) -> GridLaw:
    """Laws of one measure of rows of schemas.FORECAST: `purchases` (counts) or `value`."""
    column: dict[str, Any] = {}
    for part in ("p_zero", "mean", "grid"):
        stored = forecasts.column(f"{measure}_{part}")
        column[part] = stored.combine_chunks() if isinstance(stored, pa.ChunkedArray) else stored
    numbers = [column[part].to_numpy(zero_copy_only=False) for part in ("p_zero", "mean")]
    return law(numbers[0], numbers[1], column["grid"], counts=measure == "purchases")


def mean(laws: GridLaw) -> FloatArray:
    """Mean of each whole law, shape (rows,)."""
    if laws.counts:
        return _partial_moments(laws, np.zeros(len(laws.p_zero)))[1]
    return np.asarray((1.0 - laws.p_zero) * _trapezium(laws.points))


def sd(laws: GridLaw) -> FloatArray:
    """Standard deviation of each whole law, shape (rows,)."""
    low, high = laws.points[:, :-1], laws.points[:, 1:]
    # As in _trapezium: not a matrix product.
    second = (1.0 - laws.p_zero) * ((low * low + low * high + high * high) / 3.0 * WIDTHS).sum(axis=1)
    if laws.counts:
        second = count_sums.second_moment(count_sums.runs(*_edges(laws)), laws.p_zero)
    return np.asarray(np.sqrt(np.maximum(second - mean(laws) ** 2, 0.0)))


def cdf(laws: GridLaw, y: FloatArray) -> FloatArray:
    """P(Y <= y) of row i at y[i]; shape (rows,), or (rows, k) for k numbers a row."""
    asked = _columns(laws, y)
    at = np.floor(asked) + 0.5 if laws.counts else asked
    inside = _conditional_cdf(laws.points, at)
    if laws.counts:
        inside = np.where(asked < 1.0, 0.0, inside)  # N given N > 0 is at least 1, whatever float16 made of 1/2
    whole = np.where(asked < 0.0, 0.0, laws.p_zero[:, None] + (1.0 - laws.p_zero[:, None]) * inside)
    return np.asarray(whole.reshape(np.shape(y)))


def exceedance(laws: GridLaw, y: FloatArray) -> FloatArray:
    """P(Y > y) of row i at y[i]; shape as `cdf`."""
    return np.asarray(1.0 - cdf(laws, y))


def quantile(laws: GridLaw, level: FloatArray | float) -> FloatArray:
    """Quantile of each whole law: the smallest y with P(Y <= y) >= level, whole numbers for counts.

    Args:
        level: in [0, 1]; a number for all rows, or (rows,), or (rows, k).

    Returns:
        Shape (rows,) or (rows, k).
    """
    shape = np.broadcast_shapes(np.shape(level), (len(laws.p_zero),)) if np.ndim(level) < 2 else np.shape(level)
    asked = _columns(laws, np.broadcast_to(level, shape))
    p_zero = laws.p_zero[:, None]
    some = np.where(p_zero < 1.0, 1.0 - p_zero, 1.0)
    inside = np.clip((asked - p_zero) / some, 0.0, 1.0)
    segment = np.clip(np.searchsorted(LEVELS, inside, side="left") - 1, 0, len(WIDTHS) - 1)
    low = np.take_along_axis(laws.points, segment, axis=1)
    high = np.take_along_axis(laws.points, segment + 1, axis=1)
    value = low + (high - low) * (inside - LEVELS[segment]) / WIDTHS[segment]
    if laws.counts:
        value = np.maximum(np.ceil(value - 0.5), 1.0)
    return np.asarray(np.where((asked <= p_zero) | (p_zero >= 1.0), 0.0, value).reshape(shape))


def sample(laws: GridLaw, uniforms: FloatArray) -> FloatArray:
    """Draws of each law by inversion of uniforms in [0, 1), shape (rows,) or (rows, k)."""
    return quantile(laws, uniforms)


def crps(laws: GridLaw, y: FloatArray) -> FloatArray:
    """Continuous ranked probability score of row i at what was observed, y[i]; exact for the grid's law.

    Args:
        y: (rows,); whole numbers from 0 on for counts, any number else (net value may be negative).

    Returns:
        (rows,), in the unit of y. The integral of (F(z) - [z >= y])^2, over whole z a sum.

    Source: Gneiting, Raftery (2007), JASA 102, eq. (20).
    """
    observed = np.asarray(y, dtype=np.float64)
    edges, cumulative = _edges(laws)
    if laws.counts:
        return count_sums.crps(count_sums.runs(edges, cumulative), laws.p_zero, np.round(observed))
    low, high = edges[:, :-1], edges[:, 1:]
    width = high - low
    part = np.clip((observed[:, None] - low) / np.where(width > 0, width, 1.0), 0.0, 1.0)
    start, stop = cumulative[:, :-1], cumulative[:, 1:]
    at = start + part * (stop - start)
    below = part * (start * start + start * at + at * at)
    above = (1.0 - part) * ((1.0 - at) ** 2 + (1.0 - at) * (1.0 - stop) + (1.0 - stop) ** 2)
    inside = (width * (below + above) / 3.0).sum(axis=1)
    outside = np.maximum(observed - edges[:, -1], 0.0) + np.maximum(-observed, 0.0)
    return np.asarray(inside + outside)


def cvar(laws: GridLaw, tail: float, *, upper: bool) -> FloatArray:
    """Mean of the best (upper) or worst `tail` of each whole law, zeros included, shape (rows,).

    Args:
        tail: in (0, 1].

    Raises:
        InvalidInput: tail is not in (0, 1].

    Source: Rockafellar, Uryasev (2002), J. Banking & Finance 26, Theorem 10; for laws with atoms too.
    """
    if not 0.0 < tail <= 1.0:
        raise InvalidInput.of("tail", f"must be above 0 and at most 1, is {tail:g}")
    cut = quantile(laws, 1.0 - tail if upper else tail)
    shortfall, excess = _partial_moments(laws, cut)
    return np.asarray(cut + excess / tail if upper else np.maximum(cut - shortfall / tail, 0.0))


def _columns(laws: GridLaw, y: FloatArray) -> FloatArray:
    """y as (rows, k)."""
    return np.asarray(y, dtype=np.float64).reshape(len(laws.p_zero), -1)


def codes(grid: pa.FixedSizeBinaryArray) -> Codes:
    """Stored grids as they are: quantiles in multiples of the conditional mean, (rows, 33); nothing is copied.

    Raises:
        InvalidInput: of another size, or null.
    """
    if grid.type != pa.binary(GRID_BYTES) or grid.null_count:
        raise InvalidInput.of("grid", f"needs {GRID_BYTES} bytes in every row")
    stored = np.frombuffer(grid.buffers()[1], dtype="<f2").reshape(-1, len(LEVELS))
    return stored[grid.offset : grid.offset + len(grid)]


def _trapezium(points: FloatArray) -> FloatArray:
    # Not a matrix product, whose rounding depends on how many rows there are.
    return np.asarray((0.5 * (points[:, :-1] + points[:, 1:]) * WIDTHS).sum(axis=1))


def _conditional_cdf(points: FloatArray, y: FloatArray) -> FloatArray:
    """Cdf given not 0, continuous from the right; y (rows, k)."""
    after = np.stack([(points <= y[:, j : j + 1]).sum(axis=1) for j in range(y.shape[1])], axis=1)
    segment = np.clip(after - 1, 0, len(WIDTHS) - 1)
    low = np.take_along_axis(points, segment, axis=1)
    high = np.take_along_axis(points, segment + 1, axis=1)
    part = np.clip((y - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    inside = LEVELS[segment] + WIDTHS[segment] * part
    return np.where(after == 0, 0.0, np.where(after == len(LEVELS), 1.0, inside))


def _edges(laws: GridLaw) -> tuple[FloatArray, FloatArray]:
    """Knots of the whole cdf from 0 on, (rows, 34), and its values there."""
    first = np.zeros((len(laws.p_zero), 1))
    p_zero = laws.p_zero[:, None]
    cumulative = np.hstack([p_zero, p_zero + (1.0 - p_zero) * LEVELS])
    return np.hstack([first, laws.points]), cumulative


def _partial_moments(laws: GridLaw, cut: FloatArray) -> tuple[FloatArray, FloatArray]:
    """E max(cut - Y, 0) and E max(Y - cut, 0), each (rows,)."""
    edges, cumulative = _edges(laws)
    if laws.counts:
        return count_sums.partial_moments(count_sums.runs(edges, cumulative), laws.p_zero, cut)
    low, high = edges[:, :-1], edges[:, 1:]
    width = high - low
    part = np.clip((cut[:, None] - low) / np.where(width > 0, width, 1.0), 0.0, 1.0)
    start, stop = cumulative[:, :-1], cumulative[:, 1:]
    at = start + part * (stop - start)
    shortfall = (width * part * (start + at) / 2.0).sum(axis=1)
    excess = (width * (1.0 - part) * (2.0 - at - stop) / 2.0).sum(axis=1)
    return shortfall, excess
