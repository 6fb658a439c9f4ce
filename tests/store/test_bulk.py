"""Bulk writes and reads: what goes in comes out, on both databases."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Engine,
    Float,
    LargeBinary,
    MetaData,
    Table,
    Text,
    delete,
    select,
)

from farview.store import bulk
from farview.store.engine import open_engine, write
from farview.store.types import AMOUNT, UtcDateTime
from tests.tiers import examples

SCRATCH = Table(
    "scratch",
    MetaData(),
    Column("place", BigInteger, primary_key=True),
    Column("words", Text),
    Column("truth", Boolean),
    Column("figure", Float),
    Column("money", AMOUNT),
    Column("day", Date),
    Column("instant", UtcDateTime),
    Column("grid", LargeBinary),
)
SCHEMA = pa.schema(
    [
        pa.field("place", pa.int64()),
        pa.field("words", pa.string()),
        pa.field("truth", pa.bool_()),
        pa.field("figure", pa.float64()),
        pa.field("money", pa.decimal128(18, 6)),
        pa.field("day", pa.date32()),
        pa.field("instant", pa.timestamp("us", tz="UTC")),
        pa.field("grid", pa.binary(3)),
    ]
)
# PostgreSQL has no NUL in text; SQLite's money is a double, exact to the sixth decimal below 9e9.
KINDS = (pa.int64(), pa.string(), pa.string())
WORDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
ROW = st.fixed_dictionaries(
    {
        "words": st.none() | WORDS,
        "truth": st.none() | st.booleans(),
        "figure": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "money": st.none() | st.decimals(Decimal(-(10**9)), Decimal(10**9), places=6),
        "day": st.none() | st.dates(date(1900, 1, 1)),
        "instant": st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)),
        "grid": st.binary(min_size=3, max_size=3),
    }
)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    opened = open_engine(url)
    SCRATCH.create(opened)
    yield opened
    SCRATCH.drop(opened)
    opened.dispose()


@settings(max_examples=examples(ci=40, soak=2000), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, min_size=1, max_size=12), skip=st.integers(0, 3))
def test_rows_come_back_as_they_went_in(engine: Engine, rows: list[dict[str, Any]], skip: int) -> None:
    numbered = [{"place": place, **row} for place, row in enumerate(rows)]
    # A slice has an offset into its buffers, as batches cut out of a larger one have.
    batch = pa.RecordBatch.from_pylist(numbered[:1] * skip + numbered, schema=SCHEMA).slice(skip)

    def rewrite(connection: Any) -> None:
        connection.execute(delete(SCRATCH))
        bulk.insert(connection, "scratch", batch)

    write(engine, rewrite)
    with engine.connect() as connection:
        # Money is read as the double that a feature needs; its decimals are compared as such.
        schema = SCHEMA.set(SCHEMA.get_field_index("money"), pa.field("money", pa.float64()))
        found = bulk.read_table(connection, select(*SCRATCH.c).order_by(SCRATCH.c.place), schema).to_pylist()
    for row in numbered:
        row["money"] = None if row["money"] is None else float(row["money"])
    assert found == numbered


def test_postgresql_keeps_money_to_the_last_of_18_digits(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    amounts = [Decimal("999999999999.999999"), Decimal("-999999999999.999999"), Decimal("-0.000001"), Decimal(10000)]
    batch = pa.RecordBatch.from_pylist([{"money": amount} for amount in amounts], schema=SCHEMA).select(["money"])
    with engine.begin() as connection:
        SCRATCH.create(connection)
        bulk.insert(connection, "scratch", batch)
        found = connection.exec_driver_sql("SELECT money FROM scratch ORDER BY ctid").scalars().all()
    assert found == amounts
    engine.dispose()


@settings(max_examples=examples(ci=15, soak=1000), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=st.lists(st.dictionaries(st.integers(0, 3), st.tuples(WORDS, WORDS), max_size=4), max_size=4))
def test_an_upsert_replaces_rows_by_key_but_for_the_columns_kept(
    engine: Engine, writes: list[dict[int, tuple[str, str]]]
) -> None:
    table = Table(
        f"upserted_{uuid4().hex}", MetaData(), Column("place", BigInteger, primary_key=True), Column("first", Text),
        Column("last", Text),
    )  # fmt: skip
    table.create(engine)
    expected: dict[int, tuple[str, str]] = {}

    def work(connection: Connection) -> None:
        for rows in writes:  # two of them in one transaction share what the first made
            columns = [list(rows), [first for first, _ in rows.values()], [last for _, last in rows.values()]]
            arrays = [pa.array(column, kind) for column, kind in zip(columns, KINDS, strict=True)]
            batch = pa.RecordBatch.from_arrays(arrays, names=["place", "first", "last"])
            bulk.upsert(connection, table, batch, keep=("first",))

    write(engine, work)
    for rows in writes:
        for place, (first, last) in rows.items():
            expected[place] = (expected.get(place, (first, last))[0], last)
    with engine.connect() as connection:
        assert {place: (first, last) for place, first, last in connection.execute(select(table))} == expected
    table.drop(engine)


def test_an_empty_batch_writes_and_an_empty_query_reads_nothing(engine: Engine) -> None:
    write(engine, lambda connection: bulk.insert(connection, "scratch", pa.RecordBatch.from_pylist([], schema=SCHEMA)))
    with engine.connect() as connection:
        assert bulk.read_table(connection, select(*SCRATCH.c), SCHEMA).num_rows == 0
