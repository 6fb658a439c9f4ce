"""Retention: old runs go, whole; the served one and those kept stay."""

from datetime import date, timedelta

import pyarrow as pa
import pytest
from sqlalchemy import text

from farview.core.errors import NotFound
from farview.store import staging
from farview.store.engine import open_engine
from farview.store.store import Store
from farview.store.values import ForecastRun
from tests.store import worlds

JANUARY = date(2024, 1, 31)


def published(store: Store, days: list[int]) -> list[ForecastRun]:
    """Runs of those days after the end of January, published in this order."""
    model = worlds.register(store)
    return [
        worlds.publish(store, store.begin_run(worlds.spec(model, as_of=JANUARY + timedelta(day))), forecasts())
        for day in days
    ]


def forecasts() -> pa.RecordBatch:
    return worlds.forecasts(["a", "b"])


def counts(url: str) -> list[int]:
    """Rows of runs, forecasts and totals."""
    engine = open_engine(url)
    with engine.connect() as connection:
        found = [
            connection.scalar(text(f"SELECT count(*) FROM {table}"))
            for table in ("forecast_runs", "forecasts", "segment_totals")
        ]
    engine.dispose()
    return found


def test_only_the_runs_published_last_are_kept(store: Store, url: str) -> None:
    runs = published(store, [0, 1, 2, 3])
    assert store.prune_runs(2, who="ada") == runs[1::-1]
    assert store.runs() == runs[:1:-1]
    assert counts(url) == [2, 8, 4]
    with pytest.raises(NotFound):
        store.run(runs[0].run_id)


def test_the_served_run_is_never_deleted_however_old(store: Store) -> None:
    served, *backfilled = published(store, [9, 1, 2])
    assert store.prune_runs(1, who="ada") == [backfilled[0]]
    assert store.latest_run() == served
    assert store.runs() == [backfilled[1], served]


def test_what_was_pruned_stands_in_the_audit_log(store: Store) -> None:
    old, _ = published(store, [0, 1])
    store.prune_runs(1, who="ada")
    line = store.audit_log(1)[0]
    assert (line.who, line.action, line.subject) == ("ada", "prune", f"runs/{old.run_id}")
    assert line.detail == {"as_of": "2024-01-31", "keep": 1, "model": "ltv-revenue/1"}


def test_pruning_again_changes_nothing(store: Store) -> None:
    published(store, [0, 1])
    store.prune_runs(1, who="ada")
    before = store.audit_log()
    assert store.prune_runs(1, who="ada") == []
    assert store.audit_log() == before


def test_a_run_that_is_being_staged_is_left_alone(store: Store) -> None:
    published(store, [0, 1])
    run = store.begin_run(worlds.spec(store.champion(), as_of=JANUARY + timedelta(5)))
    store.prune_runs(1, who="ada")
    assert worlds.publish(store, run, forecasts()).forecasts == 4


def test_a_prune_that_dies_half_way_has_no_readers_and_is_finished_by_the_next_run(
    store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, newer = published(store, [0, 1])

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(staging, "remove", dies)
        with pytest.raises(KeyboardInterrupt):
            store.prune_runs(1, who="ada")
    assert store.runs() == [newer]
    with pytest.raises(NotFound):
        store.totals(old.run_id)
    assert counts(url) == [2, 8, 2]
    worlds.publish(store, store.begin_run(worlds.spec(store.champion(), as_of=JANUARY)), forecasts())
    assert counts(url) == [2, 8, 4]
