"""What another way of choosing actions would have earned, from a log of actions that were chosen at random.

Every estimator takes a log whose actions were drawn with known probabilities, and a target policy's probabilities.
With support (whatever the target does, the log sometimes did) IPS and DR are unbiased; the direct method is only as
good as its model of rewards; SWITCH-DR leaves rows of large weight to that model.

Notation: action a_i, its logged propensity p_i, reward r_i, target pi(a|x_i), weight w_i = pi(a_i|x_i) / p_i.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from farview.evaluation.arrays import FloatArray, IntArray

Z95 = 1.959963984540054
LEAST_ESS = 50.0
LEAST_ESS_SHARE = 0.005
MOST_DEFICIT = 0.05
_SWITCH_QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True, slots=True)
class Log:
    """Logged decisions and what a target policy would do in the same places."""

    actions: IntArray  # (rows,) of 0 ... actions - 1
    propensities: FloatArray  # (rows,) of the logged action, in (0, 1]
    rewards: FloatArray  # (rows,)
    target: FloatArray  # (rows, actions) the target's probabilities; rows sum to 1

    @property
    def weights(self) -> FloatArray:
        """(rows,) w."""
        return np.asarray(self.target[np.arange(len(self.actions)), self.actions] / self.propensities)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Mean reward per decision under the target, with a 95 % normal interval."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Support:
    """How much the log says about the target."""

    rows: int
    ess: float  # effective sample size, (sum w)^2 / sum w^2 (Kish 1965)
    max_weight: float
    mean_weight: float  # 1 in expectation, where the propensities are right and the support is full
    deficit: float  # share of what the target would do that the log never did

    def refusal(self) -> str | None:
        """Why no estimate should be made of it; None when there is enough."""
        if self.deficit > MOST_DEFICIT:
            return f"{self.deficit:.1%} of what the target does is never done in the log; at most {MOST_DEFICIT:.0%}"
        least = max(LEAST_ESS, LEAST_ESS_SHARE * self.rows)
        if self.ess < least:
            return f"the log is worth {self.ess:,.0f} of its {self.rows:,} rows for this target; at least {least:,.0f}"
        return None


def support(log: Log) -> Support:
    """How much a log says about its target."""
    weights = log.weights
    square = float(np.sum(weights**2))
    ess = float(np.sum(weights)) ** 2 / square if square > 0 else 0.0
    never = np.bincount(log.actions, minlength=log.target.shape[1]) == 0
    deficit = float(log.target[:, never].sum(axis=1).mean()) if never.any() else 0.0
    return Support(len(weights), ess, float(weights.max()), float(weights.mean()), deficit)


def estimates(log: Log, expected: FloatArray) -> dict[str, Estimate]:
    """Every estimator by name.

    Args:
        expected: (rows, actions) reward expected of each action by a model that did not see the row.
    """
    return {
        "ips": ips(log),
        "snips": snips(log),
        "dm": direct_method(log, expected),
        "dr": doubly_robust(log, expected),
        "switch_dr": switch_dr(log, expected),
    }


def ips(log: Log) -> Estimate:
    """Inverse propensity scoring: the mean of w r. Source: Horvitz, Thompson (1952)."""
    return _mean(log.weights * log.rewards)


def snips(log: Log) -> Estimate:
    """IPS over the mean weight: shifting all rewards shifts it as much. Source: Swaminathan, Joachims (2015), eq. (9).

    The interval is that of the ratio's influence function.
    """
    weights = log.weights
    total = float(weights.sum())
    if total == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    value = float(np.sum(weights * log.rewards)) / total
    return _around(value, weights * (log.rewards - value) / weights.mean())


def direct_method(log: Log, expected: FloatArray) -> Estimate:
    """The model's word: sum over actions of pi(a|x) q(x, a). The interval knows nothing of the model's own error."""
    return _mean(np.sum(log.target * expected, axis=1))


def doubly_robust(log: Log, expected: FloatArray) -> Estimate:
    """The model's word, put right by weighted residuals. Source: Dudik, Langford, Li (2011), eq. (2)."""
    return _mean(_corrected(log, expected, np.ones(len(log.rewards), dtype=np.bool_)))


def switch_dr(log: Log, expected: FloatArray) -> Estimate:
    """DR that leaves rows of weight above a threshold to the model.

    The threshold is the one, of some quantiles of the weights, with the least variance plus squared bound of the bias:
    what the residuals it leaves out could add up to.

    Source: Wang, Agarwal, Dudik (2017), eqs. (5) and (7).
    """
    weights = log.weights
    residuals = np.abs(log.rewards - expected[np.arange(len(weights)), log.actions])
    best, least = np.empty(0), np.inf
    for threshold in np.unique(np.quantile(weights, _SWITCH_QUANTILES)):
        kept = weights <= threshold
        terms = _corrected(log, expected, kept)
        bias = float(np.mean(np.where(kept, 0.0, weights * residuals)))
        risk = float(np.var(terms)) / len(terms) + bias**2
        if risk < least:
            best, least = terms, risk
    return _mean(best)


def cross_fitted(
    fit: Callable[[IntArray], Callable[[IntArray], FloatArray]], folds: IntArray, actions: int
) -> FloatArray:
    """(rows, actions) what models that did not see a row expect of each action there.

    Args:
        fit: rows to learn from -> (rows to judge -> (those rows, actions)).
        folds: (rows,) which rows are judged together.
    """
    expected = np.empty((len(folds), actions))
    for fold in np.unique(folds):
        judged = np.flatnonzero(folds == fold)
        expected[judged] = fit(np.flatnonzero(folds != fold))(judged)
    return expected


def ridge(
    context: FloatArray, actions: IntArray, rewards: FloatArray, count: int, penalty: float = 1.0
) -> Callable[[IntArray], Callable[[IntArray], FloatArray]]:
    """A `fit` for cross_fitted: for each action a linear model of the context, shrunk to the mean of all rewards.

    Args:
        context: (rows, features); standardised inside, by the rows learnt from.
        count: of actions.
        penalty: of squared coefficients, in rows; the level of an action is shrunk as its slopes are.
    """

    def fit(seen: IntArray) -> Callable[[IntArray], FloatArray]:
        middle, spread = context[seen].mean(axis=0), context[seen].std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        level = float(rewards[seen].mean())

        def design(rows: IntArray) -> FloatArray:
            return np.column_stack([np.ones(len(rows)), (context[rows] - middle) / scale])

        coefficients = np.zeros((context.shape[1] + 1, count))
        for action in range(count):
            rows = seen[actions[seen] == action]
            features = design(rows)
            gram = features.T @ features + penalty * np.eye(features.shape[1])
            coefficients[:, action] = np.linalg.solve(gram, features.T @ (rewards[rows] - level))
        return lambda judged: level + design(judged) @ coefficients

    return fit


def _corrected(log: Log, expected: FloatArray, kept: np.ndarray) -> FloatArray:
    residuals = log.rewards - expected[np.arange(len(log.rewards)), log.actions]
    return np.asarray(np.sum(log.target * expected, axis=1) + np.where(kept, log.weights * residuals, 0.0))


def _mean(terms: FloatArray) -> Estimate:
    return _around(float(terms.mean()), terms - terms.mean())


def _around(value: float, influence: FloatArray) -> Estimate:
    half = Z95 * float(np.sqrt(np.sum(influence**2))) / len(influence)
    return Estimate(value, value - half, value + half)
