"""Gives the champion of the journey models a calibration to what has come since, and registers it. Nothing is refitted.

Only a temperature and a shift are learnt, from steps that the champion never saw. They start at those it has, with weak
priors: few steps change little.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from farview.core.clock import Cut
from farview.core.clock import zone as zone_of
from farview.core.errors import FailedPrecondition
from farview.evaluation.drift import Drift, population_stability
from farview.evaluation.hazard_metrics import HazardMetrics, hazard_metrics, log_losses
from farview.evaluation.journey_splits import Observed, observed
from farview.features.attributes import attribute_table
from farview.features.steps import StepRules, Steps, at_risk_steps, instant, micros
from farview.store.store import Store
from farview.store.values import JOURNEYS, ModelVersion
from jobs.progress import Both, Progress, Silent
from jobs.snapshot import code_version, library_versions, require_unchanged, touch_cut_of
from journeys.calibration import Calibration, calibrate
from journeys.model import load
from journeys.scorer import JourneyModel
from journeys.weighting import READS, weighted

FEWEST_CONVERSIONS = 10
RECALIBRATES = "recalibrates"  # in a configuration: the version whose parameters it keeps


@dataclass(frozen=True, slots=True, eq=False)
class Later:
    """What has come since a model was fitted, as that model sees it."""

    steps: Steps  # of the whole log
    logit: NDArray[np.floating[Any]]  # (steps,)
    seen: Observed  # the steps touched since, whose outcome is known
    since_us: int  # first instant after the model's last day

    @property
    def target(self) -> NDArray[np.bool_]:
        """Outcomes of `seen`."""
        return self.steps.converted[self.seen.rows]

    def calibrated(self, calibration: Calibration) -> NDArray[np.float64]:
        """Probabilities of `seen`."""
        return calibration.probability(self.logit[self.seen.rows])


@dataclass(frozen=True, slots=True)
class Recalibration:
    """A new version, and what it was made from."""

    version: ModelVersion
    base: ModelVersion
    old: Calibration
    new: Calibration
    drift: Drift  # of the hazards that the base foresees, before its last day and since
    before: HazardMetrics  # on the later steps, by the old calibration
    after: HazardMetrics  # by the new one, which was learnt on them


def recalibrate_journeys(
    store: Store,
    *,
    as_of: date | None = None,
    known_at: datetime | None = None,
    who: str,
    why: str = "",
    progress: Progress | None = None,
) -> Recalibration:
    """Registers the champion with a calibration learnt on the touches since its last day.

    Args:
        store: where the champion and touches come from and the new version goes to.
        as_of: last day whose touches are seen, business zone; by default the last one's day.
        known_at: rows ingested after it are not seen; by default now.
        who: for the lineage.
        why: for the lineage.
        progress: who watches.

    Raises:
        NotFound: there is no journey model yet.
        FailedPrecondition: fewer than FEWEST_CONVERSIONS conversions have come since.
        Conflict: a file was being imported meanwhile.
    """
    base, cut = store.champion(JOURNEYS), touch_cut_of(store, as_of, known_at)
    asked = {"kind": JOURNEYS, "recalibrates": base.name, "as_of": cut.as_of.isoformat()}
    with store.operation("train", asked, who=who) as operation:
        watch = Both(progress or Silent(), operation)
        watch.start(f"reading what has come since {base.name}")
        hashed = store.touchpoints_hash(cut)
        model = load(store.artifact(base))
        later = later_steps(store, base, model, cut)
        require_unchanged(store.touchpoints_hash, cut, hashed)
        old, new = model.about.calibration, recalibrated(model, later)
        watch.done()
        lineage = replace(
            base.lineage,
            as_of=cut.as_of,
            known_at=cut.known_at,
            snapshot_hash=hashed,
            code_version=code_version(),
            library_versions=library_versions(),
            configuration={**base.lineage.configuration, RECALIBRATES: base.version},
            who=who,
            why=why,
        )
        before, after = (_judged(later, calibration) for calibration in (old, new))
        drift = _drift(later, old)
        metrics = {**base.metrics, "validation": _validation(later, after), "drift": asdict(drift)}
        artifact = with_calibration(model, new).to_artifact()
        version = store.register_model(JOURNEYS, model.name, artifact, lineage, metrics)
        operation.finish({"model": version.name})
    return Recalibration(version, base, old, new, drift, before, after)


def later_steps(store: Store, base: ModelVersion, model: JourneyModel[Any], cut: Cut) -> Later:
    """The steps of the log inside the cut, and which of them the base has not seen.

    Raises:
        FailedPrecondition: too few conversions have come since.
    """
    about = model.about
    since_us = micros(Cut(base.lineage.as_of, datetime.now(UTC)).before(zone_of(about.zone)))
    log = store.touchpoints(cut).read_all()
    came = 0
    if len(log) and cut.as_of > base.lineage.as_of:
        steps, logit = _read(store, model, log)
        seen = observed(steps.time_us, steps.resolved_us, since_us, steps.limits.until_us)
        seen = weighted(seen, steps, about.evidence, READS.get(model.name))
        came = int(steps.converted[seen.rows].sum())
    if came < FEWEST_CONVERSIONS:
        raise FailedPrecondition(
            f"{came} conversions with a whole window have come since {base.lineage.as_of}, the last day that "
            f"{base.name} saw, and {FEWEST_CONVERSIONS} are needed (import newer touchpoints, or wait)"
        )
    return Later(steps, logit, seen, since_us)


def recalibrated(model: JourneyModel[Any], later: Later, rows: NDArray[np.bool_] | None = None) -> Calibration:
    """The model's calibration moved to fit what came later, or some of it, a mask of shape (len(seen.rows),)."""
    chosen = slice(None) if rows is None else rows
    old = model.about.calibration
    scaled = old.logit(later.logit[later.seen.rows][chosen])
    return old.then(calibrate(scaled, later.target[chosen], later.seen.weight[chosen]))


