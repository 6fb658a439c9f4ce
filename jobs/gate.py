"""Examines a registered model by the gates and stores the report, without which nothing is promoted."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from farview.evaluation.gates import BACKTEST, CALIBRATION, CONVERGENCE, MARGIN, Check
from farview.store.gate_reports import GateReport
from farview.store.store import Store
from farview.store.values import JOURNEYS, LTV_REVENUE, NEXT_ITEM, RANKING, RETENTION, UPLIFT, ModelVersion
from jobs.gate_journeys import examine_journeys
from jobs.gate_ltv import examine_ltv
from jobs.gate_next_item import examine_next_item
from jobs.gate_ranking import examine_ranking
from jobs.gate_recalibration import examine_recalibration
from jobs.gate_retention import examine_retention
from jobs.gate_terms import Examination, GateTerms
from jobs.gate_uplift import examine_uplift
from jobs.progress import Both, Progress, Silent
from jobs.recalibrate_journeys import RECALIBRATES

Examine = Callable[[Store, ModelVersion, ModelVersion | None, GateTerms, Progress], Examination]


def _examine_journeys(
    store: Store, candidate: ModelVersion, champion: ModelVersion | None, terms: GateTerms, watch: Progress
) -> Examination:
    recalibrates = RECALIBRATES in candidate.lineage.configuration
    return (examine_recalibration if recalibrates else examine_journeys)(store, candidate, champion, terms, watch)


_EXAMINE: Mapping[str, Examine] = {
    LTV_REVENUE: examine_ltv,
    JOURNEYS: _examine_journeys,
    RANKING: examine_ranking,
    NEXT_ITEM: examine_next_item,
    RETENTION: examine_retention,
    UPLIFT: examine_uplift,
}
HORIZON_DAYS = {LTV_REVENUE: 90, JOURNEYS: 28, RANKING: 28, NEXT_ITEM: 28, RETENTION: 1, UPLIFT: 1}
"""How far the trials look where the data allow; at most a third of them. Retention is tried one renewal ahead, whatever
its days, and effects by customers left out."""


def gate(
    store: Store,
    kind: str,
    version: int,
    *,
    margin: float = MARGIN,
    horizon_days: int | None = None,
    who: str,
    progress: Progress | None = None,
) -> GateReport:
    """Holds a version against the champion, both refitted at rolling origins inside the data the version was fitted to.

    Of the champion itself only the convergence is noted, as there is nobody to hold it against.

    Args:
        store: where models and data come from and the report goes to.
        kind: of the version.
        version: its number.
        margin: largest loss allowed on any metric; .01 is 1 % of a score, or .01 of Gini or |ln ratio|.
        horizon_days: how far the trials look; default HORIZON_DAYS.
        who: for the report.
        progress: who watches.

    Raises:
        NotFound: no such version.
        ArtifactMismatch: the version's stored bytes are not those registered.
        Conflict: its data have changed since it was fitted, or a file is being imported.
    """
    model, champion = store.model_version(kind, version), store.champion(kind)
    rival = None if champion.version == version else champion
    terms = GateTerms(margin, horizon_days or HORIZON_DAYS[kind])
    with store.operation("gate", {"model": model.name, **asdict(terms)}, who=who) as operation:
        watch = Both(progress or Silent(), operation)
        found = _EXAMINE[kind](store, model, rival, terms, watch)
        watch.done()
        checks = [_as_data(check) for check in sorted(found.checks, key=lambda check: _ORDER.index(check.gate))]
        report = store.keep_gate_report(model, rival, checks, {**asdict(terms), **found.protocol}, who=who)
        operation.finish({"model": model.name, "passed": report.passed})
    return report


def _as_data(check: Check) -> dict[str, Any]:
    """JSON knows no infinity."""
    data = asdict(check)
    finite = {name: None if data[name] is None or not math.isfinite(data[name]) else data[name] for name in _FIGURES}
    return data | finite


_FIGURES = ("value", "limit")
_ORDER = (CONVERGENCE, CALIBRATION, BACKTEST)
