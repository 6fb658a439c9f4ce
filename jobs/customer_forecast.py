"""One customer as the served run sees it: forecasts by horizon, for a table and a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import FailedPrecondition, NotFound
from farview.store.store import Store
from farview.store.values import ForecastRun
from ltv.boost_drivers import Driver
from ltv.inputs import History
from ltv.registered import load, ready

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


def drivers_of(store: Store, found: CustomerForecast) -> tuple[Driver, ...]:
    """What moves the customer's expected value by the run's model, strongest first; none from models that tell none.

    Raises:
        NotFound: the model is gone.
    """
    spec = found.run.spec
    cut = Cut(spec.as_of, spec.known_at)
    history = History.of(found.customer_id, store.transactions_of(cut, [found.customer_id]))
    model = ready(load(store.artifact(store.model_version(spec.kind, spec.model_version))), spec.seed)
    told = model.drivers(model.inputs.of_some([history], cut, store.business().time_zone), spec.as_of)
    return told[0] if told else ()


def picture_of_drivers(found: CustomerForecast, drivers: Sequence[Driver]) -> "Figure":
    """The drivers as factors on expected value; at least one."""
    from farview.pictures.customer import draw_drivers

    factors = np.array([driver.factor for driver in drivers])
    text = f"What moves the forecast of customer {found.customer_id}"
    return draw_drivers([driver.words for driver in drivers], factors, text)


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
