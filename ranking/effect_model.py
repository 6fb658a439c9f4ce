"""What an action changes for a customer: an X-learner on boosted trees, cross-fitted.

One action is held against the control. Trees learn the outcome under each of the two, and from what they foresee of the
outcome that was not seen, the effect.

Source: Kuenzel, Sekhon, Bickel, Yu (2019), "Metalearners for estimating heterogeneous treatment effects using machine
learning", PNAS 116(10), section "X-learner". How far the effect may differ between customers is chosen by the
doubly robust pseudo-outcome of Kennedy (2023), "Towards optimal doubly robust estimation of heterogeneous causal
effects", Electronic Journal of Statistics 17(2), eq. (1), on rows that were left out.
"""

from dataclasses import dataclass

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from farview.core.errors import InvalidInput
from farview.core.randomness import generator
from farview.evaluation.arrays import FloatArray, IntArray

Features = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

FOLDS = 4
FEWEST_ROWS = 100  # of the action, and of the control
EFFECT_ROUNDS = (0, 10, 25, 50, 100)  # trees of the effect; 0 is one effect for all
_OUTCOME_ROUNDS = 50
_OVERLAP = (0.02, 0.98)  # beyond these an estimated propensity makes single rows decide

# Small trees on large leaves: outcomes are mostly zero with a long tail. One thread: a refit gives the same bytes.
_TREES = {"tree_method": "hist", "nthread": 1, "verbosity": 0, "eta": 0.1, "max_depth": 3, "reg_lambda": 10.0}
_SMALLEST_LEAF = 0.01  # of the rows


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """n customers who got one action or the control."""

    features: Features  # (n, f) known before; NaN where unknown
    treated: BoolArray  # (n,) the action, or the control
    outcome: FloatArray  # (n,) what they brought in afterwards
    propensity: FloatArray | None  # (n,) of the action rather than the control; None: not logged, learnt from features
    group: IntArray  # (n,) customers: rows of one customer are never on both sides of a fold

    def __len__(self) -> int:
        return len(self.outcome)

    def take(self, rows: IntArray | BoolArray) -> "Trial":
        """Some of them."""
        known = None if self.propensity is None else self.propensity[rows]
        return Trial(self.features[rows], self.treated[rows], self.outcome[rows], known, self.group[rows])


@dataclass(frozen=True, slots=True, eq=False)
class EffectModel:
    """The effect of one action as a function of the features."""

    rounds: int  # of EFFECT_ROUNDS, chosen on rows left out
    average: float  # effect over all rows of the trial
    error: float  # standard error of the average, over customers
    propensity: float | xgb.Booster  # weight of the two halves below: a number where all rows had the same
    from_control: xgb.Booster | None  # effect learnt from customers without the action; None with 0 rounds
    from_treated: xgb.Booster | None  # effect learnt from those with it

    def effects(self, features: Features) -> FloatArray:
        """Outcome with the action minus outcome without it, shape (n,), in units of the outcome."""
        if self.from_control is None or self.from_treated is None:
            return np.full(len(features), self.average)
        weight = _propensities(self.propensity, features)
        return weight * foreseen(self.from_control, features) + (1 - weight) * foreseen(self.from_treated, features)


def fit_effect(trial: Trial, seed: int, called: str = "action") -> EffectModel:
    """Fits the effect of the action. Same trial and seed, same trees.

    Raises:
        InvalidInput: on `called`: fewer than FEWEST_ROWS had the action, or the control.
    """
    _check(trial, called)
    folds = customer_folds(trial.group, seed)
    seen = _nuisances(trial, folds)
    rounds = _chosen_rounds(trial, folds, seen.pseudo)
    return EffectModel(
        rounds=rounds,
        average=float(seen.pseudo.mean()),
        error=_standard_error(seen.pseudo, trial.group),
        propensity=_propensity_model(trial),
        from_control=_half(trial, seen, rounds, treated=False) if rounds else None,
        from_treated=_half(trial, seen, rounds, treated=True) if rounds else None,
    )


def fit_outcome(features: Features, outcome: FloatArray) -> xgb.Booster:
    """Trees that foresee the outcome, whatever is done."""
    return _fit(features, outcome, _OUTCOME_ROUNDS)


def foreseen(model: xgb.Booster, features: Features, rounds: int = 0) -> FloatArray:
    """What trees say, shape (n,); of the first `rounds` of them, 0 for all."""
    matrix = xgb.DMatrix(features, nthread=1)
    return np.asarray(model.predict(matrix, iteration_range=(0, rounds)), dtype=np.float64)


def customer_folds(group: IntArray, seed: int, what: str = "effect folds") -> IntArray:
    """A fold for each row, 0 to FOLDS - 1, the same for all rows of a customer."""
    _, customer = np.unique(group, return_inverse=True)
    drawn = generator(seed, what).permutation(int(customer.max()) + 1) % FOLDS
    return np.asarray(drawn[customer])


