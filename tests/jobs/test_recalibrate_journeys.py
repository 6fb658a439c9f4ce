"""Recalibration changes a temperature and a shift, says where they come from, and is judged on what it has not seen."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from farview.core.errors import FailedPrecondition
from farview.evaluation.gates import BACKTEST
from farview.store.store import Store
from farview.store.values import JOURNEYS, Business
from jobs.gate import gate
from jobs.recalibrate_journeys import Recalibration, recalibrate_journeys
from jobs.reproduce import reproduce
from jobs.train_journeys import JourneyFit, train_journeys
from journeys.artifact import unpack
from journeys.calibration import Calibration
from tests.jobs.journey_business import LAST_DAY, log

CUSTOMERS, SPLIT = 1_500, date(2025, 2, 10)
Done = tuple[Store, Recalibration]


def fill(store: Store, kept: float) -> None:
    """Touches, and of the conversions after the split that share."""
    random = np.random.default_rng(5)
    rows = [
        row
        for row in log(CUSTOMERS)
        if row.interaction != "conversion" or row.time.date() <= SPLIT or random.random() < kept
    ]
    store.record_touchpoints(rows, who="test")


def trained(template: Path, path: Path, kept: float) -> Store:
    """A business with a champion of the split's day."""
    store = Store.open(f"sqlite:///{shutil.copy(template, path)}")
    store.set_business(Business("Europe/Berlin", "EUR", consent_required=False))
    fill(store, kept)
    train_journeys(store, fit=JourneyFit("markov"), as_of=SPLIT, who="ada")
    return store


@pytest.fixture(scope="module")
def done(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    """After half of the conversions have gone. To be read."""
    store = trained(sqlite_template, tmp_path_factory.mktemp("fallen") / "fallen.db", 0.4)
    yield store, recalibrate_journeys(store, as_of=LAST_DAY, who="ada", why="fewer convert")
    store.close()


@pytest.fixture(scope="module")
def steady_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where nothing changed. Copy it."""
    path = tmp_path_factory.mktemp("steady") / "steady.db"
    trained(sqlite_template, path, 1.0).close()
    return path


@pytest.fixture
def steady(steady_template: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of it."""
    store = Store.open(f"sqlite:///{shutil.copy(steady_template, tmp_path / 'steady.db')}")
    yield store
    store.close()


def test_only_the_calibration_changes_and_follows_the_rate(done: Done) -> None:
    store, found = done
    before, after = (unpack(store.artifact(version)) for version in (found.base, found.version))
    assert {name: array.tobytes() for name, array in before[1].items()} == {
        name: array.tobytes() for name, array in after[1].items()
    }
    assert {**before[2], "calibration": None} == {**after[2], "calibration": None}
    assert found.new.shift < found.old.shift
    assert found.after.log_loss < found.before.log_loss
    assert found.after.ece < found.before.ece


def test_the_new_version_names_its_base_and_its_cut(done: Done) -> None:
    store, found = done
    lineage = store.model_version(JOURNEYS, 2).lineage
    assert lineage.configuration == {**found.base.lineage.configuration, "recalibrates": 1}
    assert (lineage.as_of, lineage.who, lineage.why) == (LAST_DAY, "ada", "fewer convert")
    assert found.version.aliases == ("candidate",)
    assert found.version.metrics["drift"]["psi"] >= 0


def test_a_recalibrated_version_is_reproduced_to_the_byte(done: Done) -> None:
    assert reproduce(done[0], JOURNEYS, 2, who="test").same_bytes


def test_a_calibration_that_follows_a_fall_passes_the_gates(done: Done) -> None:
    report = gate(done[0], JOURNEYS, 2, who="test")
    assert report.protocol["origins"] == 3
    assert report.passed, [check for check in report.checks if not check["passed"]]


def test_where_nothing_changed_the_champion_stays(steady: Store) -> None:
    recalibrate_journeys(steady, as_of=LAST_DAY, who="ada")
    report = gate(steady, JOURNEYS, 2, who="test")
    assert not report.passed
    assert {check["gate"] for check in report.checks if not check["passed"]} == {BACKTEST}


def test_without_later_conversions_it_is_refused(steady: Store) -> None:
    for as_of in (SPLIT, SPLIT + timedelta(days=2)):
        with pytest.raises(FailedPrecondition, match=r"conversions with a whole window have come since 2025-02-10"):
            recalibrate_journeys(steady, as_of=as_of, who="ada")
    assert len(steady.model_versions(JOURNEYS)) == 1


def test_a_calibration_after_another_is_one() -> None:
    first = Calibration(1.3, -0.4, (1.0, 0.0, 1.0))
    second = Calibration(0.8, 0.2, (0.02, 0.01, 0.05))
    logit = np.linspace(-6, 3, 20)
    inner = logit / first.temperature + first.shift
    both = first.then(second)
    np.testing.assert_allclose(both.probability(logit), second.probability(inner), rtol=1e-12)
    present = np.ones((20, 1), np.bool_)
    np.testing.assert_allclose(
        both.path_interval(logit[:, None], present), second.path_interval(inner[:, None], present), rtol=1e-9
    )
    assert first.then(Calibration()) == replace(first, covariance=(0.0, 0.0, 0.0))
