"""The identity of rows is the same for few rows and in bulk, and stays what databases already hold."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.store import row_hash
from farview.store.batches import BATCHES
from tests.tiers import examples

_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")),
    "int64": st.integers(0, 10**9),
    "double": st.floats(0, 1, exclude_min=True),
    str(pa.timestamp("us", tz="UTC")): st.datetimes(datetime(1900, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)),
    str(pa.decimal128(18, 6)): st.decimals(Decimal(-(10**11)), Decimal(10**11), places=6),
}


@pytest.fixture(scope="module")
def in_duckdb() -> Iterator[Callable[[pa.Table, str], list[Any]]]:
    """Rows of a table by SQL expressions.

    No name of DuckDB is global here: Hypothesis keeps its tests, and with them what their module names, until the
    process ends, when DuckDB tells of each of its objects that is still there.
    """
    import duckdb

    with duckdb.connect() as connection:
        yield lambda table, sql: connection.from_arrow(table).project(sql).fetchall()


@st.composite
def rows(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """A row of that kind, null wherever a column may be."""
    fields = (BATCHES[kind].field(name) for name in (*row_hash.CONTENT[kind], *row_hash.CONVERTED.get(kind, ())))
    return {
        field.name: draw(_VALUES[str(field.type)] | st.none() if field.nullable else _VALUES[str(field.type)])
        for field in fields
    }


@pytest.mark.parametrize("kind", row_hash.CONTENT)
@settings(max_examples=examples(ci=50, soak=5000))
@given(data=st.data())
def test_the_row_hash_is_the_same_in_python_and_in_duckdb(
    in_duckdb: Callable[[pa.Table, str], list[Any]], kind: str, data: st.DataObject
) -> None:
    row = data.draw(rows(kind))
    batch = pa.Table.from_pylist([row], schema=pa.schema([BATCHES[kind].field(name) for name in row]))
    assert in_duckdb(batch, row_hash.sql(kind)) == [(row_hash.of(kind, row),)]


@pytest.mark.parametrize("kind", row_hash.CONTENT)
def test_a_row_hash_speaks_of_all_that_a_file_says(kind: str) -> None:
    told = {*row_hash.CONTENT[kind], *row_hash.CONVERTED.get(kind, ())}
    assert told | {"ingested_at", "row_hash"} == set(BATCHES[kind].names)


def test_the_row_hash_of_transactions_is_the_one_that_databases_hold() -> None:
    row = {
        "customer_id": "a",
        "time": datetime(2024, 1, 15, 12, tzinfo=UTC),
        "amount": Decimal("12.5"),
        "currency": "EUR",
        "transaction_id": None,
    }
    assert row_hash.of("transactions", row) == 811429766165989054
