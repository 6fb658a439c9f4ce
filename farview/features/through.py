"""A log without its future."""

from datetime import date
from typing import Any

import pyarrow as pa

from farview.core import schemas
from farview.core.clock import zone as zone_of
from farview.features.bulk import AS_OF, Query, events_by_day, run


def through(events: pa.Table, day: date, zone: str) -> pa.Table:
    """The events up to and including a business-zone day: what comes after is not there to be seen by mistake.

    Raises:
        InvalidInput: `zone` is not an IANA time zone.
    """
    zone_of(zone)
    return run(Query(_expression, (zone,), {AS_OF: day}), events, schemas.EVENTS).read_all()


def _expression(zone: str) -> Any:
    return events_by_day(zone).select(schemas.EVENTS.names)