@dataclass(frozen=True, slots=True, eq=False)
class _Nuisances:
    """What models that did not see a row say of it; each (n,)."""

    control: FloatArray  # outcome foreseen without the action
    treated: FloatArray  # and with it
    propensity: FloatArray
    pseudo: FloatArray  # Kennedy's eq. (1): its mean given the features is the effect

    def imputed(self, trial: Trial) -> FloatArray:
        """Outcome seen minus the one foreseen without the action, or foreseen with it minus seen."""
        return np.where(trial.treated, trial.outcome - self.control, self.treated - trial.outcome)


def _nuisances(trial: Trial, folds: IntArray) -> _Nuisances:
    control, treated, propensity = np.empty((3, len(trial)))
    for fold in np.unique(folds):
        out, fitted = folds == fold, trial.take(folds != fold)
        for target, arm in ((control, ~fitted.treated), (treated, fitted.treated)):
            model = fit_outcome(fitted.features[arm], fitted.outcome[arm])
            target[out] = foreseen(model, trial.features[out])
        propensity[out] = _propensities(_propensity_model(fitted), trial.features[out])
    if trial.propensity is not None:
        propensity = trial.propensity
    expected = np.where(trial.treated, treated, control)
    weight = (trial.treated - propensity) / (propensity * (1 - propensity))
    return _Nuisances(control, treated, propensity, treated - control + weight * (trial.outcome - expected))


def _chosen_rounds(trial: Trial, folds: IntArray, pseudo: FloatArray) -> int:
    """Trees whose effects lie nearest to the pseudo-outcomes of rows that were left out; the fewest of equals.

    What is foreseen for the rows that are kept comes from kept rows alone: a model that had seen the outcomes left out
    would pass their noise on to the effects, and more trees would seem to foresee it.
    """
    losses = np.zeros(len(EFFECT_ROUNDS))
    for fold in range(FOLDS):
        out = folds == fold
        fitted, features = trial.take(~out), trial.features[out]
        seen = _nuisances(fitted, folds[~out])
        weight = _propensities(_propensity_model(fitted), features)
        halves = [_half(fitted, seen, EFFECT_ROUNDS[-1], treated=treated) for treated in (False, True)]
        for k, rounds in enumerate(EFFECT_ROUNDS):
            control, treated = (foreseen(half, features, rounds) for half in halves)
            effect = weight * control + (1 - weight) * treated if rounds else seen.pseudo.mean()
            losses[k] += ((pseudo[out] - effect) ** 2).sum()
    return EFFECT_ROUNDS[int(np.argmin(losses))]


def _half(trial: Trial, seen: _Nuisances, rounds: int, *, treated: bool) -> xgb.Booster:
    arm = trial.treated == treated
    return _fit(trial.features[arm], seen.imputed(trial)[arm], rounds)


def _propensity_model(trial: Trial) -> float | xgb.Booster:
    """How likely the action is: one number where it was logged and the same for all, else trees."""
    if trial.propensity is not None and np.ptp(trial.propensity) < 1e-9:
        return float(trial.propensity[0])
    target = trial.treated.astype(np.float64) if trial.propensity is None else trial.propensity
    return _fit(trial.features, target, _OUTCOME_ROUNDS)


def _propensities(model: float | xgb.Booster, features: Features) -> FloatArray:
    if isinstance(model, float):
        return np.full(len(features), model)
    return np.clip(foreseen(model, features), *_OVERLAP)


def _fit(features: Features, target: FloatArray, rounds: int) -> xgb.Booster:
    leaf = max(10.0, _SMALLEST_LEAF * len(target))
    matrix = xgb.DMatrix(features, target, nthread=1)
    return xgb.train({**_TREES, "min_child_weight": leaf, "base_score": float(target.mean())}, matrix, rounds)


def _standard_error(values: FloatArray, group: IntArray) -> float:
    """Of their mean. Rows of one customer may go together, so customers are what there are many of.

    Source: Liang, Zeger (1986), Biometrika 73(1), eq. (5), for a mean; with a row each it is the usual one.
    """
    sums = np.bincount(np.unique(group, return_inverse=True)[1], values - values.mean())
    return float(np.sqrt((sums**2).sum() * len(sums) / max(len(sums) - 1, 1)) / len(values))


def _check(trial: Trial, called: str) -> None:
    with_it = int(trial.treated.sum())
    without = len(trial) - with_it
    if min(with_it, without) < FEWEST_ROWS:
        problem = f"{with_it:,} customers had it and {without:,} the control; at least {FEWEST_ROWS} each"
        raise InvalidInput.of(called, problem)
