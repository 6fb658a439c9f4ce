"""Reading forecasts: by customer, in pages, and whole."""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farview.core.errors import InvalidInput
from farview.core.filters import compile_filter, fields_of
from farview.core.schemas import FORECAST
from farview.store.forecasts import ORDERABLE
from farview.store.store import Store
from farview.store.tables_forecasts import FORECASTS
from farview.store.values import ForecastRun, OrderBy, PageKey
from tests.store import worlds
from tests.tiers import examples

CUSTOMERS = [f"c{i:02d}" for i in range(40)] + ["Zoe", "änne", "o'neil", "50%", "a,b", 'q"q']


@pytest.fixture
def run(store: Store) -> ForecastRun:
    """Two horizons of 46 customers; values tie in groups of three."""
    batch = worlds.forecasts(CUSTOMERS)
    value = pa.array([float(i % 31) for i in range(batch.num_rows)])
    batch = batch.set_column(batch.schema.get_field_index("value_mean"), FORECAST.field("value_mean"), value)
    return worlds.publish(store, store.begin_run(worlds.spec(worlds.register(store))), batch)


def test_the_table_has_the_columns_of_the_contract() -> None:
    assert [column.name for column in FORECASTS.c][2:] == FORECAST.names


def test_customers_without_a_forecast_are_absent(store: Store, run: ForecastRun) -> None:
    found = store.forecasts(run.run_id, ["c01", "nobody", "c01"])
    assert found["customer_id"].to_pylist() == ["c01", "c01"]
    assert found["horizon_days"].to_pylist() == [30, 365]


def test_odd_ids_are_found_as_they_are(store: Store, run: ForecastRun) -> None:
    odd = CUSTOMERS[-6:]
    assert set(store.forecasts(run.run_id, odd, 30)["customer_id"].to_pylist()) == set(odd)


def test_more_ids_than_a_statement_binds_are_asked_in_parts(store: Store, run: ForecastRun) -> None:
    found = store.forecasts(run.run_id, [f"nobody{i}" for i in range(40_000)] + ["c01"], 30)
    assert found["customer_id"].to_pylist() == ["c01"]


@settings(max_examples=examples(ci=15, soak=500), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(column=st.sampled_from(ORDERABLE), descending=st.booleans(), page_size=st.integers(1, 60))
def test_pages_give_every_row_once_in_order(
    store: Store, run: ForecastRun, column: str, descending: bool, page_size: int
) -> None:
    rows: list[tuple[object, bytes]] = []
    after: PageKey | None = None
    for _ in range(len(CUSTOMERS) + 1):
        order = OrderBy(column, descending)
        page = store.list_forecasts(run.run_id, 365, order_by=order, page_size=page_size, after=after)
        ids = [name.encode() for name in page.rows["customer_id"].to_pylist()]
        keys = page.rows[column].to_pylist()
        rows += zip([key.encode() if isinstance(key, str) else key for key in keys], ids, strict=True)
        after = page.after
        if after is None:
            break
    assert rows == sorted(rows, reverse=descending)
    assert {customer for _, customer in rows} == {name.encode() for name in CUSTOMERS}
    assert len(rows) == len(CUSTOMERS)


def test_a_page_can_be_filtered(store: Store, run: ForecastRun) -> None:
    where = compile_filter('cohort = "2024-01" AND value_mean > 10', fields_of(FORECAST))
    page = store.list_forecasts(run.run_id, 30, where=where, page_size=100)
    whole = store.run_table(run.run_id, 30, ["customer_id", "cohort", "value_mean"])
    wanted = whole.filter((pc.field("cohort") == "2024-01") & (pc.field("value_mean") > 10))
    assert 0 < page.rows.num_rows < len(CUSTOMERS)
    assert set(page.rows["customer_id"].to_pylist()) == set(wanted["customer_id"].to_pylist())


@pytest.mark.parametrize("column", ["p_alive", "value_grid", "nothing"])
def test_a_column_that_cannot_order_is_refused(store: Store, run: ForecastRun, column: str) -> None:
    with pytest.raises(InvalidInput, match="order_by"):
        store.list_forecasts(run.run_id, 30, order_by=OrderBy(column))


def test_the_whole_run_comes_by_customer_with_any_columns(store: Store, run: ForecastRun) -> None:
    found = store.run_table(run.run_id, 30, FORECAST.names)
    batch = worlds.in_order(store.forecasts(run.run_id, CUSTOMERS, 30))
    assert found.combine_chunks().equals(batch)
    assert found["customer_id"].to_pylist() == sorted(CUSTOMERS, key=str.encode)


def test_an_unknown_column_is_named(store: Store, run: ForecastRun) -> None:
    with pytest.raises(InvalidInput, match="wrong"):
        store.run_table(run.run_id, 30, ["customer_id", "wrong"])


def test_dates_are_dates_on_both_databases(store: Store, run: ForecastRun) -> None:
    found = store.run_table(run.run_id, 30, ["first_purchase_date"])["first_purchase_date"]
    assert all(isinstance(day, date) for day in found.to_pylist())
