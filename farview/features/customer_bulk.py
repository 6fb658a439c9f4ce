"""The bulk executor of the customer features: one pass over the log, in Ibis, so that another engine can run it."""

from typing import Any

from farview.core import columns as c
from farview.features.bulk import AS_OF, day, events_by_day
from farview.features.customer_counts import COUNTS
from farview.features.customer_specification import MONTHS, WEEKDAYS, WINDOWS_DAYS


def counts_expression(zone: str) -> Any:
    """Ibis expression over `events` of `customer_counts.COUNTS`, ordered by customer_id."""
    days = _days(zone)
    found = days.group_by(c.CUSTOMER_ID).aggregate(**_history(days), **_windows(days), **_season(days))
    bought = found.filter(found.purchase_days > 0)
    whole = bought.mutate(steps_repeat=bought.steps - bought.steps_first)
    return whole.select(COUNTS.names).order_by(c.CUSTOMER_ID)


def _days(zone: str) -> Any:
    """A row a customer and day with events: `buys`, `returns`, their steps, and the days since the last such day."""
    import ibis

    events = events_by_day(zone)
    events = events.mutate(buys=events[c.AMOUNT] >= 0)
    by_day = events.group_by(c.CUSTOMER_ID, "day").aggregate(
        buys=events.buys.any(),
        returns=(~events.buys).any(),
        steps=ibis.coalesce(events.steps.sum(where=events.buys), 0),
        steps_returned=ibis.coalesce((-events.steps).sum(where=~events.buys), 0),
    )
    # Days with returns alone are neighbours of each other only, so that they part no two purchase days.
    before = by_day.day.lag().over(ibis.window(group_by=[c.CUSTOMER_ID, "buys"], order_by="day"))
    return by_day.mutate(gap=by_day.day.delta(before, unit="day").cast("int64"))


def _history(days: Any) -> dict[str, Any]:
    import ibis

    @ibis.udf.agg.builtin(name="quantile_disc", signature=(("decimal(38, 0)", "float64"), "decimal(38, 0)"))
    def lower_quantile(steps: object, level: object) -> object:
        """The smallest value that at least the share `level` does not exceed; Ibis has none that keeps decimals."""

    buys = days.buys
    return {
        "first_day": days.day.min(where=buys),
        "last_day": days.day.max(where=buys),
        "purchase_days": buys.sum(),
        "return_days": days.returns.sum(),
        "gap_squares": ibis.coalesce((days.gap * days.gap).sum(where=buys), 0).cast("int64"),
        "gap_longest": days.gap.max(where=buys),
        "gap_last": days.gap.argmax(days.day, where=buys),
        "steps": days.steps.sum(),
        "steps_returned": days.steps_returned.sum(),
        "steps_first": days.steps.argmin(days.day, where=buys),
        "steps_last": days.steps.argmax(days.day, where=buys),
        "steps_biggest": days.steps.max(where=buys),
        "steps_median": lower_quantile(days.steps.cast("decimal(38, 0)"), 0.5, where=buys),
    }


def _windows(days: Any) -> dict[str, Any]:
    import ibis

    found: dict[str, Any] = {}
    for length in WINDOWS_DAYS:
        inside = day(AS_OF).delta(days.day, unit="day") < length
        found[f"purchases_{length}d"] = (inside & days.buys).sum()
        found[f"steps_{length}d"] = ibis.coalesce(days.steps.sum(where=inside), 0)
        found[f"steps_returned_{length}d"] = ibis.coalesce(days.steps_returned.sum(where=inside), 0)
    return found


def _season(days: Any) -> dict[str, Any]:
    month, weekday = days.day.month(), days.day.day_of_week.index() + 1
    by_month = {f"month_{number}": (days.buys & (month == number)).sum() for number in MONTHS}
    return by_month | {f"weekday_{number}": (days.buys & (weekday == number)).sum() for number in WEEKDAYS}
