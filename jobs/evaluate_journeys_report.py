"""The report of an evaluation of journey models as JSON."""

from dataclasses import asdict
from typing import Any

from farview.evaluation import journey_champion
from farview.evaluation.journey_champion import Gain
from jobs.evaluate_journeys import TRAIN_SHARE, JourneyEvaluation

UNIT = "at-risk step: a customer's k-th touch with what is known up to and including it; a conversion is never a touch"
LEAK = (
    "A journey's total length is known only when it is over: it orders steps well and can forecast nothing. "
    "Shown as a warning; no model here sees it."
)


def document(result: JourneyEvaluation) -> dict[str, Any]:
    """{"protocol": ..., "models": {NAME: figures}, "champion": NAME, "warnings": ..., "details": ...}."""
    return {
        "protocol": protocol(result),
        "models": {name: asdict(figures) for name, figures in result.models.items()},
        "champion": result.champion,
        "warnings": {"minus_total_length": {"auc": result.total_length_auc, "leaks": LEAK}},
        "details": {
            name: {
                "log_loss_gain": _gain(result.gains[name]),
                "auc_of_new_customers": result.auc_of_new_customers[name],
                "conformal": asdict(result.conformal[name]),
            }
            for name in result.models
        },
    }


def protocol(result: JourneyEvaluation) -> dict[str, Any]:
    """How it was done, and what the log held."""
    steps, spec = result.steps, result.spec
    counts = asdict(steps.counts)
    return {
        "unit": UNIT,
        "target": f"conversion before the next touch and within {spec.window_days:g} days, whichever ends first",
        "window_days": spec.window_days,
        "time_zone": spec.zone,
        "split_date": result.split_date.isoformat(),
        "split_rule": (
            "given"
            if spec.split_date
            else f"the day by which {TRAIN_SHARE:.0%} of steps have passed; it is the last day of training"
        ),
        "auc": "concordant pairs within a step index, pooled over strata; ties count one half; weighted for censoring",
        "ece_bins": 10,
        "censoring": "steps whose window the log or the split cuts are left out, the others weighted by 1 / P(not cut)",
        "champion_rule": journey_champion.RULE,
        "customer_split": (
            f"{spec.held_out_share:.0%} of customers are only judged, the others only learnt from"
            if spec.held_out_share
            else "none: later steps of customers whose earlier steps were learnt from are judged too"
        ),
        "seed": spec.seed,
        **counts,
        "steps": len(steps),
        "history_cut_customers": int(steps.history_cut.sum()),
        "train_steps": len(result.train.rows),
        "train_conversions": int(steps.converted[result.train.rows].sum()),
        "train_censored": result.train.censored,
        "test_steps": len(result.test.rows),
        "test_conversions": int(steps.converted[result.test.rows].sum()),
        "test_censored": result.test.censored,
        "largest_weight": float(max(result.train.weight.max(), result.test.weight.max())),
        "new_customers": result.new_customers,
    }


def _gain(gain: Gain) -> dict[str, float]:
    """Over the base rate, per step; positive is better; the bound is one-sided, all models taken together."""
    return {"mean": gain.mean, "lower": gain.lower, "standard_error": gain.standard_error}
