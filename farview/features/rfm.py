"""Recency, frequency and spend: event logs to what buy-till-you-die models see of a customer.

One specification (`specification.RFM_FEATURES`), two executors: `rfm` for bulk, an Ibis expression that DuckDB runs and
streams, and `rfm_of_one` for one request in numpy. Their results are equal to the last bit: spend is summed in exact
integers of 1e-8 currency units, so that no order of rows or threads changes it.

With `period_days` purchases are merged by periods that end with the as-of day, counted back from it, as they otherwise
are by days: a period is then one opportunity to buy, and recency and age are whole periods. The last one is complete;
what the first purchase's period has of days before it is not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from farview.core import columns as c
from farview.core import schemas
from farview.core.clock import Cut
from farview.core.clock import zone as zone_of
from farview.core.errors import InvalidInput
from farview.features.bulk import AS_OF, STEPS_PER_UNIT, Query, day, events_by_day, run, units
from farview.features.single import local_ordinals, whole_steps


@dataclass(frozen=True, slots=True)
class Rfm:
    """One customer's row of `schemas.RFM`, without the id."""

    cohort: str
    first_purchase_date: date
    frequency: int
    recency_days: float
    age_days: float
    repeat_spend_mean: float
    first_spend: float


def rfm(
    events: pa.Table | pa.RecordBatchReader,
    cut: Cut,
    zone: str,
    *,
    period_days: int = 1,
    batch_rows: int = 65_536,
    memory: str = "1GB",
) -> pa.RecordBatchReader:
    """The RFM row of every customer with a purchase day on or before the as-of day, ordered by customer_id.

    Args:
        events: `schemas.EVENTS`, any order; a reader is read once, as a stream. Which rows were known at `cut.known_at`
            is decided where `ingested_at` is stored; this room cuts by the as-of day.
        cut: days after `cut.as_of` (business zone) are not seen.
        zone: IANA name of the business zone, which decides what a day is.
        period_days: purchases of a customer within such a period are one.
        batch_rows: most rows of a batch that comes out.
        memory: most memory the aggregation takes before it spills to a temporary folder.

    Returns:
        `schemas.rfm_schema(period_days)`, streamed.

    Raises:
        InvalidInput: `zone` is not an IANA time zone, or the period is less than a day.
    """
    zone_of(zone)
    schema = schemas.rfm_schema(_checked(period_days))
    query = Query(_expression, (zone, period_days), {AS_OF: cut.as_of})
    return run(query, events, schema, batch_rows=batch_rows, memory=memory)


def rfm_of_one(
    times_utc: NDArray[np.datetime64], amounts: NDArray[np.float64], cut: Cut, zone: str, *, period_days: int = 1
) -> Rfm | None:
    """The same features of one customer.

    Args:
        times_utc: shape (events,), UTC instants, any order.
        amounts: shape (events,), reporting currency, returns negative.
        cut: days after `cut.as_of` (business zone) are not seen.
        zone: IANA name of the business zone.
        period_days: purchases within such a period are one.

    Returns:
        The row, or None when no purchase day is on or before the as-of day.

    Raises:
        InvalidInput: `zone` is not an IANA time zone, the arrays differ in length, or the period is less than a day.
    """
    _checked(period_days)
    if len(times_utc) != len(amounts):
        raise InvalidInput.of("amounts", f"{len(amounts)} amounts for {len(times_utc)} times (send one each)")
    days = local_ordinals(times_utc, zone)
    bought = (np.asarray(amounts) >= 0) & (days <= cut.as_of.toordinal())
    if not bought.any():
        return None
    days = days[bought]
    periods = (cut.as_of.toordinal() - days) // period_days  # before the one that ends with the as-of day
    first, last = int(periods.max()), int(periods.min())
    frequency = len(np.unique(periods)) - 1
    paid = np.asarray(amounts)[bought]
    of_first, of_repeats = sum(whole_steps(paid[periods == first])), sum(whole_steps(paid[periods < first]))
    first_date = date.fromordinal(int(days.min()))
    return Rfm(
        cohort=f"{first_date.year:04d}-{first_date.month:02d}",
        first_purchase_date=first_date,
        frequency=frequency,
        recency_days=float((first - last) * period_days),
        age_days=float(first * period_days),
        repeat_spend_mean=float(of_repeats) / STEPS_PER_UNIT / frequency if frequency else 0.0,
        first_spend=float(of_first) / STEPS_PER_UNIT,
    )


def rfm_batch(customer_ids: Sequence[str], rows: Sequence[Rfm], period_days: int = 1) -> pa.RecordBatch:
    """Rows of single customers as one batch of `schemas.rfm_schema(period_days)`, in the order given."""
    columns = {c.CUSTOMER_ID: list(customer_ids)} | {
        name: [getattr(row, name) for row in rows] for name in schemas.RFM.names if name != c.CUSTOMER_ID
    }
    return pa.record_batch(columns, schema=schemas.rfm_schema(period_days))


def _checked(period_days: int) -> int:
    if period_days < 1:
        raise InvalidInput.of("period_days", f"must be 1 or more; got {period_days}")
    return period_days


def _expression(zone: str, period_days: int) -> Any:
    """The bulk executor: Ibis, so that the same features can run on another engine."""
    import ibis

    bought = events_by_day(zone).filter(lambda t: t[c.AMOUNT] >= 0)
    # Periods are numbered back from the one that ends with the as-of day.
    by_period = (
        bought.mutate(period=day(AS_OF).delta(bought.day, unit="day") // period_days)
        .group_by(c.CUSTOMER_ID, "period")
        .aggregate(steps=lambda t: t.steps.sum(), day=lambda t: t.day.min())
    )
    by_customer = by_period.group_by(c.CUSTOMER_ID).aggregate(
        first=by_period.period.max(),
        last=by_period.period.min(),
        first_day=by_period.day.min(),
        repeats=by_period.count() - 1,
        steps=by_period.steps.sum(),
        first_steps=by_period.steps.argmax(by_period.period),
    )
    first, last, repeats = by_customer["first"], by_customer["last"], by_customer.repeats
    rows = by_customer.select(
        by_customer[c.CUSTOMER_ID],
        **{
            c.COHORT: by_customer.first_day.strftime("%Y-%m"),
            c.FIRST_PURCHASE_DATE: by_customer.first_day,
            c.FREQUENCY: repeats.cast("int32"),
            c.RECENCY_DAYS: ((first - last) * period_days).cast("float64"),
            c.AGE_DAYS: (first * period_days).cast("float64"),
            c.REPEAT_SPEND_MEAN: ibis.ifelse(
                repeats > 0, units(by_customer.steps - by_customer.first_steps) / repeats, 0.0
            ),
            c.FIRST_SPEND: units(by_customer.first_steps),
        },
    )
    return rows.order_by(c.CUSTOMER_ID)
