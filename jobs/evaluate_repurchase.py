"""Evaluation of forecasts of the next purchase: who buys nothing within a horizon, gap times beside BG/NBD."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import FarviewError, InvalidInput
from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.kaplan_meier import SurvivalCurve, kaplan_meier
from farview.evaluation.marginals import GridMarginal
from farview.evaluation.spells import Spells
from farview.evaluation.survival_calibration import integrated_calibration_index
from farview.evaluation.survival_scores import Outcome
from farview.features.gaps import purchase_gaps
from jobs.backtest_models import candidates
from jobs.past import Past, actuals_of, past_of
from jobs.progress import Progress
from ltv.survival import fit_step_hazard, goes_on
from ltv.survival_gaps import fit_gap_cox, fit_gaps, gap_goes_on, gap_spells, next_purchase

_NORMAL_975 = 1.959963984540054
_MOST_REPEATS = 4  # customers with more are shown together


@dataclass(frozen=True, slots=True)
class Score:
    """How one forecast of P(no purchase) did."""

    brier: float
    lower: float | None  # 95 % over customers; None of a single one
    upper: float | None
    ici: float
    forecast: float  # mean P(no purchase)
    by_repeats: Sequence[float | None]  # mean P(no purchase) by repeat purchase days: 0, 1, 2, 3, 4 or more


@dataclass(frozen=True, slots=True)
class RepurchaseEvaluation:
    """Everything a report is made from."""

    calibration_end: date
    holdout_end: date
    customers: int
    gaps: int
    none: float  # share of customers who bought nothing in the holdout
    none_by_repeats: Sequence[float | None]  # None where there are no customers
    customers_by_repeats: Sequence[int]
    models: Mapping[str, Score]
    median_next_days: tuple[float, float, float]  # quartiles over customers, gap_weibull
    shape: float  # of the Weibull; below 1 a purchase grows less likely the longer it has not come
    failures: Mapping[str, str]  # models that could not be fitted, and why
    cohorts: Mapping[str, SurvivalCurve]  # of the first gap, by month of first purchase, oldest first


def evaluate_repurchase(
    events: pa.Table, calibration_end: date, holdout_end: date, zone: str, progress: Progress, *, seed: int = 0
) -> RepurchaseEvaluation:
    """Fits on what was known by a day, forecasts who buys nothing until another, and sees who did.

    Args:
        events: schemas.EVENTS, any order.
        calibration_end: last day that models see. The population is every customer with an amount above 0 by then.
        holdout_end: last day of the holdout, after calibration_end.
        zone: IANA name of the business zone.
        progress: is told of each model.
        seed: of the draws of bg_nbd.

    Raises:
        InvalidInput: the holdout has no day, nobody bought by calibration_end, or nobody bought twice.
    """
    horizon = (holdout_end - calibration_end).days
    if horizon < 1:
        raise InvalidInput.of("--holdout-end", f"{holdout_end} is not after --calibration-end {calibration_end}")
    past = past_of(events, calibration_end, zone)
    if past.rfm.num_rows == 0:
        raise InvalidInput.of("--calibration-end", f"nobody bought by {calibration_end} (take a later day)")
    gaps = purchase_gaps(past.events, Cut(calibration_end, datetime.now(UTC)), zone).read_all()
    gaps = gaps.filter(pc.is_in(gaps[c.CUSTOMER_ID], value_set=past.rfm[c.CUSTOMER_ID].combine_chunks()))
    open_gaps = gaps.filter(pc.invert(gaps["ended"]))
    model = fit_gaps(gaps)
    ahead = next_purchase(model, open_gaps, horizon)
    makers: Mapping[str, Callable[[], FloatArray]] = {
        "gap_weibull": lambda: ahead.p_none,
        "gap_cox": lambda: _cox(gaps, open_gaps, horizon),
        "gap_kaplan_meier": lambda: _kaplan_meier(gaps, open_gaps, horizon),
        "bg_nbd": lambda: _bg_nbd(past, horizon, seed),
    }
    progress.start("fit and forecast", len(makers))
    forecasts, failures = {}, {}
    for name, made in makers.items():
        try:
            forecasts[name] = made()
        except FarviewError as error:
            failures[name] = str(error)
        progress.advance()
    progress.done()
    none = actuals_of(events, past, holdout_end).purchases == 0
    repeats = np.minimum(past.rfm[c.FREQUENCY].to_numpy(), _MOST_REPEATS).astype(np.int64)
    quartiles = np.quantile(ahead.median_days, [0.25, 0.5, 0.75]).tolist()
    return RepurchaseEvaluation(
        calibration_end,
        holdout_end,
        customers=len(none),
        gaps=gaps.num_rows - open_gaps.num_rows,
        none=float(none.mean()),
        none_by_repeats=_by_repeats(none.astype(np.float64), repeats),
        customers_by_repeats=np.bincount(repeats, minlength=_MOST_REPEATS + 1).tolist(),
        models={name: score(p_none, none, repeats) for name, p_none in forecasts.items()},
        median_next_days=(quartiles[0], quartiles[1], quartiles[2]),
        shape=float(np.exp(model.weibull.log_shape)),
        failures=failures,
        cohorts=_cohorts(gaps, past),
    )


def score(p_none: FloatArray, none: np.ndarray[Any, np.dtype[np.bool_]], repeats: IntArray) -> Score:
    """Squared errors of P(no purchase), each argument of shape (customers,)."""
    errors = (p_none - none) ** 2
    brier = float(errors.mean())
    limits: tuple[float | None, float | None] = (None, None)
    if len(errors) > 1:
        reach = _NORMAL_975 * float(errors.std(ddof=1)) / float(np.sqrt(len(errors)))
        limits = max(brier - reach, 0.0), min(brier + reach, 1.0)
    ici = integrated_calibration_index(p_none, Outcome(none, np.ones(len(none))))
    return Score(brier, *limits, ici, float(p_none.mean()), _by_repeats(p_none, repeats))


def document(result: RepurchaseEvaluation) -> dict[str, Any]:
    """{"protocol": ..., "models": {NAME: figures}, "champion": NAME}; the champion has the lowest Brier score here."""
    report = asdict(result)
    models = report.pop("models")
    report["cohorts"] = {name: _curve(curve) for name, curve in result.cohorts.items()}
    for day in ("calibration_end", "holdout_end"):
        report[day] = report[day].isoformat()
    best = min(models, key=lambda name: models[name]["brier"])
    report["champion_rule"] = "the lowest Brier score on this holdout: a description of it, not a choice for another"
    return {"protocol": report, "models": models, "champion": best}


def _curve(curve: SurvivalCurve) -> dict[str, Any]:
    lower, upper = curve.interval_at(curve.times)
    share = {"survival": curve.survival, "lower": lower, "upper": upper}
    return {"days": curve.times.tolist()} | {name: figures.tolist() for name, figures in share.items()}


def _cohorts(gaps: pa.Table, past: Past) -> dict[str, SurvivalCurve]:
    """Days from the first to the second purchase, by Kaplan-Meier; of cohorts with a customer watched for a day."""
    first = gaps.filter(pc.and_(pc.equal(gaps["number"], 1), pc.greater(gaps["gap_days"], 0)))
    place = pc.index_in(first[c.CUSTOMER_ID], value_set=past.rfm[c.CUSTOMER_ID].combine_chunks())
    cohort = past.rfm[c.COHORT].take(place).to_numpy()
    days, ended = first["gap_days"].to_numpy().astype(np.float64), first["ended"].to_numpy()
    spells = Spells.watched_from_the_beginning(days, ended)
    return {name: kaplan_meier(spells.take(cohort == name)) for name in np.unique(cohort).tolist()}


def _by_repeats(figures: FloatArray, repeats: IntArray) -> list[float | None]:
    counts = np.bincount(repeats, minlength=_MOST_REPEATS + 1)
    sums = np.bincount(repeats, figures, minlength=_MOST_REPEATS + 1)
    return [float(total / count) if count else None for total, count in zip(sums, counts, strict=True)]


def _kaplan_meier(gaps: pa.Table, open_gaps: pa.Table, horizon: int) -> FloatArray:
    """One curve for all gaps; level beyond the longest one seen."""
    spells, *_ = gap_spells(gaps)
    since = open_gaps["gap_days"].to_numpy().astype(np.float64)
    return goes_on(fit_step_hazard(spells), np.zeros((len(since), 0)), since, horizon)


def _cox(gaps: pa.Table, open_gaps: pa.Table, horizon: int) -> FloatArray:
    model = fit_gap_cox(gaps)
    return gap_goes_on(model.cox, model.design, open_gaps, horizon)


def _bg_nbd(past: Past, horizon: int, seed: int) -> FloatArray:
    purchases = candidates(seed)["bg_nbd"].fit(past)(horizon).purchases
    assert isinstance(purchases, GridMarginal), "bg_nbd forecasts a distribution"
    return purchases.law.p_zero
