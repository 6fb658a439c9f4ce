"""One customer as the served run sees it: forecasts by horizon, for a table and a picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from farview.core import columns as c
from farview.core.errors import FailedPrecondition, NotFound
from farview.store.store import Store
from farview.store.values import ForecastRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FAN_TITLES = {c.VALUE: "what will be observed", c.EXPECTED_VALUE: "what this customer is worth on average"}


@dataclass(frozen=True, slots=True)
class CustomerForecast:
    """A customer's rows of one run."""

    customer_id: str
    run: ForecastRun
    currency: str
    rows: pa.Table  # schemas.FORECAST, horizons ascending


def customer_forecast(store: Store, customer_id: str) -> CustomerForecast:
    """The served run's forecasts of a customer.

    Raises:
        FailedPrecondition: no run is published yet.
        NotFound: the run has no such customer.
    """
    run = store.latest_run()
    if run is None:
        raise FailedPrecondition("there is no forecast run yet (run `farview score`)")
    rows = store.forecasts(run.run_id, [customer_id])
    if rows.num_rows == 0:
        raise NotFound("forecast of customer", customer_id)
    return CustomerForecast(customer_id, run, store.business().reporting_currency, rows)


def fan_of(found: CustomerForecast) -> "Figure":
    """The customer's value over the horizon, as it will be observed and on average."""
    from farview.pictures.customer import Fan, draw_fan

    fans: Mapping[str, Fan] = {
        text: Fan(*(_floats(found.rows, f"{measure}_{part}") for part in ("mean", *c.QUANTILE_SUFFIXES)))
        for measure, text in FAN_TITLES.items()
    }
    about = f"Customer {found.customer_id}, forecast on {found.run.spec.as_of}"
    return draw_fan(fans, _floats(found.rows, c.HORIZON_DAYS), f"value, {found.currency}", about)


def _floats(rows: pa.Table, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(rows.column(name).to_numpy(), np.float64)
