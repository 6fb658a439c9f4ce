"""The SQL executor selects what the numpy executor selects, on both databases."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Column,
    Connection,
    Date,
    Float,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    delete,
    insert,
    select,
)
from sqlalchemy.dialects import postgresql

from farview.core.filters import EVERYTHING, Comparison, Filter, Op, compile_filter, mask, unparse
from farview.store.filter_sql import condition
from tests.core.filter_cases import FIELDS, columns_of, rows, trees
from tests.tiers import examples

EXPRESSIONS = 8  # of each table of rows: filling it takes longer than asking
TABLE = Table(
    "filter_rows",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("cohort", Text),
    Column("value_mean", Float(53)),
    Column("frequency", Integer),
    Column("first_purchase_date", Date),
    prefixes=["TEMPORARY"],
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    url = "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres_server")
    engine = create_engine(url)
    with engine.connect() as connection:
        TABLE.create(connection)
        yield connection
    engine.dispose()


def fill(connection: Connection, table: list[tuple[Any, ...]]) -> None:
    connection.execute(delete(TABLE))
    connection.execute(
        insert(TABLE), [dict(zip(("id", *FIELDS), (i, *row), strict=True)) for i, row in enumerate(table)]
    )


def selected(connection: Connection, tree: Filter, rows: int) -> list[bool]:
    where = condition(tree, dict(TABLE.c), connection.dialect.name)
    found = set(connection.scalars(select(TABLE.c.id).where(where)))
    return [i in found for i in range(rows)]


@given(st.lists(trees(), min_size=EXPRESSIONS, max_size=EXPRESSIONS), rows())
@settings(max_examples=examples(ci=200, soak=100_000) // EXPRESSIONS)
def test_both_executors_select_the_same_rows(
    connection: Connection, some: list[Filter], table: list[tuple[Any, ...]]
) -> None:
    fill(connection, table)
    for tree in some:
        compiled = compile_filter(unparse(tree), FIELDS)
        expected = mask(compiled, columns_of(table), len(table)).tolist()
        assert selected(connection, compiled, len(table)) == expected, tree


@pytest.mark.parametrize("op", list(Op))
def test_a_stored_nan_is_a_null(connection: Connection, op: Op) -> None:
    fill(connection, [("a", np.nan, 0, None)])
    assert selected(connection, Comparison("value_mean", op, 1.0), 1) == [False]


def test_the_empty_filter_selects_every_row(connection: Connection) -> None:
    fill(connection, [(None, None, 0, None)])
    assert selected(connection, EVERYTHING, 1) == [True]


def test_strings_are_ordered_by_code_point_whatever_the_database_s_language() -> None:
    where = condition(Comparison("cohort", Op.LT, "b"), dict(TABLE.c), "postgresql")
    assert 'filter_rows.cohort COLLATE "C"' in str(where.compile(dialect=postgresql.dialect()))
