"""Gates of journey models: did the fit learn, are its probabilities right, and trials against the champion."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from farview.core.clock import Cut
from farview.core.clock import zone as zone_of
from farview.core.errors import FailedPrecondition
from farview.evaluation import gates
from farview.evaluation.gate_losses import Judged, Trial, ratio_loss, score_loss
from farview.evaluation.gates import BACKTEST, CONVERGENCE, Check
from farview.evaluation.hazard_metrics import log_losses
from farview.evaluation.journey_splits import Observed, observed
from farview.evaluation.origins import Origin, rolling_origins
from farview.features.attributes import attribute_table
from farview.features.steps import StepRules, Steps, instant, micros
from farview.store.store import Store
from farview.store.values import ModelVersion
from jobs.gate_terms import Examination, GateTerms, days_missing, is_refit, is_repeat, protocol
from jobs.progress import Progress
from jobs.snapshot import require_unchanged
from jobs.train_journeys import (
    NONE,
    JourneyContext,
    JourneyFit,
    evidence_of_fit,
    fit_journeys,
    journey_context,
    journey_steps,
)
from journeys.about import Evidence
from journeys.model import load
from journeys.weighting import weighted

FloatArray = NDArray[np.float64]

LOG_LOSS, BRIER = "log loss", "Brier score"


@dataclass(frozen=True, slots=True, eq=False)
class Contender:
    """A configuration, and the attributes that it reads."""

    fit: JourneyFit
    context: JourneyContext
    evidence: Evidence = "observational"  # by whose weights it learns, and the candidate's both are judged


@dataclass(frozen=True, slots=True, eq=False)
class TriedOrigin:
    """An origin: the steps judged there, what the candidate's configuration foresaw of them, and both as scored."""

    seen: Observed
    p: FloatArray  # (rows of `seen`,)
    trial: Trial


def examine_journeys(
    store: Store, candidate: ModelVersion, champion: ModelVersion | None, terms: GateTerms, watch: Progress
) -> Examination:
    """See jobs.gate.gate; `champion` None notes the convergence alone."""
    model = load(store.artifact(candidate))
    checks = [learnt(candidate)]
    if champion is None:
        return Examination(checks, protocol((), refit=False))
    ours, theirs, refit = fit_of(candidate), fit_of(champion), is_refit(candidate, champion)
    watch.start("reading touches and conversions")
    steps = _steps(store, candidate, ours)
    origins = _origins(steps, candidate.lineage.as_of, ours.window_days, terms.horizon_days)
    first_day = instant(int(steps.time_us.min())).astimezone(zone_of(steps.limits.zone)).date()
    checks.append(gates.enough_origins(len(origins), days_missing(first_day, candidate.lineage.as_of)))
    if ours.window_days != theirs.window_days:
        checks.append(_other_target(ours.window_days, theirs.window_days))
    elif origins:
        contender = Contender(ours, journey_context(store, ours, steps), evidence_of_fit(ours, steps))
        rival = None if is_repeat(candidate, champion) else Contender(theirs, journey_context(store, theirs, steps))
        try:
            tried = try_out(steps, origins, (contender, rival), watch)
        except FailedPrecondition as error:  # too few conversions before an early origin
            checks.append(Check(BACKTEST, "rolling origins", None, None, passed=False, said=f"at an origin, {error}"))
        else:
            table = attribute_table(store.attributes(), model.about.context.kinds)
            logits = model.logits(steps, model.about.context.encode(table, steps.customer_ids))
            checks += calibration(steps, tried, model.about.calibration.probability(logits))
            checks += against_champion(steps, tried, terms.margin, must_win=not refit)
    return Examination(checks, protocol(origins, refit=refit))


def fit_of(version: ModelVersion) -> JourneyFit:
    """The configuration of a registered version, with its seed."""
    told = version.lineage.configuration
    return JourneyFit(
        told["model"],
        told["window_days"],
        tuple(told["attributes"]),
        version.lineage.seed,
        told.get("weighting", NONE),  # absent in what was registered before there was any
    )


