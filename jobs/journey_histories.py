"""A touch log in any order as tables of whole customers, in flat memory."""

import tempfile
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core import schemas

ROWS = 200_000  # of a table, about
MEMORY = "1GB"  # that sorting takes before it spills to a temporary folder


def by_customer(log: pa.RecordBatchReader, rows: int = ROWS) -> Iterator[pa.Table]:
    """All rows, each customer's in one table.

    Args:
        log: schemas.TOUCHPOINTS in any order; read once, as a stream.
        rows: of a table, as soon as that many are there; one customer may have more.
    """
    held = schemas.TOUCHPOINTS.empty_table()
    for batch in _sorted(log, rows):
        held = pa.concat_tables([held, pa.Table.from_batches([batch])])
        if len(held) < rows:
            continue
        of_the_last = pc.sum(pc.equal(held[c.CUSTOMER_ID], held[c.CUSTOMER_ID][-1])).as_py()  # of whom more may come
        if of_the_last < len(held):
            yield held.slice(0, len(held) - of_the_last)
            held = held.slice(len(held) - of_the_last)
    if len(held):
        yield held


def _sorted(log: pa.RecordBatchReader, rows: int) -> Iterator[pa.RecordBatch]:
    import duckdb

    with tempfile.TemporaryDirectory(prefix="farview-") as spill, duckdb.connect() as connection:
        for name, value in {"timezone": "UTC", "memory_limit": MEMORY, "temp_directory": spill}.items():
            connection.execute(f"set {name} = '{value}'")
        connection.register("log", log)
        for batch in connection.sql(f"from log order by {c.CUSTOMER_ID}").to_arrow_reader(rows):
            yield batch.cast(schemas.TOUCHPOINTS)
