"""What a target policy would have earned, by every off-policy estimator, from one log."""

import math
from typing import Any

import numpy as np

from farview.core.errors import FailedPrecondition
from farview.core.randomness import generator
from farview.evaluation.arrays import FloatArray
from farview.evaluation.off_policy import Estimate, Log, cross_fitted, estimates, ridge, support
from jobs.policy_file import Decisions

FOLDS = 5


def evaluate_policy(decisions: Decisions, target: FloatArray, *, seed: int = 0) -> dict[str, Any]:
    """Estimators by name with 95 % intervals, and how much the log says about the target.

    Raises:
        FailedPrecondition: it says too little.
    """
    log = Log(decisions.actions, decisions.propensities, decisions.rewards, target)
    told = support(log)
    if (why := told.refusal()) is not None:
        raise FailedPrecondition(f"no estimate is made: {why} (log more, or ask for a target nearer to what was done)")
    rows, count = target.shape
    folds = generator(seed, "off-policy folds").permutation(rows) % min(FOLDS, rows)
    fit = ridge(decisions.context, decisions.actions, decisions.rewards, count)
    found = estimates(log, cross_fitted(fit, folds, count))
    return {
        "protocol": {
            "rows": rows,
            "actions": list(decisions.names),
            "context": list(decisions.context_columns),
            "logged_value": float(np.mean(decisions.rewards)),
            "folds": min(FOLDS, rows),
            "interval": 0.95,
            "seed": seed,
        },
        "estimators": {name: _as_data(estimate) for name, estimate in found.items()},
        "ess": told.ess,
        "max_weight": told.max_weight,
        "mean_weight": told.mean_weight,
        "support_deficit": told.deficit,
    }


def _as_data(estimate: Estimate) -> dict[str, float | None]:
    figures = {"value": estimate.value, "lower": estimate.lower, "upper": estimate.upper}
    return {name: figure if math.isfinite(figure) else None for name, figure in figures.items()}
