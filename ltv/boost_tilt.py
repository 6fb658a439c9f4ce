"""Forecasts of the anchor, corrected: what trees add to its margins, worked into the whole forecast contract.

With hazard L = -log P(no purchase), corrections f and the anchor's figures of one horizon,

    P(some) = 1 - exp(-L exp(f_some)),   E(N | some) = 1 + (E_0(N | some) - 1) exp(f_more),
    E(V | some) = E_0(V | some) exp(f_spend) times the share that is kept after returns.

All three rise in what the anchor says, and the corrections do not depend on the horizon: what is monotone in it
stays so. Laws are tilted with their means: spend is stretched; of counts P(N >= n | some) is raised to one power, a
change of the hazard of stopping at n that is alike for all n.
"""

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core import quantile_grid as grid
from farview.core.quantile_grid import GridLaw
from farview.core.schemas import FORECAST

FloatArray = npt.NDArray[np.float64]

HALVINGS = 30
ROUNDING = 1.001
WIDEST_POWER = 6.0  # natural log of the largest power


@dataclass(frozen=True, slots=True)
class Corrections:
    """What is added to the anchor's margins, each (rows,)."""

    some: FloatArray
    more: FloatArray
    spend: FloatArray
    kept: FloatArray  # share of gross value that is not returned, in (0, 1]


def tilted(forecast: pa.RecordBatch | pa.Table, corrections: Corrections) -> pa.RecordBatch:
    """The anchor's forecast with the corrections in all its columns.

    P(alive) becomes null: trees do not define it.

    Args:
        forecast: rows of schemas.FORECAST.
        corrections: of the same rows.
    """
    p_zero, purchases, value = (_floats(forecast, n) for n in ("purchases_p_zero", "purchases_mean", "value_mean"))
    before = np.maximum(1.0 - p_zero, 1e-300)
    now = -np.expm1(np.log(np.maximum(p_zero, 1e-300)) * np.exp(corrections.some))
    further = np.maximum(purchases / before - 1.0, 0.0)
    stretch = np.exp(corrections.spend) * corrections.kept
    growth = now / before * stretch  # of the mean value
    columns = _counts(forecast, now, 1.0 + further * np.exp(corrections.more), further)
    columns |= _values(forecast, now, value / before * stretch, stretch)
    for name in FORECAST.names:
        if name.startswith(c.EXPECTED_VALUE):
            columns[name] = pa.array(_floats(forecast, name) * growth)
    columns[c.P_ALIVE] = pa.nulls(len(now), pa.float64())
    kept = {name: _flat(forecast.column(name)) for name in FORECAST.names if name not in columns}
    return pa.RecordBatch.from_arrays([(columns | kept)[name] for name in FORECAST.names], schema=FORECAST)


def _counts(
    forecast: pa.RecordBatch | pa.Table, some: FloatArray, given_some: FloatArray, further: FloatArray
) -> dict[str, pa.Array]:
    points = grid.law_of(forecast, c.PURCHASES).points
    factor = np.where(further > 0, (given_some - 1.0) / np.where(further > 0, further, 1.0), 1.0)
    law = GridLaw(1.0 - some, tilted_counts(points, grid.LEVELS, factor), counts=True)
    return {
        "purchases_p_zero": pa.array(law.p_zero),
        "purchases_mean": pa.array(some * given_some),
        "purchases_sd": pa.array(grid.sd(law)),
        "purchases_grid": grid.encode(law.points, given_some),
        **_quantiles(c.PURCHASES, law),
    }


def _values(
    forecast: pa.RecordBatch | pa.Table, some: FloatArray, given_some: FloatArray, stretch: FloatArray
) -> dict[str, pa.Array]:
    before = grid.law_of(forecast, c.VALUE)
    law = GridLaw(1.0 - some, before.points * stretch[:, None], counts=False)
    mean, sd = _floats(forecast, "value_mean"), _floats(forecast, "value_sd")
    squared = (sd * sd + mean * mean) / np.maximum(1.0 - before.p_zero, 1e-300) * stretch * stretch
    return {
        "value_p_zero": pa.array(law.p_zero),
        "value_mean": pa.array(some * given_some),
        "value_sd": pa.array(np.sqrt(np.maximum(some * squared - (some * given_some) ** 2, 0.0))),
        "value_grid": _flat(forecast.column("value_grid")),  # multiples of the mean, which a stretch does not change
        **_quantiles(c.VALUE, law),
    }


def _quantiles(measure: str, law: GridLaw) -> dict[str, pa.Array]:
    return {
        f"{measure}_{suffix}": pa.array(grid.quantile(law, level))
        for suffix, level in zip(c.QUANTILE_SUFFIXES, c.QUANTILE_LEVELS, strict=True)
    }


@numba.njit(nogil=True, cache=True, error_model="numpy")
def tilted_counts(points: FloatArray, levels: FloatArray, factor: FloatArray) -> FloatArray:
    """Grids of counts whose expectation beyond 1 is multiplied: survival functions raised to a power found by halving.

    Args:
        points: (rows, 33) of N given N > 0.
        levels: (33,) of the grid.
        factor: (rows,) positive, of E(N | N > 0) - 1.

    Returns:
        (rows, 33); a row whose factor is 1 is as it was.
    """
    out = points.copy()
    for i in range(len(points)):
        excess = _mean(points[i], levels) - 1.0
        if factor[i] == 1.0 or excess <= 0.0:
            continue
        wanted = 1.0 + excess * factor[i]
        low, high = -WIDEST_POWER, WIDEST_POWER
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            _raise(points[i], levels, np.exp(-middle), out[i])
            if _mean(out[i], levels) > wanted:
                low = middle
            else:
                high = middle
        lack = (wanted - 0.5) / (_mean(out[i], levels) - 0.5)
        if lack > ROUNDING:  # beyond the last point no power goes
            out[i] = 0.5 + (out[i] - 0.5) * lack
    return out


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _raise(points: FloatArray, levels: FloatArray, inverse: float, out: FloatArray) -> None:
    """Quantiles of the law whose survival function is that of `points` to the power 1 / inverse."""
    k, last = 0, len(levels) - 1
    for j in range(last):
        level = 1.0 - (1.0 - levels[j]) ** inverse
        while k < last - 1 and levels[k + 1] < level:
            k += 1
        part = (level - levels[k]) / (levels[k + 1] - levels[k])
        out[j] = points[k] + part * (points[k + 1] - points[k])
    out[last] = points[last]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _mean(points: FloatArray, levels: FloatArray) -> float:
    """Of the count: the sum over n = 0, 1, .. of 1 - cdf(n + 1/2), which along a chord is an arithmetic series."""
    total = max(np.ceil(points[0] - 0.5), 0.0)
    for j in range(len(levels) - 1):
        first, end = np.ceil(points[j] - 0.5), np.ceil(points[j + 1] - 0.5)  # n + 1/2 in [point, next point)
        many = end - first
        if many > 0.0:
            slope = (levels[j + 1] - levels[j]) / (points[j + 1] - points[j])
            middle = 0.5 * (first + end - 1.0) + 0.5
            total += many * (1.0 - levels[j] - slope * (middle - points[j]))
    return total


def _floats(forecast: pa.RecordBatch | pa.Table, name: str) -> FloatArray:
    return np.asarray(pc.fill_null(forecast.column(name), np.nan).to_numpy(), dtype=np.float64)


def _flat(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
