"""CDNOW's calibration period, and small RFM tables, as the model's tests read them."""

import functools
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from farview.core import columns as c
from farview.core import schemas
from farview.core.clock import Cut
from farview.features.rfm import rfm

CALIBRATION_END = date(1997, 9, 30)
DAYS_PER_WEEK = 7.0


@functools.cache
def calibration(path: Path, period_days: int = 1) -> pa.Table:
    """RFM of a CDNOW file at the end of the calibration period of Fader, Hardie and Lee."""
    raw = pa_csv.read_csv(
        path,
        convert_options=pa_csv.ConvertOptions(
            column_types={"customer_id": pa.string(), "time": pa.timestamp("us"), "amount": pa.float64()},
            timestamp_parsers=[pa_csv.ISO8601],
        ),
    )
    events = pa.table(
        {
            c.CUSTOMER_ID: raw["customer_id"],
            c.TIME: raw["time"].cast(schemas.EVENTS.field(c.TIME).type),
            c.AMOUNT: raw["amount"],
        },
        schema=schemas.EVENTS,
    )
    cut = Cut(CALIBRATION_END, datetime(2000, 1, 1, tzinfo=UTC))
    return rfm(events, cut, "UTC", period_days=period_days).read_all()


def rfm_table(
    histories: Sequence[tuple[int, float, float]],
    spends: Sequence[float] | None = None,
    firsts: Sequence[float] | None = None,
) -> pa.Table:
    """An RFM table of (frequency, recency in days, age in days), mean repeat spends and first ones, 10 unless given."""
    if spends is None:
        spends = [10.0 if frequency else 0.0 for frequency, _, _ in histories]
    count = len(histories)
    columns = {
        c.CUSTOMER_ID: [f"customer-{i}" for i in range(count)],
        c.COHORT: ["1997-01"] * count,
        c.FIRST_PURCHASE_DATE: [date(1997, 1, 1)] * count,
        c.FREQUENCY: [frequency for frequency, _, _ in histories],
        c.RECENCY_DAYS: [float(recency) for _, recency, _ in histories],
        c.AGE_DAYS: [float(age) for _, _, age in histories],
        c.REPEAT_SPEND_MEAN: [float(spend) for spend in spends],
        c.FIRST_SPEND: [float(first) for first in firsts or [10.0] * count],
    }
    return pa.table(columns, schema=schemas.RFM)