def try_out(
    steps: Steps, origins: Sequence[Origin], contenders: tuple[Contender, Contender | None], watch: Progress
) -> list[TriedOrigin]:
    """Both configurations fitted to the steps before every origin and judged on those after it.

    Args:
        steps: of the log.
        origins: oldest first.
        contenders: the candidate and the champion, None where both are the same model.
        watch: is told of each fit.

    Raises:
        FailedPrecondition: an origin has too few conversions before it.
    """
    ours, theirs = contenders
    watch.start("trials at rolling origins", len(origins) * (1 if theirs is None else 2))
    tried = []
    for origin in origins:
        since_us, until_us = (_end_us(day, steps.limits.zone) for day in (origin.as_of, origin.target_end))
        seen = weighted(observed(steps.time_us, steps.resolved_us, since_us, until_us), steps, ours.evidence)
        p = _foreseen(ours, steps, since_us)[seen.rows]
        watch.advance()
        candidate = champion = judged(p, steps, seen)
        if theirs is not None:
            champion = judged(_foreseen(theirs, steps, since_us)[seen.rows], steps, seen)
            watch.advance()
        came = steps.converted[seen.rows].astype(np.float64)
        tried.append(TriedOrigin(seen, p, Trial(steps.customer[seen.rows], came, seen.weight, candidate, champion)))
    return tried


def calibration(steps: Steps, tried: Sequence[TriedOrigin], registered: FloatArray) -> list[Check]:
    """ECE of the candidate's configuration at all origins together, and of the model as registered at the newest.

    The model has seen the newest steps; the second look is for a model that is not what its configuration gives.

    Args:
        steps: of the log.
        tried: oldest first.
        registered: probability of every step by the registered model, shape (steps,).
    """
    rows = np.concatenate([origin.seen.rows for origin in tried])
    weight, p = (np.concatenate(parts) for parts in ([o.seen.weight for o in tried], [o.p for o in tried]))
    last = tried[-1].seen
    return [
        gates.calibration_error("hazards at the origins", p, steps.converted[rows], weight),
        gates.calibration_error(
            "hazards as registered", registered[last.rows], steps.converted[last.rows], last.weight
        ),
    ]


def against_champion(steps: Steps, tried: Sequence[TriedOrigin], margin: float, *, must_win: bool) -> list[Check]:
    """Log loss, Brier score and |ln ratio| of conversions, by paired bootstrap over customers."""
    trials = [origin.trial for origin in tried]
    losses = {
        LOG_LOSS: score_loss(trials, LOG_LOSS),
        BRIER: score_loss(trials, BRIER),
        "conversions |ln ratio|": ratio_loss(trials),
    }
    return gates.not_worse(losses, len(steps.customer_ids), margin=margin, must_win=must_win)


def _steps(store: Store, candidate: ModelVersion, fit: JourneyFit) -> Steps:
    """The steps that the candidate was fitted to."""
    cut = Cut(candidate.lineage.as_of, candidate.lineage.known_at)
    require_unchanged(store.touchpoints_hash, cut, candidate.lineage.snapshot_hash)
    return journey_steps(store.touchpoints(cut).read_all(), StepRules(store.business().time_zone, fit.window_days))


def _origins(steps: Steps, last_day: date, window_days: float, horizon_days: int) -> list[Origin]:
    """Those whose target is longer than the window: in a shorter one no step would be seen to fail."""
    first_day = instant(int(steps.time_us.min())).astimezone(zone_of(steps.limits.zone)).date()
    origins = rolling_origins(first_day, last_day, horizon_days)
    return [origin for origin in origins if origin.target_days > window_days]


def _end_us(day: date, zone: str) -> int:
    """The first instant after a day."""
    return micros(Cut(day, datetime.now(UTC)).before(zone_of(zone)))


def _foreseen(contender: Contender, steps: Steps, until_us: int) -> FloatArray:
    """Probability of every step by a model of the steps before an instant."""
    model = fit_journeys(contender.fit, steps, contender.context, until_us)
    return model.about.calibration.probability(model.logits(steps, contender.context.encoded))


def judged(p: FloatArray, steps: Steps, seen: Observed) -> Judged:
    """The losses of probabilities of the steps of `seen`."""
    came = steps.converted[seen.rows]
    return Judged({LOG_LOSS: log_losses(p, came), BRIER: (p - came) ** 2}, p)


def learnt(candidate: ModelVersion) -> Check:
    """Whether the fit foresees its own later steps not clearly worse than their base rate does."""
    judged = candidate.metrics["validation"]
    loss, base = judged.get("log_loss"), judged.get("log_loss_of_base_rate")
    if loss is None or base is None:
        said = "no later step of the log has a known outcome, so nothing says whether the fit learnt anything"
        return Check(CONVERGENCE, "validation log loss", loss, base, passed=False, said=said)
    return gates.no_worse_than_the_base_rate(loss, base, judged["steps"])


def _other_target(ours: float, theirs: float) -> Check:
    said = (
        f"it foresees conversions within {ours:g} days and the champion within {theirs:g}, which cannot be compared "
        "(train with the champion's --window-days, or promote with --force)"
    )
    return Check(BACKTEST, "window_days", ours, theirs, passed=False, said=said)
