"""The report of an evaluation of survival models as JSON, with the difference that delayed entry makes in words."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from farview.evaluation.kaplan_meier import SurvivalCurve, kaplan_meier
from jobs.evaluate_survival import RULE, ModelFigures, SurvivalEvaluation, View

_NORMAL_975 = 1.959963984540054


def document(result: SurvivalEvaluation) -> dict[str, Any]:
    """{"protocol": ..., "models": {NAME: figures}, "champion": NAME, "survival": ..., "coefficients": ..., ...}.

    `models` are those of the last view: with delayed entry where it is known. All are judged on what was watched.
    """
    *before, view = result.views
    report: dict[str, Any] = {
        "protocol": protocol(result),
        "models": _models(view.models),
        "failures": dict(view.failures),
        "champion": result.champion,
        "survival": {each.name: _curves(each.curves, ages(result)) for each in result.views},
        "coefficients": _coefficients(view, result),
    }
    if before:
        report["plain_follow_up"] = {
            "models": _models(before[0].models),
            "judged_by_itself": {"horizons": list(result.plain_horizons), "models": _models(result.plain_by_itself)},
            "failures": dict(before[0].failures),
            "coefficients": _coefficients(before[0], result),
            "difference": difference(result),
        }
    return report


def protocol(result: SurvivalEvaluation) -> dict[str, Any]:
    """How it was done, and what the file held."""
    contracts, spec = result.contracts, result.spec
    return {
        "contracts": len(contracts.duration),
        "ended": int(contracts.ended.sum()),
        "never_watched": contracts.never_watched,
        "rejected_rows": contracts.rejected_rows,
        "reading": result.views[-1].name,
        "watched_last": spec.watched_last,
        "time_step": result.time_step,
        "covariates": [column.name for column in result.design.columns],
        "covariates_left_out": list(result.design.left_out),
        "horizons": list(result.horizons),
        "main_horizon": result.main_horizon,
        "ended_by_main_horizon": seen(result),
        "folds": spec.folds,
        "seed": spec.seed,
        "clock": "horizons are counted from entry: P(ends by entry + horizon | went on at entry)",
        "integrated_brier": "weighted by 1 / P(known), over the horizons by the trapezoidal rule",
        "ici": "mean distance of the forecast from a smooth of what came, at the main horizon",
        "intervals": "95 % of the mean over folds, Student's t",
        "champion_rule": RULE,
    }


def ages(result: SurvivalEvaluation) -> list[float]:
    """Up to six ages at which curves are shown: the youngest whole ones, then quantiles of those seen."""
    exits = result.contracts.duration
    quantiles = np.quantile(exits, [0.1, 0.25, 0.5, 0.75, 0.9], method="higher")
    return [float(age) for age in np.unique(np.concatenate([[exits.min()], quantiles]))]


def seen(result: SurvivalEvaluation) -> float:
    """Share that ended by the main horizon after entry, by Kaplan-Meier."""
    curve = kaplan_meier(result.watched.since_entry())
    return float(1 - curve.at(np.array([result.main_horizon]))[0])


def difference(result: SurvivalEvaluation) -> str:
    """What plain follow-up makes of contracts that were watched from later on, in words and figures."""
    plain, delayed = result.views
    late = float((delayed.spells.entry > 0).mean())
    middle = float(np.median(result.contracts.duration))
    still = [float(view.curves[""].at(np.array([middle]))[0]) for view in (plain, delayed)]
    best = result.champion if result.champion in plain.models else next(iter(plain.models))
    forecasts = [view.models[best].forecast for view in (plain, delayed)]
    return (
        f"{late:.0%} of the contracts were watched from a later age than 0: had they ended before, they would not be "
        "in the file. Plain follow-up counts their early life as watched and safe, so that "
        f"{still[0]:.1%} seem to last beyond age {middle:g}; counting each contract only while it was watched, "
        f"{still[1]:.1%} do. Of what was watched, {seen(result):.1%} ended within {result.main_horizon:g} of entry; "
        f"{best} forecasts {forecasts[1]:.1%} with delayed entry, and {forecasts[0]:.1%} when fitted on plain "
        "follow-up. The curve with delayed entry joins today's rates at each age: it is what new contracts would do if "
        "those stayed as they are."
    )


def _models(models: Mapping[str, ModelFigures]) -> dict[str, Any]:
    return {name: _figures(figures) for name, figures in models.items()}


def _figures(figures: ModelFigures) -> dict[str, Any]:
    return {
        "integrated_brier": asdict(figures.integrated_brier),
        "ici": asdict(figures.ici),
        "concordance": None if figures.concordance is None else asdict(figures.concordance),
        "forecast": figures.forecast,
        "deciles": [asdict(decile) for decile in figures.deciles],
    }


def _curves(curves: Mapping[str, SurvivalCurve], at: Sequence[float]) -> list[dict[str, Any]]:
    return [_curve(group, curve, np.array(at)) for group, curve in curves.items()]


def _curve(group: str, curve: SurvivalCurve, at: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    lower, upper = curve.interval_at(at)
    points = zip(at, curve.at(at), lower, upper, strict=True)
    return {
        "group": group,
        "median": curve.median,
        "fewest_at_risk": float(curve.at_risk.min()) if len(curve.at_risk) else None,
        "points": [
            dict(zip(("age", "survival", "lower", "upper"), map(float, point), strict=True)) for point in points
        ],
    }


def _coefficients(view: View, result: SurvivalEvaluation) -> dict[str, Any]:
    """Hazard ratios of Cox, factors on time of Weibull AFT, with 95 % limits, fitted on all contracts."""
    names = [column.name for column in result.design.columns]
    found: dict[str, Any] = {}
    if view.cox is not None:
        found["cox_hazard_ratio"] = _ratios(names, view.cox.coefficients, view.cox.standard_errors)
    if view.weibull is not None:
        found["weibull_time_ratio"] = _ratios(names, view.weibull.coefficients, view.weibull.standard_errors[1:-1])
        found["weibull_shape"] = float(np.exp(view.weibull.log_shape))
    return found


def _ratios(names: Sequence[str], coefficients: Any, errors: Any) -> dict[str, dict[str, float]]:
    return {
        name: {
            "ratio": float(np.exp(b)),
            "lower": float(np.exp(b - _NORMAL_975 * error)),
            "upper": float(np.exp(b + _NORMAL_975 * error)),
        }
        for name, b, error in zip(names, coefficients, errors, strict=True)
    }
