"""What the trees see of a customer: features and the anchor's forecast, in units that mean the same at any time.

Times are shares of the customer's age and amounts multiples of the mean spend where the model was trained, so that
what was learnt of young customers applies to old ones. The anchor's figures are those of one horizon, the model's
reference: a correction is then the same for every horizon, and forecasts stay monotone in it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.errors import InvalidInput
from ltv.boost_anchor import AnchorFigures

FloatArray = npt.NDArray[np.float64]

LEAST = 1e-12  # what logarithms are taken of, at least


@dataclass(frozen=True, slots=True)
class Units:
    """What amounts and horizons are measured in."""

    money: float  # mean spend a purchase day, reporting currency
    reference_days: int  # horizon of the anchor's figures


_Columns = Mapping[str, FloatArray]
_Input = Callable[[_Columns, AnchorFigures, Units], FloatArray]


def _log_money(name: str) -> _Input:
    return lambda f, _, units: np.log1p(f[name] / units.money)


def _plain(name: str) -> _Input:
    return lambda f, _, __: f[name]


def _over_age(name: str) -> _Input:
    return lambda f, _, __: f[name] / np.maximum(f[c.AGE_DAYS], 1.0)


def _log_ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    return np.log(np.maximum(above, LEAST)) - np.log(np.maximum(below, LEAST))


INPUTS: Mapping[str, _Input] = {
    "anchor_purchases_log": lambda _, a, __: np.log(np.maximum(a.purchases, LEAST)),
    "anchor_spend_log": lambda _, a, units: _log_ratio(a.value / units.money, a.purchases),
    "anchor_p_alive": lambda _, a, __: a.p_alive,
    c.FREQUENCY: _plain(c.FREQUENCY),
    "recency_over_age": _over_age(c.RECENCY_DAYS),
    "since_last_over_age": _over_age("since_last_days"),
    "age_over_reference": lambda f, _, units: f[c.AGE_DAYS] / units.reference_days,
    "since_last_over_interval_mean": _plain("since_last_over_interval_mean"),
    "interval_variation": lambda f, _, __: f["interval_sd_days"] / f["interval_mean_days"],
    "interval_last_over_mean": lambda f, _, __: f["interval_last_days"] / f["interval_mean_days"],
    "purchases_28d": _plain("purchases_28d"),
    "purchases_56d": _plain("purchases_56d"),
    "purchases_91d": _plain("purchases_91d"),
    "purchases_364d": _plain("purchases_364d"),
    "purchases_momentum_91d": _plain("purchases_momentum_91d"),
    "spend_log": _log_money("spend"),
    "amount_first_log": _log_money("amount_first"),
    "amount_last_log": _log_money("amount_last"),
    "amount_biggest_log": _log_money("amount_biggest"),
    "amount_median_log": _log_money("amount_median"),
    "spend_91d_log": _log_money("spend_91d"),
    "returned_share": _plain("returned_share"),
    "return_days": _plain("return_days"),
    "first_weekday": _plain("first_weekday"),
}  # fmt: skip
"""By name, in the order of the columns that the trees were trained on."""

RISING_SPEND = frozenset(
    {
        "anchor_spend_log",
        "spend_log",
        "amount_first_log",
        "amount_last_log",
        "amount_biggest_log",
        "amount_median_log",
        "spend_91d_log",
    }
)
"""Inputs that a higher spend is never predicted to fall with: who paid more pays more."""


def input_matrix(features: pa.RecordBatch | pa.Table, anchor: AnchorFigures, units: Units) -> FloatArray:
    """The trees' inputs, (rows, len(INPUTS)), NaN where a feature has no value.

    Args:
        features: rows of `customer_features`.
        anchor: of the same customers.
        units: of the model.

    Raises:
        InvalidInput: a feature is missing.
    """
    found = _Found(features)
    with np.errstate(invalid="ignore"):
        return np.column_stack([make(found, anchor, units) for make in INPUTS.values()])


class _Found(dict[str, FloatArray]):
    """Feature columns as arrays, read when asked for."""

    def __init__(self, features: pa.RecordBatch | pa.Table) -> None:
        super().__init__()
        self._features = features

    def __missing__(self, name: str) -> FloatArray:
        if name not in self._features.schema.names:
            raise InvalidInput.of(f"features.{name}", "the column is missing (use `customer_features`)")
        self[name] = np.asarray(pc.fill_null(self._features.column(name), np.nan).to_numpy(), dtype=np.float64)
        return self[name]
