"""Full CDNOW as models see it at the end of its calibration period."""

from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from farview.core.clock import Cut
from farview.features.rfm import rfm

CDNOW = Path(__file__).resolve().parents[1] / "cli" / "demo_data" / "cdnow_master.csv.gz"
CALIBRATION_END = date(1997, 9, 30)


def cdnow_rfm() -> pa.Table:
    """`schemas.RFM` of 23,570 customers."""
    events = duckdb.sql(
        f"select customer_id, time::timestamp at time zone 'UTC' as time, amount from "
        f"read_csv('{CDNOW}', types={{'customer_id': 'varchar', 'amount': 'double'}})"
    ).to_arrow_table()
    return rfm(events, Cut(CALIBRATION_END, datetime.now(UTC)), "UTC").read_all()
