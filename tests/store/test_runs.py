"""Runs: staged rows have no readers, publishing is one step, and a key is published once."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from farview.core.errors import Conflict, NotFound
from farview.store.engine import open_engine
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, ForecastRun
from tests.store import worlds

FEBRUARY, JANUARY = date(2024, 2, 29), date(2024, 1, 31)


def begin(store: Store, parts: int = 1, **changes: date | str) -> ForecastRun:
    return store.begin_run(worlds.spec(store.champion(), **changes), parts)  # type: ignore[arg-type]


def stage(store: Store, run: ForecastRun, customer_ids: list[str], part: int = 0, sums: bytes = b"") -> None:
    store.stage(run, pa.Table.from_batches([worlds.forecasts(customer_ids)]), part=part, sums=sums)


def test_no_read_sees_a_staged_row(store: Store) -> None:
    worlds.register(store)
    run = begin(store)
    stage(store, run, ["a", "b"])
    assert store.latest_run() is None
    assert store.runs() == []
    for read in (
        lambda: store.run(run.run_id),
        lambda: store.forecasts(run.run_id, ["a"]),
        lambda: store.list_forecasts(run.run_id, 30),
        lambda: store.run_table(run.run_id, 30, ["customer_id"]),
        lambda: store.totals(run.run_id),
    ):
        with pytest.raises(NotFound, match="only published runs"):
            read()


def test_a_published_run_has_all_rows_and_totals(store: Store) -> None:
    worlds.register(store)
    batch = worlds.forecasts(["a", "b"])
    run = worlds.publish(store, begin(store), batch)
    assert worlds.in_order(store.forecasts(run.run_id, ["a", "b"])).equals(worlds.in_order(batch))
    assert store.totals(run.run_id).to_pylist() == worlds.totals().to_pylist()[::-1]  # base first
    assert (run.forecasts, store.latest_run()) == (4, run)


def test_the_same_key_gives_the_published_run_again(store: Store) -> None:
    worlds.register(store)
    run = worlds.publish(store, begin(store), worlds.forecasts(["a"]))
    assert begin(store) == run


@pytest.mark.parametrize("change", [{"as_of": JANUARY}, {"snapshot_hash": "6" * 64}])
def test_another_key_is_another_run(store: Store, change: dict[str, date | str]) -> None:
    worlds.register(store)
    run = worlds.publish(store, begin(store), worlds.forecasts(["a"]))
    assert begin(store, **change).run_id != run.run_id


def test_beginning_again_goes_on_after_the_parts_of_a_dead_run(store: Store) -> None:
    worlds.register(store)
    dead = begin(store, parts=2)
    assert (dead.parts_staged, store.staged_sums(dead)) == (0, None)
    stage(store, dead, ["a", "b"], sums=b"of the first")
    run = begin(store, parts=5)
    assert (run.run_id, run.parts, run.parts_staged) == (dead.run_id, 2, 1)
    assert store.staged_sums(run) == b"of the first"
    stage(store, run, ["c"], part=1)
    assert store.publish(run, worlds.totals(), who="ada").forecasts == 6
    assert store.staged_sums(run) is None


def test_a_part_is_staged_once_and_in_its_turn(store: Store) -> None:
    worlds.register(store)
    run = begin(store, parts=3)
    stage(store, run, ["a"])
    for part in (0, 2):
        with pytest.raises(Conflict, match=f"run {run.run_id} is not open"):
            stage(store, run, ["b"], part=part)
    assert begin(store).forecasts == 2


def test_a_run_that_lacks_a_part_is_not_published(store: Store) -> None:
    worlds.register(store)
    run = begin(store, parts=2)
    stage(store, run, ["a"])
    with pytest.raises(Conflict, match=f"run {run.run_id} is not open"):
        store.publish(run, worlds.totals(), who="ada")
    assert store.latest_run() is None


def test_a_job_taken_for_dead_can_neither_stage_nor_publish(store: Store) -> None:
    worlds.register(store)
    slow = begin(store)
    quick = begin(store)
    with pytest.raises(Conflict, match=f"run {slow.run_id} is not open"):
        stage(store, slow, ["a"])
    with pytest.raises(Conflict, match=f"run {slow.run_id} is not open"):
        store.publish(slow, worlds.totals(), who="ada")
    worlds.publish(store, quick, worlds.forecasts(["a"]))


def test_nothing_can_be_added_to_a_published_run(store: Store) -> None:
    worlds.register(store)
    run = worlds.publish(store, begin(store), worlds.forecasts(["a"]))
    with pytest.raises(Conflict):
        stage(store, run, ["b"], part=1)
    assert store.forecasts(run.run_id, ["b"]).num_rows == 0


def test_a_failed_publish_leaves_the_run_unpublished(store: Store) -> None:
    worlds.register(store)
    before = worlds.publish(store, begin(store, as_of=JANUARY), worlds.forecasts(["a"]))
    run = begin(store)
    twice = pa.concat_tables([worlds.totals(), worlds.totals()])
    with pytest.raises((Conflict, IntegrityError)):  # the totals' key breaks after the status was set
        store.publish(run, twice, who="ada")
    assert store.latest_run() == before


def test_runs_without_a_sign_of_life_for_a_day_are_removed(store: Store, url: str) -> None:
    worlds.register(store)
    stage(store, begin(store, as_of=JANUARY), ["a"])
    engine = open_engine(url)
    long_ago = datetime.now(UTC) - timedelta(hours=25)
    stamp = int(long_ago.timestamp() * 1e6) if "sqlite" in url else long_ago
    with engine.begin() as connection:
        connection.execute(text("UPDATE forecast_runs SET staged_at = :at"), {"at": stamp})
    begin(store, as_of=FEBRUARY)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM forecasts")) == 0
        assert connection.scalar(text("SELECT count(*) FROM forecast_runs")) == 1
    engine.dispose()


def test_a_backfill_of_an_earlier_day_does_not_become_the_latest(store: Store) -> None:
    worlds.register(store)
    february = worlds.publish(store, begin(store, as_of=FEBRUARY), worlds.forecasts(["a"]))
    worlds.publish(store, begin(store, as_of=JANUARY), worlds.forecasts(["a"]))
    assert store.latest_run() == february


def test_of_one_day_the_champions_run_is_the_latest(store: Store) -> None:
    first = worlds.register(store)
    second = worlds.register(store)
    runs = {}
    for model in (first, second):
        runs[model.version] = worlds.publish(store, store.begin_run(worlds.spec(model)), worlds.forecasts(["a"]))
    assert store.latest_run() == runs[1]
    store.promote(LTV_REVENUE, 2, expected_champion=1, force=True, who="ada", why="drill")
    assert store.latest_run() == runs[2]


def test_a_run_of_an_unknown_model_is_not_found(store: Store) -> None:
    model = worlds.register(store)
    with pytest.raises(NotFound, match="ltv-revenue/5"):
        store.begin_run(replace(worlds.spec(model), model_version=5))
