"""Gates of models of effects: is their order worth something, and is it better than the champion's?"""

import numpy as np

from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray
from farview.evaluation.gates import BACKTEST, CALIBRATION, CONVERGENCE, RESAMPLES, Check
from farview.evaluation.uplift import Actions, plan_curves, within_folds
from farview.store.store import Store
from farview.store.values import ModelVersion
from jobs.gate_terms import Examination, GateTerms, is_refit
from jobs.progress import Progress
from jobs.snapshot import require_unchanged
from jobs.train_uplift import fit_of, rows_of
from jobs.uplift_rows import TreatedRows, treated_rows
from ranking.effects import held_out, learnt_propensities

_OURS, _THEIRS, _NONE = "candidate", "champion", "no order"
_LEVEL = 0.95


def examine_uplift(
    store: Store,
    candidate: ModelVersion,
    champion: ModelVersion | None,
    terms: GateTerms,  # noqa: ARG001 - an order has no loss that a margin could bound
    watch: Progress,
) -> Examination:
    """Both configurations fitted without a fold of the customers at a time, judged on it by the uplift curve.

    Trials at rolling origins would need treatments at many times; customers left out are what a campaign's log has. A
    refit of the champion's own configuration need only not be harmful, another one has to be better beyond chance.
    """
    checks = [_enough(candidate)]
    protocol = {"folds": "customers left out", "refit": champion is not None and is_refit(candidate, champion)}
    if champion is None:
        return Examination(checks, protocol)
    watch.start("effects of customers left out")
    rows = rows_of(store, candidate)
    require_unchanged(store.treatments_hash, _cut(candidate), candidate.lineage.snapshot_hash)
    try:
        rival = _rows_like(store, candidate, champion)
    except InvalidInput as error:
        said = f"the champion's configuration cannot be fitted to these treatments: {error}"
        return Examination([*checks, Check(BACKTEST, "uplift curve", None, None, False, said)], protocol)
    drawn = _areas(rows, rival, candidate.lineage.seed)
    checks.append(_harmless(drawn[_OURS] - drawn[_NONE]))
    if not protocol["refit"]:
        checks.append(_better(drawn[_OURS] - drawn[_THEIRS]))
    return Examination(checks, protocol)


def _areas(ours: TreatedRows, theirs: TreatedRows, seed: int) -> dict[str, FloatArray]:
    """Areas under the uplift curves on the same resamples."""
    log = ours.log
    taken = learnt_propensities(log, seed) if log.propensity is None else log.propensity
    plans = {}
    for name, rows in ((_OURS, ours), (_THEIRS, theirs)):
        found = held_out(rows.log, seed)
        best = 1 + np.argmax(found.effects, axis=1)
        plans[name] = within_folds(found.effects.max(axis=1), found.fold), best
        plans[_NONE] = np.zeros(len(log)), found.best
    curves = plan_curves(
        Actions(log.action, taken, log.outcome, customer=log.group), plans, resamples=RESAMPLES, seed=seed
    )
    return {name: curve.auuc() for name, curve in curves.items()}


def _rows_like(store: Store, candidate: ModelVersion, champion: ModelVersion) -> TreatedRows:
    told = fit_of(champion)
    return treated_rows(store, _cut(candidate), fit_of(candidate).control, told.attributes)


def _cut(version: ModelVersion) -> Cut:
    return Cut(version.lineage.as_of, version.lineage.known_at)


def _enough(candidate: ModelVersion) -> Check:
    """Whether the effects were learnt from chance or from somebody's choices; both may serve, the report says which."""
    evidence = candidate.metrics["evidence"]
    said = f"{candidate.metrics['treatments']:,} treatments with an outcome, evidence: {evidence}"
    return Check(CONVERGENCE, "treatments", float(candidate.metrics["treatments"]), None, True, said)


def _harmless(ahead: FloatArray) -> Check:
    upper = float(np.quantile(ahead[1:], _LEVEL))
    said = f"area under the uplift curve above no order: {ahead[0]:+.4g}, {100 * _LEVEL:.0f} % bound {upper:+.4g}"
    said += ", at least 0" + ("" if upper >= 0 else " (its order is worse than none; gather more treatments)")
    return Check(CALIBRATION, "order by effect", upper, 0.0, upper >= 0, said)


def _better(ahead: FloatArray) -> Check:
    lower = float(np.quantile(ahead[1:], 1 - _LEVEL))
    said = f"area under the uplift curve above the champion's: {ahead[0]:+.4g}, {100 * _LEVEL:.0f} % bound {lower:+.4g}"
    said += ", above 0" + ("" if lower > 0 else " (better by no more than chance: keep the champion)")
    return Check(BACKTEST, "uplift curve", lower, 0.0, lower > 0, said)
