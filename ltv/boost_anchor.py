"""What the boosted model reads of its anchor's forecasts."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AnchorFigures:
    """What the buy-till-you-die model says of customers at the reference horizon, each (rows,)."""

    purchases: FloatArray  # expected
    value: FloatArray  # expected, reporting currency
    p_alive: FloatArray  # NaN from models that do not define it


def anchor_figures(forecast: pa.Table | pa.RecordBatch) -> AnchorFigures:
    """The anchor's part of the inputs from schemas.FORECAST rows of the reference horizon."""
    return AnchorFigures(*(_floats(forecast, name) for name in ("purchases_mean", "value_mean", c.P_ALIVE)))


def anchor_margins(forecast: pa.Table | pa.RecordBatch) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Hazard, expected further purchases and expected spend of schemas.FORECAST rows; all positive, each (rows,)."""
    p_zero, purchases, value = (
        _floats(forecast, name) for name in ("purchases_p_zero", "purchases_mean", "value_mean")
    )
    some = np.maximum(1.0 - p_zero, 1e-12)
    return (
        -np.log(np.clip(p_zero, 1e-12, 1.0 - 1e-12)),
        np.maximum(purchases / some - 1.0, 1e-9),
        np.maximum(value / some, 1e-9),
    )


def _floats(forecast: pa.Table | pa.RecordBatch, name: str) -> FloatArray:
    return np.asarray(pc.fill_null(forecast.column(name), np.nan).to_numpy(), dtype=np.float64)
