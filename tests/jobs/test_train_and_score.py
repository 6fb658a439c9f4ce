"""Training and scoring: lineage, repeatability, and what a killed process leaves behind."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from farview.core import columns as c
from farview.core.errors import FailedPrecondition, InvalidInput, NotFound
from farview.core.schemas import FORECAST
from farview.store.engine import open_engine
from farview.store.store import Store
from farview.store.values import ForecastRun
from jobs.import_file import import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions
from jobs.score import score_ltv
from jobs.train import train_ltv

CALIBRATION_END = date(1997, 9, 30)
LATER = date(1998, 6, 30)
CUSTOMERS = 400


def test_training_records_where_the_model_comes_from(small: Store) -> None:
    model = train_ltv(small, as_of=CALIBRATION_END, method="map", seed=3, who="ada", why="first model")
    lineage = model.lineage
    assert (lineage.as_of, lineage.seed, lineage.who, lineage.why) == (CALIBRATION_END, 3, "ada", "first model")
    assert lineage.configuration == {"model": "bg_nbd", "method": "map"}
    assert len(lineage.snapshot_hash) == len(lineage.feature_schema_hash) == 64
    assert lineage.library_versions["numpy"]
    assert model.metrics["customers"] == CUSTOMERS
    assert model.name == "ltv-revenue/1"


def test_the_same_data_and_seed_give_the_same_artifact(small: Store) -> None:
    models = [train_ltv(small, as_of=CALIBRATION_END, seed=1, who="ada") for _ in range(2)]
    assert models[0].artifact_sha256 == models[1].artifact_sha256
    assert models[0].lineage.snapshot_hash == models[1].lineage.snapshot_hash


def test_as_of_defaults_to_the_day_of_the_last_event(small: Store) -> None:
    assert train_ltv(small, method="map", who="ada").lineage.as_of == LATER


def test_training_without_transactions_names_the_command(sqlite_store: Store) -> None:
    with pytest.raises(FailedPrecondition, match="farview import transactions"):
        train_ltv(sqlite_store, who="ada")


def test_scoring_without_a_model_names_the_command(small: Store) -> None:
    with pytest.raises(NotFound, match="farview train"):
        score_ltv(small, who="ada")


@pytest.mark.parametrize("horizons", [(), (0, 30), (4000,)])
def test_impossible_horizons_are_refused(small: Store, horizons: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput, match="horizon_days"):
        score_ltv(small, horizons_days=horizons, who="ada")


def test_every_customer_with_a_purchase_gets_every_horizon(small: Store) -> None:
    train_ltv(small, as_of=CALIBRATION_END, method="map", who="ada")
    run = score_ltv(small, as_of=CALIBRATION_END, horizons_days=(365, 30, 30), who="ada")
    assert run.spec.horizons_days == (30, 365)
    assert run.forecasts == 2 * CUSTOMERS
    assert small.run_table(run.run_id, 365, [c.CUSTOMER_ID]).num_rows == CUSTOMERS


@pytest.fixture(scope="module")
def scored(sales: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Sales with a model and its run of the last day. To be read."""
    opened = Store.open(f"sqlite:///{shutil.copy(sales, tmp_path_factory.mktemp('scored') / 'scored.db')}")
    train_ltv(opened, method="map", who="ada")
    score_ltv(opened, who="ada")
    yield opened
    opened.close()


def test_totals_are_those_of_the_customers(scored: Store) -> None:
    (run,) = scored.runs()
    base = [row for row in scored.totals(run.run_id).to_pylist() if row["group_kind"] == "base"]
    for row in base:
        each = scored.run_table(run.run_id, row["horizon_days"], [f"{row['measure']}_mean"]).column(0)
        assert row["mean"] == pytest.approx(sum(each.to_pylist()), rel=1e-9)
        assert row["customers"] == CUSTOMERS
    assert len(base) == 6


