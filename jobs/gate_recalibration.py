"""Gates of a recalibrated journey model: trials of the calibration itself, on steps that neither side has seen."""

import numpy as np
from numpy.typing import NDArray

from farview.core.clock import Cut
from farview.evaluation import gates
from farview.evaluation.gate_losses import Trial
from farview.evaluation.gates import BACKTEST, Check
from farview.evaluation.journey_splits import Observed
from farview.store.store import Store
from farview.store.values import JOURNEYS, ModelVersion
from jobs.gate_journeys import TriedOrigin, against_champion, calibration, judged, learnt
from jobs.gate_terms import Examination, GateTerms, protocol
from jobs.progress import Progress
from jobs.recalibrate_journeys import RECALIBRATES, Later, later_steps, recalibrated
from jobs.snapshot import require_unchanged
from journeys.model import load
from journeys.scorer import JourneyModel

ORIGINS = 3


def examine_recalibration(
    store: Store, candidate: ModelVersion, champion: ModelVersion | None, terms: GateTerms, watch: Progress
) -> Examination:
    """Learns the calibration on the earlier of the later steps and judges it on the next ones, at ORIGINS origins.

    The steps since the base's last day are cut into ORIGINS + 1 spans of equally many. The champion is held against it
    as it is. It must be the base or older: a newer one may have seen the steps that it would be judged on.
    """
    checks = [learnt(candidate)]
    base = store.model_version(JOURNEYS, candidate.lineage.configuration[RECALIBRATES])
    if champion is None:
        return Examination(checks, protocol((), refit=False))
    if champion.lineage.as_of > base.lineage.as_of:
        said = f"{champion.name} has seen touches after {base.lineage.as_of}, on which it would be judged"
        return Examination([*checks, Check(BACKTEST, "origins", None, None, False, said)], protocol((), refit=False))
    watch.start("trials of the calibration")
    cut = Cut(candidate.lineage.as_of, candidate.lineage.known_at)
    require_unchanged(store.touchpoints_hash, cut, candidate.lineage.snapshot_hash)
    model, rival = load(store.artifact(base)), load(store.artifact(champion))
    later, theirs = later_steps(store, base, model, cut), later_steps(store, champion, rival, cut)
    tried = _trials(model, later, rival.about.calibration.probability(theirs.logit))
    checks.append(gates.enough_origins(len(tried), "too few conversions have come since; wait for more"))
    if tried:
        registered = load(store.artifact(candidate)).about.calibration.probability(later.logit)
        checks += calibration(later.steps, tried, registered)
        checks += against_champion(later.steps, tried, terms.margin, must_win=True)
    return Examination(checks, protocol((), refit=False) | {"origins": ORIGINS, "recalibrates": base.name})


def _trials(model: JourneyModel, later: Later, theirs: NDArray[np.float64]) -> list[TriedOrigin]:  # type: ignore[type-arg]
    """At each origin, what the calibration learnt before it and the champion (`theirs`, (steps,)) foresaw after it."""
    seen, steps = later.seen, later.steps
    time_us, resolved_us = steps.time_us[seen.rows], steps.resolved_us[seen.rows]
    cuts = np.quantile(time_us, np.arange(1, ORIGINS + 1) / (ORIGINS + 1)).astype(np.int64)
    ends = np.append(cuts[1:], np.iinfo(np.int64).max)
    tried = []
    for begin, end in zip(cuts, ends, strict=True):
        learnt_from, judged_on = resolved_us < begin, (time_us >= begin) & (time_us < end)
        if not later.target[learnt_from].any() or not later.target[judged_on].any():
            continue
        rows, weight = seen.rows[judged_on], seen.weight[judged_on]
        span = Observed(rows, weight, 0)
        p = recalibrated(model, later, learnt_from).probability(later.logit[rows])
        came = steps.converted[rows].astype(np.float64)
        both = judged(p, steps, span), judged(theirs[rows], steps, span)
        tried.append(TriedOrigin(span, p, Trial(steps.customer[rows], came, weight, *both)))
    return tried
