"""Fits a journey model to the touch log and registers it with its lineage."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.errors import FailedPrecondition, InvalidInput
from farview.evaluation.hazard_metrics import hazard_metrics, log_losses
from farview.evaluation.journey_splits import Observed, observed
from farview.features.attributes import attribute_kinds, attribute_table
from farview.features.journey_context import ContextEncoding
from farview.features.journey_log import CONVERSION
from farview.features.journey_state import STATE_FEATURES
from farview.features.specification import feature_schema_hash
from farview.features.steps import StepRules, Steps, at_risk_steps
from farview.store.store import Store
from farview.store.values import JOURNEYS, Lineage, ModelVersion
from jobs.progress import Both, Progress, Silent
from jobs.snapshot import code_version, library_versions, require_unchanged, touch_cut_of
from journeys.about import Evidence
from journeys.constraints import MOST_CHANNELS
from journeys.markov import train_markov
from journeys.markov2 import train_markov2
from journeys.scorer import Float32Array, JourneyModel
from journeys.slices import slices
from journeys.weighting import READS, evidence_of

NETWORKS = ("lstm", "gru", "transformer")
CHAINS = ("markov", "markov2")
MODELS = (*NETWORKS, *CHAINS)
WINDOW_DAYS = 7.0
AUTO, NONE = "auto", "none"
WEIGHTINGS = (AUTO, NONE)
"""By the logged chances of the touches where all were logged, or not at all."""


class JourneyFit(NamedTuple):
    """What is to be fitted."""

    model: str = "lstm"  # of MODELS
    window_days: float = WINDOW_DAYS  # how long a touch may take to convert
    attributes: Sequence[str] | None = None  # of customers, for models that use them; None: all there are
    seed: int = 0
    weighting: str = AUTO  # of WEIGHTINGS


def train_journeys(
    store: Store,
    *,
    fit: JourneyFit = JourneyFit(),  # noqa: B008 - immutable
    as_of: date | None = None,
    known_at: datetime | None = None,
    who: str,
    why: str = "",
    progress: Progress | None = None,
) -> ModelVersion:
    """Fits a journey model and registers it: the first becomes champion, a later one candidate.

    Args:
        store: where touchpoints and attributes come from and the model goes to. Attributes are those of now.
        fit: family and options; same options, data and seed, same model.
        as_of: last day whose touches and conversions are seen, business zone; by default the last one's day.
        known_at: rows ingested after it are not seen; by default now.
        who: for the lineage.
        why: for the lineage.
        progress: who watches.

    Raises:
        FailedPrecondition: there are no touchpoints, or too few to learn from.
        InvalidInput: an unknown model or attribute, or a window that is none.
        Conflict: a file was being imported meanwhile.
    """
    _check(fit)
    cut = touch_cut_of(store, as_of, known_at)
    asked = {"model": fit.model, "window_days": fit.window_days, "seed": fit.seed}
    with store.operation("train", {"kind": JOURNEYS, "as_of": cut.as_of.isoformat(), **asked}, who=who) as operation:
        watch = Both(progress or Silent(), operation)
        watch.start("reading touches and conversions")
        snapshot_hash = store.touchpoints_hash(cut)
        log = store.touchpoints(cut).read_all()
        require_unchanged(store.touchpoints_hash, cut, snapshot_hash)
        steps = journey_steps(log, StepRules(store.business().time_zone, fit.window_days))
        context = journey_context(store, fit, steps)
        watch.start(f"fitting {fit.model} to {len(steps):,} touches of {len(steps.customer_ids):,} customers")
        model = fit_journeys(fit, steps, context)
        watch.done()
        lineage = Lineage(
            as_of=cut.as_of,
            known_at=cut.known_at,
            snapshot_hash=snapshot_hash,
            feature_schema_hash=feature_schema_hash(STATE_FEATURES),
            code_version=code_version(),
            library_versions=library_versions(),
            seed=fit.seed,
            configuration=_configuration(fit, model),
            who=who,
            why=why,
        )
        metrics = _metrics(model, steps, context.encoded, log)
        registered = store.register_model(JOURNEYS, model.name, model.to_artifact(), lineage, metrics)
        operation.finish({"model": registered.name})
    return registered


class JourneyContext(NamedTuple):
    """Attributes as the model reads them."""

    encoding: ContextEncoding
    encoded: Float32Array  # (customers, P)


def _check(fit: JourneyFit) -> None:
    if fit.model not in MODELS:
        raise InvalidInput.of("model", f"{fit.model!r} is not a journey model (known: {', '.join(MODELS)})")
    if not (np.isfinite(fit.window_days) and fit.window_days > 0):
        raise InvalidInput.of("window_days", f"{fit.window_days} is not a positive number of days")
    if fit.weighting not in WEIGHTINGS:
        raise InvalidInput.of("weighting", f"{fit.weighting!r} is not one (known: {', '.join(WEIGHTINGS)})")
    if fit.model in CHAINS and fit.attributes:
        raise InvalidInput.of("attributes", f"the {fit.model} model uses none (leave them out, or train the lstm)")


def journey_steps(log: pa.Table, rules: StepRules) -> Steps:
    """The at-risk steps of a log that a model can be fitted to.

    Raises:
        FailedPrecondition: it holds no touch, or more channels than can be planned with.
    """
    if len(log) == 0:
        raise FailedPrecondition("no touch or conversion lies inside the cut (is --as-of before the log?)")
    steps = at_risk_steps(log, rules)
    if len(steps) == 0:
        raise FailedPrecondition("the log holds conversions and no touch; import the touches that led to them")
    channels = len(steps.vocabulary.channels)
    if channels > MOST_CHANNELS:
        raise FailedPrecondition(f"the log has {channels} channels, at most {MOST_CHANNELS} can be planned with")
    return steps


def journey_context(store: Store, fit: JourneyFit, steps: Steps) -> JourneyContext:
    """Attributes of the steps' customers as they are now; the order in which they were asked for changes no model.

    Raises:
        InvalidInput: no customer has an attribute that was asked for.
    """
    encoding = ContextEncoding()
    if fit.model in CHAINS:
        return JourneyContext(encoding, encoding.encode(None, steps.customer_ids))
    stored = store.attributes()
    kinds = attribute_kinds(stored, None if fit.attributes is None else sorted(set(fit.attributes)))
    table = attribute_table(stored, kinds)
    encoding = ContextEncoding.learn(table, list(kinds))
    return JourneyContext(encoding, encoding.encode(table, steps.customer_ids))


def fit_journeys(
    fit: JourneyFit, steps: Steps, context: JourneyContext, until_us: int | None = None
) -> JourneyModel[Any]:
    """A model of the steps before an instant, outcomes included; by default of all.

    Raises:
        FailedPrecondition: they are too few to learn from.
    """
    evidence = evidence_of_fit(fit, steps)
    if fit.model in CHAINS:
        return (train_markov if fit.model == "markov" else train_markov2)(steps, until_us, evidence)
    from journeys.training import TrainingOptions, train_network  # torch: 1.5 s that a chain need not wait for

    return train_network(fit.model, steps, context, until_us, TrainingOptions(seed=fit.seed), evidence)


def evidence_of_fit(fit: JourneyFit, steps: Steps) -> Evidence:
    """What the log proves to a fit. One that is to heed no chances learns from a log that told none."""
    return "observational" if fit.weighting == NONE else evidence_of(steps)


def _configuration(fit: JourneyFit, model: JourneyModel[Any]) -> dict[str, Any]:
    return {
        "model": fit.model,
        "window_days": fit.window_days,
        "attributes": sorted(model.about.context.kinds),
        "weighting": fit.weighting,
    }


def _metrics(model: JourneyModel[Any], steps: Steps, encoded: Float32Array, log: pa.Table) -> dict[str, Any]:
    """What the log held, and how the model does on the later steps that calibrated it and ended its training."""
    resolved = observed(steps.time_us, steps.resolved_us, int(steps.time_us.min()), steps.limits.until_us)
    worth = pc.mean(log.filter(pc.equal(log[c.INTERACTION], CONVERSION))[c.CONVERSION_VALUE]).as_py()
    return {
        "customers": len(steps.customer_ids),
        "steps": len(steps),
        "conversions": steps.counts.conversions,
        "conversions_without_step": steps.counts.conversions - steps.counts.converting_steps,
        "base_rate": _rate(steps, resolved),
        "mean_conversion_value": worth,
        "evidence": model.about.evidence,
        "channels": len(steps.vocabulary.channels),
        "epochs": model.about.training.epochs,
        "validation": _validation(model, steps, encoded),
    }


def _validation(model: JourneyModel[Any], steps: Steps, encoded: Float32Array) -> dict[str, Any]:
    cut = slices(steps, steps.limits.until_us, model.about.evidence, READS.get(model.name))
    rows, weight = cut.validation.rows, cut.validation.weight
    if len(rows) == 0:
        return {"steps": 0, "conversions": 0}
    target = steps.converted[rows]
    p = model.about.calibration.probability(model.logits(steps, encoded)[rows])
    rate = _rate(steps, cut.fit)
    base = None if rate is None else log_losses(np.full(len(rows), rate), target)
    return {
        "steps": len(rows),
        "conversions": int(target.sum()),
        "log_loss_of_base_rate": None if base is None else float(np.average(base, weights=weight)),
        **asdict(hazard_metrics(p, target, steps.index[rows], weight)),
    }


def _rate(steps: Steps, seen: Observed) -> float | None:
    """Conversions a step, censoring weighed in; None of no steps."""
    return float(np.average(steps.converted[seen.rows], weights=seen.weight)) if len(seen.rows) else None