def recalibrated_again(store: Store, version: ModelVersion, cut: Cut) -> bytes:
    """The artifact of a recalibrated version made anew from its base, for `farview models reproduce`."""
    base = store.model_version(JOURNEYS, version.lineage.configuration[RECALIBRATES])
    model = load(store.artifact(base))
    return with_calibration(model, recalibrated(model, later_steps(store, base, model, cut))).to_artifact()


def with_calibration(model: Any, calibration: Calibration) -> JourneyModel[Any]:
    """The same model with another calibration."""
    changed: JourneyModel[Any] = replace(model, about=replace(model.about, calibration=calibration))
    return changed


def _read(store: Store, model: JourneyModel[Any], log: pa.Table) -> tuple[Steps, NDArray[np.floating[Any]]]:
    about = model.about
    rules = StepRules(about.zone, about.window_days, since=instant(about.since_us))
    steps = at_risk_steps(log, rules, about.vocabulary)
    table = attribute_table(store.attributes(), about.context.kinds)
    return steps, model.logits(steps, about.context.encode(table, steps.customer_ids))


def _drift(later: Later, calibration: Calibration) -> Drift:
    steps = later.steps
    hazard = calibration.probability(later.logit)
    now = steps.time_us >= later.since_us
    customer = steps.customer
    return population_stability(hazard[~now], hazard[now], (customer[~now], customer[now]))


def _judged(later: Later, calibration: Calibration) -> HazardMetrics:
    rows = later.seen.rows
    return hazard_metrics(later.calibrated(calibration), later.target, later.steps.index[rows], later.seen.weight)


def _validation(later: Later, after: HazardMetrics) -> Mapping[str, Any]:
    target, weight = later.target, later.seen.weight
    rate = float(np.average(target, weights=weight))
    base = float(np.average(log_losses(np.full(len(target), rate), target), weights=weight))
    figures = {"steps": len(target), "conversions": int(target.sum()), "log_loss_of_base_rate": base}
    return {**figures, **asdict(after)}
