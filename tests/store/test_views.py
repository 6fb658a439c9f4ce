"""Views for analysts: what they hold, that indices answer them, and that the page about them is right."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Connection, text

from farview.core.schemas import TOTALS
from farview.store import migrate
from farview.store.engine import open_engine
from farview.store.store import Store
from farview.store.values import Answered, Exposure
from farview.store.views import VIEWS
from farview.store.writer import Writer
from tests.store.worlds import forecasts, publish, register, spec

ROOT = Path(__file__).parents[2]
COOKBOOK = re.findall(r"^```sql\n(.*?)^```", (ROOT / "docs" / "sql.md").read_text(), re.DOTALL | re.MULTILINE)
CUSTOMERS = ["ada", "ben", "eve"]
NOON = datetime(2024, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def analyst(url: str, store: Store) -> Iterator[Connection]:
    """Two published runs of two models, one that is staged, an answer that was shown."""
    first, second = register(store), register(store, b"more")
    publish(store, store.begin_run(spec(first, date(2024, 2, 28))), forecasts(CUSTOMERS))
    run = publish(store, store.begin_run(spec(first)), forecasts(CUSTOMERS, seed=1))
    publish(store, store.begin_run(spec(second)), forecasts(CUSTOMERS, seed=2))
    store.stage(store.begin_run(spec(second, date(2024, 3, 1))), pa.Table.from_batches([forecasts(CUSTOMERS)]))
    answer = Answered("answer", "PrioritizeCustomers", run.run_id, first.name, None)
    shown = [Exposure(1, NOON, "ada", None)]
    engine = open_engine(url)
    with engine.begin() as connection:
        Writer(connection).record_exposures(answer, shown, who="crm")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def rows(connection: Connection, query: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(text(query)).mappings()]


def test_the_latest_forecasts_are_those_that_are_served(analyst: Connection, store: Store) -> None:
    served = store.latest_run()
    assert served is not None
    found = rows(analyst, "SELECT * FROM v_forecast_latest ORDER BY customer_id, horizon_days")
    told = store.forecasts(served.run_id, CUSTOMERS).drop_columns(["purchases_grid", "value_grid"]).to_pylist()
    provenance = {"run_id": served.run_id, "model_version": "ltv-revenue/1", "as_of": date(2024, 2, 29)}
    assert [row | {n: str(row[n]) for n in row if "date" in n or n == "as_of"} for row in found] == [
        row | provenance | {n: str(row[n]) for n in row if "date" in n} | {"as_of": "2024-02-29"} for row in told
    ]


def test_the_history_holds_every_published_run_and_no_staged_one(analyst: Connection) -> None:
    query = "SELECT as_of, model_version FROM v_forecast_history WHERE customer_id = 'ada' AND horizon_days = 30"
    assert sorted((str(row["as_of"]), row["model_version"]) for row in rows(analyst, query)) == [
        ("2024-02-28", "ltv-revenue/1"),
        ("2024-02-29", "ltv-revenue/1"),
        ("2024-02-29", "ltv-revenue/2"),
    ]


def test_a_cohort_has_its_mean_and_the_quantiles_of_its_joint_draws(url: str, store: Store) -> None:
    run = store.begin_run(spec(register(store)))
    store.stage(run, pa.Table.from_batches([forecasts(CUSTOMERS)]))
    total = {"group_kind": "cohort", "group_name": "2024-01", "horizon_days": 30, "customers": 4}
    totals = [
        total | {"measure": measure, "mean": mean, "draws": [mean * k / 50 for k in range(101)]}
        for measure, mean in (("value", 50.0), ("purchases", 5.0))
    ]
    store.publish(run, pa.Table.from_pylist(totals, schema=TOTALS), who="ada")
    engine = open_engine(url)
    with engine.connect() as connection:
        (row,) = rows(connection, "SELECT * FROM v_cohort_value")
    engine.dispose()
    assert (row["value_mean"], row["value_q05"], row["value_q95"]) == (50.0, 5.0, 95.0)
    assert (row["purchases_mean"], row["purchases_q50"], row["value_mean_per_customer"]) == (5.0, 5.0, 12.5)


def test_exposures_tell_who_was_shown_and_of_which_cohort(analyst: Connection) -> None:
    (row,) = rows(analyst, "SELECT * FROM v_exposures")
    assert (row["customer_id"], row["cohort"], row["place"], row["recorded_by"]) == ("ada", "2023-12", 1, "crm")
    assert str(row["exposed_at"])[:19] == "2024-03-02 12:00:00"


def test_the_lineage_tells_what_a_model_is_and_what_it_was_used_for(analyst: Connection) -> None:
    query = "SELECT model_version, alias, published_runs, last_run_as_of FROM v_model_lineage ORDER BY version"
    assert [tuple(map(str, row.values())) for row in rows(analyst, query)] == [
        ("ltv-revenue/1", "champion", "2", "2024-02-29"),
        ("ltv-revenue/2", "candidate", "1", "2024-02-29"),
    ]


@pytest.mark.parametrize("query", COOKBOOK)
def test_a_query_of_the_cookbook_runs(analyst: Connection, query: str) -> None:
    analyst.execute(text(query)).all()


PLANS = {
    "one customer of the latest": "SELECT * FROM v_forecast_latest WHERE customer_id = 'c7'",
    "one customer of the history": "SELECT * FROM v_forecast_history WHERE customer_id = 'c7'",
    "one customer of the exposures": "SELECT * FROM v_exposures WHERE customer_id = 'c7'",
    "first by value at a horizon": "SELECT * FROM v_forecast_latest WHERE horizon_days = 30 "
    "ORDER BY value_mean DESC LIMIT 50",
}


@pytest.mark.parametrize("query", PLANS.values(), ids=PLANS)
def test_an_index_answers(url: str, store: Store, query: str) -> None:
    customers = [f"c{n}" for n in range(2_000)]
    model = register(store)
    for day in (28, 29):
        publish(store, store.begin_run(spec(model, date(2024, 2, day))), forecasts(customers))
    engine = open_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            plan = [row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}"))]
            scans = [step for step in plan if re.match(r"SCAN (forecasts|f|exposures|e)\b(?! USING)", step)]
        else:
            connection.execute(text("ANALYZE"))
            plan = [row[0] for row in connection.execute(text(f"EXPLAIN {query}"))]
            scans = [step for step in plan if re.search(r"Seq Scan on forecasts", step)]
    engine.dispose()
    assert scans == [], "\n".join(plan)


def test_the_page_on_sql_is_current() -> None:
    command = [sys.executable, "docs/generate.py", "--check"]
    told = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, check=False
    )
    assert told.returncode == 0, told


def test_the_database_itself_says_what_a_view_holds(analyst: Connection) -> None:
    for view in VIEWS:
        if analyst.dialect.name == "sqlite":
            said = analyst.scalar(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": view.name})
            assert all(about in said for about in (view.about, *(column.about for column in view.columns)))
        else:
            assert analyst.scalar(text(f"SELECT obj_description('{view.name}'::regclass)")) == view.about
            query = f"SELECT col_description('{view.name}'::regclass, n) FROM generate_series(1, {len(view.columns)}) n"
            assert list(analyst.scalars(text(query))) == [column.about for column in view.columns]


def test_an_upgrade_that_changes_nothing_leaves_what_was_granted(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("GRANT SELECT ON v_forecast_latest TO pg_monitor"))
    migrate.upgrade(postgres_url)
    with engine.connect() as connection:
        query = "SELECT has_table_privilege('pg_monitor', 'v_forecast_latest', 'SELECT')"
        assert connection.scalar(text(query))
    engine.dispose()


def test_tables_under_views_can_be_taken_back_and_made_again(database_url: str) -> None:
    migrate.downgrade(database_url, "0001")
    migrate.upgrade(database_url)
    engine = open_engine(database_url)
    with engine.connect() as connection:
        assert rows(connection, "SELECT * FROM v_forecast_latest") == []
    engine.dispose()
