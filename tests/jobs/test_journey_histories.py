"""A log in any order as tables of whole customers."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from farview.core import schemas
from jobs.journey_histories import by_customer

START = datetime(2025, 1, 1, tzinfo=UTC)


def log(rows: int, customers: int) -> pa.Table:
    random = np.random.default_rng(0)
    who = [f"c{number:04d}" for number in random.integers(0, customers, rows)]
    touches = [
        {"customer_id": name, "time": START + timedelta(minutes=n), "interaction": "click", "channel": "email"}
        for n, name in enumerate(who)
    ]
    return pa.Table.from_pylist(touches, schema=schemas.TOUCHPOINTS)


@pytest.mark.parametrize("rows", [1, 7, 100, 5_000])
def test_every_row_comes_once_and_every_customer_in_one_table(rows: int) -> None:
    whole = log(1_000, 90)
    tables = list(by_customer(pa.RecordBatchReader.from_batches(whole.schema, whole.to_batches(97)), rows))
    customers = [set(table["customer_id"].to_pylist()) for table in tables]
    assert sum(map(len, customers)) == len(set.union(*customers)) == len(set(whole["customer_id"].to_pylist()))
    order = [("customer_id", "ascending"), ("time", "ascending")]
    assert pa.concat_tables(tables).sort_by(order).equals(whole.sort_by(order))


def test_tables_are_no_longer_than_asked_but_for_the_last_customer() -> None:
    whole = log(1_000, 90)
    tables = list(by_customer(whole.to_reader(), 100))
    assert len(tables) > 5
    assert max(map(len, tables)) < 200


def test_an_empty_log_has_no_table() -> None:
    assert list(by_customer(schemas.TOUCHPOINTS.empty_table().to_reader())) == []
