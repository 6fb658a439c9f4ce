"""The gates over real fits: what stops a registered model, and what lets it pass."""

from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from farview.core import columns as c
from farview.core.errors import ArtifactMismatch, Conflict, FailedPrecondition
from farview.evaluation.origins import rolling_origins
from farview.store.gate_reports import GateReport
from farview.store.store import Store
from farview.store.values import JOURNEYS, LTV_REVENUE, Lineage, ModelVersion, Transaction
from jobs.backtest_models import Predict
from jobs.gate import gate
from jobs.gate_ltv import against_champion, configured, try_out
from jobs.import_file import import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions
from jobs.past import Past
from jobs.progress import Silent
from jobs.snapshot import cut_of
from jobs.train import train_ltv
from jobs.train_journeys import JourneyFit, train_journeys
from journeys.markov import MarkovModel
from ltv.model import BtydModel
from tests.jobs.journey_business import LAST_DAY, fill

AS_OF = date(1998, 6, 30)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, cdnow_sample: Path) -> Path:
    """The CDNOW sample with a champion. Copy it."""
    from farview.store.values import Business

    path = tmp_path_factory.mktemp("gates") / "sample.db"
    path.write_bytes(sqlite_template.read_bytes())
    store = Store.open(f"sqlite:///{path}")
    store.set_business(Business("UTC", "USD", consent_required=False))
    import_file(store, KINDS["transactions"], cdnow_sample, FileOptions(), who="ada")
    train_ltv(store, as_of=AS_OF, who="ada")
    store.close()
    return path


@pytest.fixture
def small(sample: Path, tmp_path: Path) -> Store:
    path = tmp_path / "small.db"
    path.write_bytes(sample.read_bytes())
    return Store.open(f"sqlite:///{path}")


def test_where_nobody_has_paid_anything_there_are_no_origins_and_the_gate_says_so(store: Store) -> None:
    day = datetime(2024, 1, 5, 12, tzinfo=UTC)
    free = [Transaction(who, day + timedelta(days=k), Decimal(0), "EUR") for who in "abc" for k in (0, 30)]
    store.record_transactions(free, who="ada")
    for seed in (0, 1):
        version = train_ltv(store, method="map", seed=seed, who="ada")
    report = gate(store, LTV_REVENUE, version.version, who="ada")
    assert not report.passed
    assert "origins" in " ".join(report.failures)


def fitted(store: Store) -> BtydModel:
    return BtydModel.from_artifact(store.artifact(store.champion()))


def register(store: Store, model: BtydModel) -> ModelVersion:
    """As a candidate of the champion's own configuration."""
    lineage: Lineage = store.champion().lineage
    return store.register_model(LTV_REVENUE, model.name, model.to_artifact(), lineage, asdict(model.diagnostics))


def failures(report: GateReport) -> list[str]:
    assert not report.passed
    return report.failures


def test_a_refit_of_the_champions_configuration_passes_and_is_promoted(small: Store) -> None:
    version = train_ltv(small, as_of=AS_OF, who="ada")
    report = gate(small, LTV_REVENUE, version.version, who="ada")
    assert report.passed
    assert small.gate_report(LTV_REVENUE, version.version) == report
    assert len(report.protocol["origins"]) == 3
    small.promote(LTV_REVENUE, version.version, expected_champion=1, who="ada", why="newer")


def test_another_configuration_has_to_be_better(small: Store) -> None:
    version = train_ltv(small, as_of=AS_OF, method="map", who="ada")
    (said,) = failures(gate(small, LTV_REVENUE, version.version, who="ada"))
    assert said.startswith("backtest: better on nothing beyond chance")
    with pytest.raises(FailedPrecondition, match="better on nothing beyond chance"):
        small.promote(LTV_REVENUE, version.version, expected_champion=1, who="ada", why="quicker")


def test_a_k_hat_of_nine_tenths_is_stopped(small: Store) -> None:
    model = fitted(small)
    purchases = replace(model.diagnostics.purchases, k_hat=0.9)
    version = register(small, replace(model, diagnostics=replace(model.diagnostics, purchases=purchases)))
    (said,) = failures(gate(small, LTV_REVENUE, version.version, who="ada"))
    assert said.startswith("convergence: purchases k-hat 0.90, at most 0.70")


@pytest.mark.parametrize(
    ("part", "factors", "reason"),
    [
        ("purchase_draws", [1.0, 1.0, 10.0, 1.0], "purchases of repeat buyers as registered"),  # forgets them too soon
        ("spend_draws", [1.0, 1.0, 3.0], "value as registered: total forecast"),  # thinks them three times as rich
    ],
)
def test_poisoned_calibration_is_stopped(part: str, factors: list[float], reason: str, small: Store) -> None:
    model = fitted(small)
    version = register(small, replace(model, **{part: getattr(model, part) * factors}))
    said = failures(gate(small, LTV_REVENUE, version.version, who="ada"))
    assert any(text.startswith(f"calibration: {reason}") for text in said), said