def test_both_databases_publish_the_same_forecasts(prepared: Store, request: pytest.FixtureRequest) -> None:
    run = score_ltv(prepared, as_of=CALIBRATION_END, who="ada")
    found = prepared.run_table(run.run_id, 90, FORECAST.names).combine_chunks()
    seen = request.config.stash.setdefault(_SEEN, [])
    seen.append(found)
    assert found.num_rows == CUSTOMERS
    assert all(found.equals(other) for other in seen)


def test_scoring_again_gives_the_published_run(scored: Store) -> None:
    assert [score_ltv(scored, who="ada")] == scored.runs()


def test_new_transactions_make_a_new_run(prepared_sqlite_store: Store, tmp_path: Path) -> None:
    small = prepared_sqlite_store
    before = score_ltv(small, who="ada")
    more = tmp_path / "more.csv"
    more.write_text("customer_id,time,amount\n0001,1998-06-30,20\n")
    import_file(small, KINDS["transactions"], more, FileOptions(), who="ada")
    after = score_ltv(small, who="ada")
    assert (after.run_id != before.run_id, small.latest_run()) == (True, after)


def test_what_was_not_known_yet_is_not_seen(small: Store, tmp_path: Path) -> None:
    before = datetime.now(UTC)
    more = tmp_path / "more.csv"
    more.write_text("customer_id,time,amount\nnew,1998-06-30,20\n")
    import_file(small, KINDS["transactions"], more, FileOptions(), who="ada")
    train_ltv(small, method="map", who="ada", known_at=before)
    then, now = (score_ltv(small, known_at=known_at, who="ada") for known_at in (before, None))
    assert [small.forecasts(run.run_id, ["new"]).num_rows for run in (then, now)] == [0, 3]


def test_jobs_leave_a_record_of_how_they_ended(scored: Store) -> None:
    (run,) = scored.runs()
    records = {record.kind: record for record in scored.operations()}
    assert [records[kind].state for kind in ("import", "train", "score")] == ["done"] * 3
    assert records["score"].result == {"run_id": run.run_id, "forecasts": run.forecasts}


@pytest.fixture
def killed(prepared: Store, prepared_url: str, request: pytest.FixtureRequest) -> tuple[Store, ForecastRun]:
    """A run of September published; a process that scored June killed with SIGKILL at the point asked for."""
    published = score_ltv(prepared, as_of=CALIBRATION_END, who="ada")
    command = [sys.executable, "-m", "tests.jobs.interrupted_score", prepared_url, request.param]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.kill()
    return prepared, published


@pytest.mark.parametrize(
    ("prepared_url", "killed"),
    [("sqlite", "publishing"), ("postgresql", "staging")],
    indirect=True,
)
def test_a_killed_score_leaves_the_run_before_and_the_rerun_publishes_once(
    killed: tuple[Store, ForecastRun], prepared_url: str
) -> None:
    store, published = killed
    assert _rows(prepared_url, "status <> 'published'") > 0  # the dead process had staged
    assert store.latest_run() == published
    assert store.run_table(published.run_id, 365, [c.CUSTOMER_ID]).num_rows == CUSTOMERS
    rerun = score_ltv(store, who="ada")
    assert score_ltv(store, who="ada") == rerun == store.latest_run()
    assert [run.spec.as_of for run in store.runs()] == [LATER, CALIBRATION_END]
    assert _rows(prepared_url, "status <> 'published'") == 0
    assert _rows(prepared_url, f"forecasts.run_id = {rerun.run_id}") == rerun.forecasts == 3 * CUSTOMERS


def _rows(url: str, condition: str) -> int:
    engine = open_engine(url)
    joined = "forecasts LEFT JOIN forecast_runs ON forecast_runs.run_id = forecasts.run_id"
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT count(*) FROM {joined} WHERE {condition}")).scalar_one()
    engine.dispose()
    return int(found)


_SEEN = pytest.StashKey[list[object]]()
