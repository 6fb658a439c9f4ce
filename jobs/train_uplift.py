"""Fits what actions change to the treatments, registers it, and scores customers by it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import FailedPrecondition
from farview.core.schemas import TREATMENT_EFFECTS
from farview.features.customer import customer_features, feature_matrix
from farview.features.specification import feature_schema_hash
from farview.store.store import Store
from farview.store.treatments import EffectRun
from farview.store.values import UPLIFT, Lineage, ModelVersion
from jobs.evaluate_uplift import LEARNT, LOGGED, UpliftSpec, evaluate_uplift
from jobs.progress import Both, Progress, Silent
from jobs.snapshot import code_version, cut_of, library_versions, require_unchanged
from jobs.uplift_rows import TreatedRows, stored_attributes, treated_rows
from ranking.effects import Effects, fit_effects

MODEL = "x_learner"


@dataclass(frozen=True, slots=True)
class UpliftFit:
    """What is to be fitted."""

    control: str = "none"  # the action that is none
    attributes: tuple[str, ...] = ()  # of customers; those of now, so none that an action may have changed
    seed: int = 0


def train_uplift(
    store: Store,
    *,
    fit: UpliftFit = UpliftFit(),
    as_of: date | None = None,
    known_at: datetime | None = None,
    who: str,
    why: str = "",
    progress: Progress | None = None,
) -> ModelVersion:
    """Fits the effects of all actions and registers them: the first version becomes champion, a later one candidate.

    Args:
        store: where treatments, transactions and attributes come from and the model goes to.
        fit: what is to be fitted; same options, data and seed, same model.
        as_of: last day whose treatments are seen, business zone; by default the last one's day.
        known_at: rows ingested after it are not seen; by default now.
        who: for the lineage.
        why: for the lineage.
        progress: who watches.

    Raises:
        FailedPrecondition: no treatment has an outcome.
        InvalidInput: nobody got the control, an action was taken too seldom, or nobody has an attribute.
        Conflict: a file was being imported meanwhile.
    """
    cut = treatment_cut(store, as_of, known_at)
    with store.operation("train", {"kind": UPLIFT, "as_of": cut.as_of.isoformat()}, who=who) as operation:
        watch = Both(progress or Silent(), operation)
        watch.start("features before each treatment")
        snapshot_hash = store.treatments_hash(cut)
        rows = treated_rows(store, cut, fit.control, fit.attributes)
        require_unchanged(store.treatments_hash, cut, snapshot_hash)
        watch.start(f"fitting effects to {len(rows.log):,} treatments")
        fitted = fit_effects(rows.log, rows.columns, fit.seed, rows.encoding)
        metrics = _metrics(rows, fit.seed)
        watch.done()
        lineage = Lineage(
            as_of=cut.as_of,
            known_at=cut.known_at,
            snapshot_hash=snapshot_hash,
            feature_schema_hash=feature_schema_hash(),
            code_version=code_version(),
            library_versions=library_versions(),
            seed=fit.seed,
            configuration={"control": fit.control, "attributes": sorted(fit.attributes)},
            who=who,
            why=why,
        )
        registered = store.register_model(UPLIFT, MODEL, fitted.to_artifact(), lineage, metrics)
        operation.finish({"model": registered.name})
    return registered


def treatment_cut(store: Store, as_of: date | None, known_at: datetime | None) -> Cut:
    """The cut of a job on treatments: by default up to the day of the last one, with all that is known now.

    Raises:
        FailedPrecondition: there are no treatments.
    """
    last = as_of or store.last_treatment_day()
    if last is None:
        raise FailedPrecondition("there are no treatments; run `farview import treatments FILE` first")
    return Cut(last, known_at or datetime.now(UTC))


def fit_of(version: ModelVersion) -> UpliftFit:
    """The configuration of a registered version, with its seed."""
    told = version.lineage.configuration
    return UpliftFit(told["control"], tuple(told["attributes"]), version.lineage.seed)


def rows_of(store: Store, version: ModelVersion) -> TreatedRows:
    """The treatments that a version was fitted to."""
    told = fit_of(version)
    return treated_rows(store, Cut(version.lineage.as_of, version.lineage.known_at), told.control, told.attributes)


def uplift_again(store: Store, version: ModelVersion) -> bytes:
    """A version fitted anew to the data of its cut."""
    rows = rows_of(store, version)
    return fit_effects(rows.log, rows.columns, version.lineage.seed, rows.encoding).to_artifact()


def score_effects(
    store: Store,
    *,
    as_of: date | None = None,
    known_at: datetime | None = None,
    who: str,
    progress: Progress | None = None,
) -> EffectRun:
    """Foresees what each action changes for every customer who has bought, by the champion, and publishes it.

    Args:
        store: where transactions, attributes and the champion come from and effects go to.
        as_of: last day whose events are seen, business zone; by default the last event's day.
        known_at: events ingested after it are not seen; by default now.
        who: for the audit log.
        progress: who watches.

    Raises:
        FailedPrecondition: there are no transactions.
        NotFound: there is no model of effects yet.
    """
    cut, champion = cut_of(store, as_of, known_at), store.champion(UPLIFT)
    asked = {"kind": UPLIFT, "model": champion.name, "as_of": cut.as_of.isoformat()}
    with store.operation("score", asked, who=who) as operation:
        watch = Both(progress or Silent(), operation)
        watch.start("effects of actions", store.customers())
        fitted = Effects.from_artifact(store.artifact(champion))
        # The operation's own progress is a write, which the transaction that publishes would hold up.
        batches = _effects(store, cut, fitted, progress or Silent())
        run = store.publish_effects(champion, cut.as_of, batches, who=who)
        watch.done()
        operation.finish({"effect_run_id": run.effect_run_id, "customers": run.customers})
    return run


def _effects(store: Store, cut: Cut, fitted: Effects, watch: Progress) -> Iterator[pa.RecordBatch]:
    attributes = stored_attributes(store, fitted.encoding)
    zone = store.business().time_zone
    for batch in customer_features(store.transactions(cut), cut, zone, attributes=attributes):
        effects = fitted.effects(feature_matrix(batch).astype(np.float32))
        for number, action in enumerate(fitted.names):
            columns = [batch.column(c.CUSTOMER_ID), pa.array([action] * len(batch)), pa.array(effects[:, number])]
            yield pa.RecordBatch.from_arrays(columns, schema=TREATMENT_EFFECTS)
        watch.advance(len(batch))


def _metrics(rows: TreatedRows, seed: int) -> dict[str, Any]:
    """How the model does on customers whom it did not see."""
    spec = UpliftSpec(LOGGED if rows.log.propensity is not None else LEARNT, seed=seed)
    report = evaluate_uplift(rows.log, None, spec).report
    return {
        "customers": report["protocol"]["customers"],
        "treatments": report["protocol"]["rows"],
        "without_outcome": rows.open_rows,
        "evidence": report["protocol"]["evidence"],
        "control_treatments": report["protocol"]["control_rows"],
        "actions": report["actions"],
        "auuc_above_no_order": report["scores"]["treatment_effect"]["auuc_above_no_order"],
        "winner": report["winner"],
    }
