"""Gates of rankers: did the fit learn, are purchase probabilities right, and trials against the champion."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from farview.core.clock import Cut
from farview.core.errors import FailedPrecondition, InvalidInput
from farview.evaluation import gates
from farview.evaluation.arrays import FloatArray
from farview.evaluation.gate_losses import Judged, Trial, score_loss
from farview.evaluation.gates import BACKTEST, CONVERGENCE, Check
from farview.evaluation.list_metrics import ndcg_at
from farview.evaluation.origins import Origin, rolling_origins
from farview.features.item_log import PURCHASE
from farview.store.store import Store
from farview.store.values import ModelVersion
from jobs.fit_ranking import fit_configured
from jobs.gate_terms import Examination, GateTerms, days_missing, is_repeat, protocol
from jobs.progress import Progress
from jobs.snapshot import require_unchanged
from jobs.train_ranking_table import Lists, lists_at
from ranking.query_table import QueryTable
from ranking.relevance_choice import K
from ranking.relevance_model import RelevanceModel

LOSS = f"1 - NDCG@{K}"
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, eq=False)
class TriedOrigin:
    """An origin: the lists judged there, the candidate's purchase probabilities, and both as scored."""

    later: QueryTable
    chances: FloatArray | None  # (rows,); None: the configuration tells none
    trial: Trial


def examine_ranking(
    store: Store, candidate: ModelVersion, champion: ModelVersion | None, terms: GateTerms, watch: Progress
) -> Examination:
    """See jobs.gate.gate; `champion` None notes the convergence alone."""
    RelevanceModel.from_artifact(store.artifact(candidate))
    checks = [learnt(candidate)]
    if champion is None:
        return Examination(checks, protocol((), refit=False))
    watch.start("features of every list")
    cut = Cut(candidate.lineage.as_of, candidate.lineage.known_at)
    require_unchanged(store.impressions_hash, cut, candidate.lineage.snapshot_hash)
    lists, refit = lists_at(store, cut), _same_recipe(candidate, champion)
    first_day = _EPOCH + timedelta(days=int(lists.day.min()))
    origins = rolling_origins(first_day, cut.as_of, terms.horizon_days)
    checks.append(gates.enough_origins(len(origins), days_missing(first_day, cut.as_of)))
    if origins:
        rival = None if is_repeat(candidate, champion) else champion
        try:
            tried = try_out(lists, origins, (candidate, rival), watch)
        except (FailedPrecondition, InvalidInput) as error:  # an early origin has too little before it
            checks.append(Check(BACKTEST, "rolling origins", None, None, passed=False, said=f"at an origin, {error}"))
        else:
            checks += calibration(tried) + against_champion(tried, lists, terms.margin, must_win=not refit)
    return Examination(checks, protocol(origins, refit=refit))


def learnt(candidate: ModelVersion) -> Check:
    """Whether the fit orders its later lists better than chance does."""
    ahead = candidate.metrics["validation"][f"ndcg@{K}_ahead_of_random_order"]
    if ahead is None:
        said = "nothing came of the later lists, so nothing says whether the fit learnt anything"
        return Check(CONVERGENCE, f"NDCG@{K} ahead of a random order", None, 0.0, passed=False, said=said)
    passed = ahead["lower"] > 0
    said = f"NDCG@{K} of later lists {ahead['estimate']:+.4f} ahead of a random order, 95 % from {ahead['lower']:+.4f}"
    said += "" if passed else " (it learnt nothing that holds; gather more lists)"
    return Check(CONVERGENCE, f"NDCG@{K} ahead of a random order", ahead["lower"], 0.0, passed, said)


def try_out(
    lists: Lists, origins: Sequence[Origin], contenders: tuple[ModelVersion, ModelVersion | None], watch: Progress
) -> list[TriedOrigin]:
    """Both configurations fitted to the lists before every origin and judged on those after it.

    Args:
        lists: inside the candidate's cut.
        origins: oldest first.
        contenders: the candidate and the champion, None where both are the same model.
        watch: is told of each fit.

    Raises:
        FailedPrecondition: no list of an origin's target has a grade.
        InvalidInput: a configuration cannot be learnt from what lies before an origin.
    """
    ours, theirs = contenders
    watch.start("trials at rolling origins", len(origins) * (1 if theirs is None else 2))
    tried = []
    for origin in origins:
        since, until = ((day - _EPOCH).days for day in (origin.as_of, origin.target_end))
        past = lists.take(np.flatnonzero(lists.day <= since))
        chosen = np.flatnonzero((lists.day > since) & (lists.day <= until))
        graded = chosen[np.isin(chosen, lists.table.with_grade(1))]
        if len(graded) == 0:
            raise FailedPrecondition(f"nothing came of the lists from {origin.as_of} to {origin.target_end}")
        later = lists.table.take(graded)
        model = _fitted(ours, past)
        candidate = champion = _judged(model, later)
        watch.advance()
        if theirs is not None:
            champion = _judged(_fitted(theirs, past), later)
            watch.advance()
        everyone = lists.table.take(chosen)
        chances = None if model.purchase is None else model.purchase.probabilities(everyone.features)
        ones = np.ones(len(graded))
        trial = Trial(lists.customer[graded], ones, ones, candidate, champion)
        tried.append(TriedOrigin(everyone, chances, trial))
    return tried


def calibration(tried: Sequence[TriedOrigin]) -> list[Check]:
    """ECE of purchase probabilities at all origins together; nothing where the configuration tells none."""
    told = [(each.chances, each.later.grades >= PURCHASE) for each in tried if each.chances is not None]
    if not told:
        return []
    p, bought = (np.concatenate(parts) for parts in zip(*told, strict=True))
    return [gates.calibration_error("purchases at the origins", p, bought, np.ones(len(p)))]


def against_champion(tried: Sequence[TriedOrigin], lists: Lists, margin: float, *, must_win: bool) -> list[Check]:
    """1 - NDCG, by paired bootstrap over customers."""
    losses = {LOSS: score_loss([each.trial for each in tried], LOSS)}
    return gates.not_worse(losses, int(lists.customer.max()) + 1, margin=margin, must_win=must_win)


def _fitted(version: ModelVersion, past: Lists) -> RelevanceModel:
    return fit_configured(version.lineage.configuration, past, version.lineage.seed)


def _judged(model: RelevanceModel, later: QueryTable) -> Judged:
    ndcg = ndcg_at(K, later.grades, model.ranker.scores(later), later.queries)
    return Judged({LOSS: 1 - ndcg}, ndcg)


def _same_recipe(candidate: ModelVersion, champion: ModelVersion) -> bool:
    """Whether both were asked for alike. Settings and the operating point are what data decided, not what was asked."""

    def recipe(version: ModelVersion) -> tuple[Any, ...]:
        told = version.lineage.configuration
        return told["model"], told["relevance_loss"]

    return recipe(candidate) == recipe(champion)
