"""Gates of next-item models: did the fit learn, and trials against the champion."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from farview.core.clock import Cut
from farview.core.errors import FailedPrecondition, InvalidInput
from farview.evaluation import gates
from farview.evaluation.gate_losses import Judged, Trial, score_loss
from farview.evaluation.gates import BACKTEST, CONVERGENCE, Check
from farview.evaluation.origins import Origin, rolling_origins
from farview.store.store import Store
from farview.store.values import ModelVersion
from jobs.gate_terms import Examination, GateTerms, days_missing, is_repeat, protocol
from jobs.next_item_trials import K, NextItemSpec, Split, fitted, judge
from jobs.progress import Progress
from jobs.purchase_file import PurchaseLog
from jobs.snapshot import require_unchanged
from jobs.train_next_item import later_takers, taken_at
from ranking.next_item_model import NextItems

LOSS = f"1 - NDCG@{K}"
_AHEAD = f"NDCG@{K} ahead of a random order"


def examine_next_item(
    store: Store, candidate: ModelVersion, champion: ModelVersion | None, terms: GateTerms, watch: Progress
) -> Examination:
    """See jobs.gate.gate; `champion` None notes the convergence alone."""
    NextItems.from_artifact(store.artifact(candidate))
    checks = [learnt(candidate)]
    if champion is None:
        return Examination(checks, protocol((), refit=False))
    cut = Cut(candidate.lineage.as_of, candidate.lineage.known_at)
    require_unchanged(store.impressions_hash, cut, candidate.lineage.snapshot_hash)
    log = taken_at(store, cut, candidate.lineage.configuration["least_grade"]).log
    refit = _recipe(candidate) == _recipe(champion)
    first_day: date = log.day[0].astype(date)
    origins = rolling_origins(first_day, cut.as_of, terms.horizon_days)
    checks.append(gates.enough_origins(len(origins), days_missing(first_day, cut.as_of)))
    if origins:
        rival = None if is_repeat(candidate, champion) else champion
        try:
            trials = try_out(log, origins, (candidate, rival), watch)
        except (FailedPrecondition, InvalidInput) as error:  # an early origin has too little before it
            checks.append(Check(BACKTEST, "rolling origins", None, None, passed=False, said=f"at an origin, {error}"))
        else:
            losses = {LOSS: score_loss(trials, LOSS)}
            checks += gates.not_worse(losses, log.customers, margin=terms.margin, must_win=not refit)
    return Examination(checks, protocol(origins, refit=refit))


def learnt(candidate: ModelVersion) -> Check:
    """Whether the fit finds what was taken later better than chance does."""
    ahead = candidate.metrics["validation"][f"ndcg@{K}_ahead_of_random_order"]
    if ahead is None:
        said = "too little was taken later to say whether the fit learnt anything"
        return Check(CONVERGENCE, _AHEAD, None, 0.0, passed=False, said=said)
    passed = ahead["lower"] > 0
    said = f"NDCG@{K} of items taken later {ahead['estimate']:+.4f} ahead of a random order, 95 % from "
    said += f"{ahead['lower']:+.4f}" + ("" if passed else " (it learnt nothing that holds; gather more lists)")
    return Check(CONVERGENCE, _AHEAD, ahead["lower"], 0.0, passed, said)


def try_out(
    log: PurchaseLog, origins: Sequence[Origin], contenders: tuple[ModelVersion, ModelVersion | None], watch: Progress
) -> list[Trial]:
    """Both configurations fitted to what was taken before every origin and judged on what was newly taken after it.

    Args:
        log: inside the candidate's cut.
        origins: oldest first.
        contenders: the candidate and the champion, None where both are the same model.
        watch: is told of each fit.

    Raises:
        FailedPrecondition: nobody took anything new after an origin.
        InvalidInput: a configuration cannot be learnt from what lies before an origin.
    """
    ours, theirs = contenders
    watch.start("trials at rolling origins", len(origins) * (1 if theirs is None else 2))
    trials = []
    for origin in origins:
        split = later_takers(log, np.datetime64(origin.as_of), np.datetime64(origin.target_end))
        candidate = champion = _judged(ours, split, log)
        watch.advance()
        if theirs is not None:
            champion = _judged(theirs, split, log)
            watch.advance()
        ones = np.ones(len(split.judged))
        trials.append(Trial(split.judged, ones, ones, candidate, champion))
    return trials


def _judged(version: ModelVersion, split: Split, log: PurchaseLog) -> Judged:
    told = version.lineage.configuration
    model = fitted(told["model"], split.histories, log.category, told["shrinkage"], version.lineage.seed)
    ndcg = judge(model, split, log, NextItemSpec())[1]
    return Judged({LOSS: 1 - ndcg}, ndcg)


def _recipe(version: ModelVersion) -> tuple[str, int]:
    """What was asked for; the shrinkage is what data decided."""
    told = version.lineage.configuration
    return told["model"], told["least_grade"]
