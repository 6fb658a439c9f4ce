"""Training of journey models: what is recorded, that it can be repeated, and what cannot be learnt from."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from farview.core.errors import FailedPrecondition, InvalidInput
from farview.store.store import Store
from farview.store.values import Business, ModelVersion, Touchpoint
from jobs.train_journeys import JourneyFit, train_journeys
from journeys.model import load
from tests.jobs.journey_business import LAST_DAY, WORLD, fill, log

CUSTOMERS = 400
MARKOV = JourneyFit("markov")


@pytest.fixture(scope="module")
def template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 customers' touches, no model. Copy it."""
    path = Path(shutil.copy(sqlite_template, tmp_path_factory.mktemp("touches") / "template.db"))
    store = Store.open(f"sqlite:///{path}")
    store.set_business(Business("Europe/Berlin", "EUR", consent_required=False))
    fill(store, CUSTOMERS)
    store.close()
    return path


@pytest.fixture
def filled(template: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of it."""
    store = Store.open(f"sqlite:///{shutil.copy(template, tmp_path / 'filled.db')}")
    yield store
    store.close()


def test_a_model_comes_from_either_database_the_same(store: Store, request: pytest.FixtureRequest) -> None:
    fill(store, CUSTOMERS)
    model = train_journeys(store, fit=MARKOV, as_of=LAST_DAY, who="ada")
    seen = request.config.stash.setdefault(_SEEN, set())
    seen.add((model.artifact_sha256, model.lineage.snapshot_hash))
    assert len(seen) == 1


def test_training_records_where_the_model_comes_from(filled: Store) -> None:
    model = train_journeys(filled, fit=MARKOV._replace(seed=3), as_of=LAST_DAY, who="ada", why="first model")
    lineage = model.lineage
    assert (model.name, model.model, model.aliases) == ("journeys/1", "markov", ("champion",))
    assert (lineage.as_of, lineage.seed, lineage.who, lineage.why) == (LAST_DAY, 3, "ada", "first model")
    assert lineage.configuration == {"model": "markov", "window_days": 7.0, "attributes": [], "weighting": "auto"}
    assert lineage.library_versions["torch"]


def test_metrics_tell_what_the_log_held(filled: Store) -> None:
    metrics = train_journeys(filled, fit=MARKOV, who="ada").metrics
    conversions = [row for row in log(CUSTOMERS) if row.interaction == "conversion"]
    assert metrics["steps"] == len(log(CUSTOMERS)) - len(conversions)
    assert metrics["conversions"] == len(conversions)
    worth = np.mean([float(row.conversion_value or 0) for row in conversions])
    assert metrics["mean_conversion_value"] == pytest.approx(worth)
    assert metrics["base_rate"] == pytest.approx(len(conversions) / metrics["steps"], rel=0.25)  # censoring weighed in
    assert metrics["evidence"] == "propensity-weighted"
    assert metrics["validation"]["steps"] > 100
    assert 0.1 < metrics["validation"]["log_loss"] < 0.3


def test_the_same_data_and_seed_give_the_same_lstm(filled: Store) -> None:
    fits = [train_journeys(filled, fit=JourneyFit(seed=1), as_of=LAST_DAY, who="ada") for _ in range(2)]
    assert fits[0].artifact_sha256 == fits[1].artifact_sha256
    assert [fit.aliases for fit in fits] == [("champion",), ("candidate",)]


def test_as_of_hides_what_came_later(filled: Store) -> None:
    early = train_journeys(filled, fit=MARKOV, as_of=LAST_DAY - timedelta(days=30), who="ada")
    assert early.metrics["steps"] < 0.8 * train_journeys(filled, fit=MARKOV, who="ada").metrics["steps"]


def test_known_at_hides_what_was_recorded_later(filled: Store) -> None:
    before = datetime.now(UTC)
    late = Touchpoint("late", datetime(2025, 2, 1, tzinfo=UTC), "click", WORLD.channels[0])
    filled.record_touchpoints([late], who="test")
    seen = [train_journeys(filled, fit=MARKOV, known_at=at, who="ada").metrics["steps"] for at in (before, None)]
    assert seen[1] == seen[0] + 1


def test_a_log_without_values_has_no_mean_value(sqlite_store: Store) -> None:
    at = datetime(2025, 2, 1, tzinfo=UTC)
    rows = [Touchpoint(f"c{n}", at + timedelta(days=n), "click", "email") for n in range(20)]
    rows.append(Touchpoint("c3", at + timedelta(days=3, hours=1), "conversion", None))
    sqlite_store.record_touchpoints(rows, who="test")
    assert train_journeys(sqlite_store, fit=MARKOV, who="ada").metrics["mean_conversion_value"] is None


def test_the_registered_artifact_is_the_model(filled: Store) -> None:
    version: ModelVersion = train_journeys(filled, fit=MARKOV, who="ada")
    model = load(filled.artifact(version))
    assert model.about.vocabulary.channels == tuple(sorted(WORLD.channels))
    assert (model.about.zone, model.about.window_days) == ("Europe/Berlin", 7.0)


def test_training_without_touches_names_the_command(sqlite_store: Store) -> None:
    with pytest.raises(FailedPrecondition, match="farview import touchpoints"):
        train_journeys(sqlite_store, who="ada")


def test_a_log_of_conversions_alone_is_refused(sqlite_store: Store) -> None:
    bought = Touchpoint("c1", datetime(2025, 2, 1, tzinfo=UTC), "conversion", None, Decimal(10))
    sqlite_store.record_touchpoints([bought], who="test")
    with pytest.raises(FailedPrecondition, match="conversions and no touch"):
        train_journeys(sqlite_store, who="ada")


def test_a_cut_before_the_log_is_refused(filled: Store) -> None:
    with pytest.raises(FailedPrecondition, match="is --as-of before the log"):
        train_journeys(filled, as_of=LAST_DAY.replace(year=2020), who="ada")


def test_more_channels_than_can_be_planned_with_are_refused(sqlite_store: Store) -> None:
    at = datetime(2025, 2, 1, tzinfo=UTC)
    rows = [Touchpoint("c1", at + timedelta(hours=n), "click", f"channel {n}") for n in range(64)]
    sqlite_store.record_touchpoints(rows, who="test")
    with pytest.raises(FailedPrecondition, match="64 channels, at most 63"):
        train_journeys(sqlite_store, fit=MARKOV, who="ada")


@pytest.mark.parametrize(
    ("fit", "wrong"),
    [
        (JourneyFit("oracle"), "model: 'oracle' is not a journey model"),
        (JourneyFit(window_days=0.0), "window_days: 0.0 is not"),
        (JourneyFit(attributes=["shoe"]), "attributes: no customer has 'shoe'"),
        (JourneyFit("markov", attributes=["age"]), "attributes: the markov model uses none"),
    ],
)
def test_impossible_options_are_refused(filled: Store, fit: JourneyFit, wrong: str) -> None:
    with pytest.raises(InvalidInput, match=wrong):
        train_journeys(filled, fit=fit, who="ada")


def test_training_leaves_a_record_of_how_it_ended(filled: Store) -> None:
    train_journeys(filled, fit=MARKOV, who="ada")
    (record,) = filled.operations()
    assert (record.kind, record.state, record.result) == ("train", "done", {"model": "journeys/1"})


_SEEN = pytest.StashKey[set[tuple[str, str]]]()
