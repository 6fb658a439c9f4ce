"""An event log as Parquet, a folder a bucket of customers: all of a customer's events are in one bucket."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from farview.core import columns as c
from farview.core.schemas import EVENTS

MEMORY = "1GB"


@contextmanager
def bucketed(events: pa.RecordBatchReader, buckets: int, first: int = 0) -> Iterator[Path]:
    """A folder that holds the buckets from `first` on, and is gone with the context.

    Args:
        events: schemas.EVENTS, any order; read once, as a stream.
        buckets: how many there are. A customer's is a hash of the id, the same in every process and version.
        first: those before it are not written.
    """
    with tempfile.TemporaryDirectory(prefix="farview-") as name:
        folder = Path(name)
        with duckdb.connect() as connection:
            settings = {"timezone": "UTC", "memory_limit": MEMORY, "temp_directory": str(folder / "spilled")}
            for setting, value in settings.items():
                connection.execute(f"SET {setting} = '{value}'")
            for setting in ("preserve_insertion_order", "enable_progress_bar"):
                connection.execute(f"SET {setting} = false")
            connection.register("events", events)
            connection.execute(
                f"""
                COPY (
                    SELECT *, CAST(md5_number_lower({c.CUSTOMER_ID}) % {buckets} AS INTEGER) AS bucket
                    FROM events WHERE bucket >= {first}
                ) TO '{folder / "log"}' (FORMAT parquet, PARTITION_BY (bucket))
                """
            )
        yield folder


def read(folder: Path, bucket: int) -> pa.Table:
    """schemas.EVENTS of one bucket, in no order."""
    files = sorted((folder / "log" / f"bucket={bucket}").glob("*.parquet"))
    tables = [pq.ParquetFile(file).read().cast(EVENTS) for file in files]
    return pa.concat_tables([EVENTS.empty_table(), *tables])