def test_shuffled_labels_are_stopped(small: Store) -> None:
    def shuffled(past: Past) -> Predict:
        rows = past.rfm.num_rows
        features = past.rfm.take(pa.array(np.random.default_rng(7).permutation(rows)))
        features = features.set_column(0, c.CUSTOMER_ID, past.rfm.column(c.CUSTOMER_ID))
        return configured(small.champion(), small.attributes())(replace(past, rfm=features.combine_chunks()))

    cut = cut_of(small, AS_OF, None)
    events = small.transactions(cut).read_all()
    origins = rolling_origins(date(1997, 1, 1), AS_OF, 90)
    tried = try_out(events, origins, "UTC", (shuffled, configured(small.champion(), small.attributes())), Silent())
    stopped = {check.figure for check in against_champion(tried, 0.01, must_win=False) if not check.passed}
    assert {"value CRPS", "purchases CRPS", "value Gini"} <= stopped


def test_of_the_first_version_the_convergence_is_noted(small: Store) -> None:
    report = gate(small, LTV_REVENUE, 1, who="ada")
    assert (report.passed, report.champion) == (True, None)
    assert {check["gate"] for check in report.checks} == {"convergence"}


def test_days_too_short_for_origins_are_told(small: Store) -> None:
    version = train_ltv(small, as_of=date(1997, 1, 3), method="map", who="ada")
    assert any("0 rolling origins" in said for said in failures(gate(small, LTV_REVENUE, version.version, who="ada")))


def test_data_that_changed_since_the_fit_are_a_conflict(small: Store) -> None:
    known_at = small.champion().lineage.known_at
    version = register(small, fitted(small))
    altered = replace(small.champion().lineage, snapshot_hash="0" * 64, known_at=known_at)
    third = small.register_model(LTV_REVENUE, "bg_nbd", fitted(small).to_artifact(), altered, version.metrics)
    with pytest.raises(Conflict):
        gate(small, LTV_REVENUE, third.version, who="ada")


def test_bytes_that_are_no_model_are_refused(small: Store) -> None:
    lineage = small.champion().lineage
    version = small.register_model(LTV_REVENUE, "bg_nbd", b"no model", lineage, {})
    with pytest.raises(ArtifactMismatch):
        gate(small, LTV_REVENUE, version.version, who="ada")


@pytest.fixture
def touched(sqlite_store: Store) -> Store:
    """600 customers and a chain as champion."""
    fill(sqlite_store, 600)
    train_journeys(sqlite_store, fit=JourneyFit("markov"), as_of=LAST_DAY, who="ada")
    return sqlite_store


def journeys_gate(store: Store, fit: JourneyFit) -> GateReport:
    version = train_journeys(store, fit=fit, as_of=LAST_DAY, who="ada")
    return gate(store, JOURNEYS, version.version, who="ada")


def test_a_refit_of_a_chain_passes(touched: Store) -> None:
    report = journeys_gate(touched, JourneyFit("markov"))
    assert report.passed, report.failures
    assert {check["gate"] for check in report.checks} == {"convergence", "calibration", "backtest"}


def test_a_chain_with_poisoned_calibration_is_stopped(touched: Store) -> None:
    champion = touched.champion(JOURNEYS)
    model = MarkovModel.from_artifact(touched.artifact(champion))
    shifted = replace(model.about.calibration, shift=model.about.calibration.shift + 1.0)
    poisoned = replace(model, about=replace(model.about, calibration=shifted))
    touched.register_model(JOURNEYS, "markov", poisoned.to_artifact(), champion.lineage, champion.metrics)
    (said,) = failures(gate(touched, JOURNEYS, 2, who="ada"))
    assert said.startswith("calibration: hazards as registered")


def test_another_window_cannot_be_compared(touched: Store) -> None:
    assert any(
        "within 3 days and the champion within 7" in said
        for said in failures(journeys_gate(touched, JourneyFit("markov", 3.0)))
    )


def test_a_window_longer_than_the_trials_leaves_no_origin(touched: Store) -> None:
    version = train_journeys(touched, fit=JourneyFit("markov"), as_of=LAST_DAY - timedelta(days=1), who="ada")
    report = gate(touched, JOURNEYS, version.version, horizon_days=5, who="ada")
    assert any("0 rolling origins" in said for said in failures(report))
