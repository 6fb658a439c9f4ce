"""Treatments from file to table, and effects published as a whole, on both databases."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import text

from farview.core.clock import Cut
from farview.core.errors import NotFound
from farview.core.schemas import TREATMENT_EFFECTS
from farview.store.engine import open_engine
from farview.store.store import Store
from farview.store.values import Business, Lineage, ModelVersion
from jobs.import_file import ImportResult, import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions

FILE = """customer_id,time,action,propensity,outcome
a,2024-01-05,email,0.4,12.5
b,2024-01-05,none,0.6,
c,2024-01-06,none,,-3
d,2024-01-06,,0.5,1
"""
DAY = date(2024, 1, 31)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = Store.open(database_url)
    opened.set_business(Business("Europe/Berlin", "EUR", consent_required=False))
    yield opened
    opened.close()


def imported(store: Store, folder: Path, content: str) -> ImportResult:
    path = folder / "mailing.csv"
    path.write_text(content)
    return import_file(store, KINDS["treatments"], path, FileOptions(), who="ada")


def now() -> Cut:
    return Cut(DAY, datetime.now(UTC))


def model(store: Store) -> ModelVersion:
    lineage = Lineage(DAY, datetime.now(UTC), "h", "f", "0", {}, 0, {}, "ada", "")
    return store.register_model("uplift", "x_learner", b"bytes", lineage, {})


def batch(*rows: tuple[str, str, float]) -> pa.RecordBatch:
    names = TREATMENT_EFFECTS.names
    return pa.RecordBatch.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=TREATMENT_EFFECTS)


def test_a_file_becomes_treatments_and_its_bad_row_is_told(store: Store, tmp_path: Path) -> None:
    told = imported(store, tmp_path, FILE)
    found = store.treatments(now())
    assert (told.imported.counts.added, told.imported.rejected) == (3, 1)
    assert found["customer_id"].to_pylist() == ["a", "b", "c"]
    assert found["outcome"].to_pylist() == [12.5, None, -3.0]
    assert found["propensity"].to_pylist() == [0.4, 0.6, None]


def test_an_outcome_that_comes_later_corrects_the_row(store: Store, tmp_path: Path) -> None:
    imported(store, tmp_path, FILE)
    before = now()
    later = imported(store, tmp_path, FILE.replace("0.6,\n", "0.6,7\n"))
    assert (later.imported.counts.corrected, later.imported.counts.unchanged) == (1, 2)
    assert store.treatments(now()).sort_by("customer_id")["outcome"].to_pylist() == [12.5, 7.0, -3.0]
    assert store.treatments(before).sort_by("customer_id")["outcome"].to_pylist() == [12.5, None, -3.0]


def test_the_same_file_again_changes_nothing(store: Store, tmp_path: Path) -> None:
    imported(store, tmp_path, FILE)
    before = store.treatments_hash(now())
    assert imported(store, tmp_path, FILE).imported.before
    assert store.treatments_hash(now()) == before


def test_treatments_after_the_as_of_day_are_not_seen(store: Store, tmp_path: Path) -> None:
    imported(store, tmp_path, FILE)
    assert len(store.treatments(Cut(date(2024, 1, 5), datetime.now(UTC)))) == 2
    assert store.last_treatment_day() == date(2024, 1, 6)


def test_effects_are_read_by_action_and_customer(store: Store) -> None:
    run = store.publish_effects(
        model(store), DAY, [batch(("b", "email", 2.0), ("a", "email", -1.0)), batch(("a", "call", 5.0))], who="ada"
    )
    assert (run.customers, run.model_name) == (2, "uplift/1")
    assert store.latest_effect_run() == run
    assert store.effect_actions(run.effect_run_id) == ["call", "email"]
    email = store.treatment_effects(run.effect_run_id, "email")
    assert (email["customer_id"].to_pylist(), email["effect"].to_pylist()) == (["a", "b"], [-1.0, 2.0])


def test_new_effects_take_the_place_of_those_before(store: Store, database_url: str) -> None:
    first = store.publish_effects(model(store), DAY, [batch(("a", "email", 1.0))], who="ada")
    second = store.publish_effects(model(store), DAY, [batch(("a", "email", 3.0))], who="ada")
    assert store.latest_effect_run() == second
    assert store.effect_actions(first.effect_run_id) == []
    engine = open_engine(database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM treatment_effects")).scalar_one() == 1
    engine.dispose()


def test_effects_that_break_off_leave_those_before(store: Store) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield batch(("a", "email", 9.0))
        raise RuntimeError("the model broke")

    first = store.publish_effects(model(store), DAY, [batch(("a", "email", 1.0))], who="ada")
    with pytest.raises(RuntimeError, match="the model broke"):
        store.publish_effects(model(store), DAY, broken(), who="ada")
    assert store.latest_effect_run() == first
    assert store.treatment_effects(first.effect_run_id, "email")["effect"].to_pylist() == [1.0]


def test_effects_of_a_model_that_is_none_are_refused(store: Store) -> None:
    known = model(store)
    unknown = ModelVersion("uplift", 9, "x", (), known.artifact_sha256, 0, known.lineage, {}, known.created_at)
    with pytest.raises(NotFound, match="uplift/9"):
        store.publish_effects(unknown, DAY, [], who="ada")
