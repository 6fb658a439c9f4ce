"""What each of several actions changes for a customer, learnt from a log of actions; the front door of uplift."""

import json
from dataclasses import dataclass

import numpy as np
import xgboost as xgb
from safetensors.numpy import load, save

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray, IntArray
from farview.features.journey_context import ContextEncoding
from ranking.effect_model import (
    FOLDS,
    EffectModel,
    Features,
    Trial,
    customer_folds,
    fit_effect,
    fit_outcome,
    foreseen,
)

FORMAT = "farview-effects-1"
NO_ATTRIBUTES = ContextEncoding()


@dataclass(frozen=True, slots=True, eq=False)
class ActionLog:
    """n decisions: what was known, what was done, what came of it."""

    features: Features  # (n, f)
    action: IntArray  # (n,) number among `names`
    outcome: FloatArray  # (n,)
    propensity: FloatArray | None  # (n,) probability of the action that was taken; None: not logged
    group: IntArray  # (n,) customers
    names: tuple[str, ...]  # of the actions; the first is the control

    def __len__(self) -> int:
        return len(self.outcome)

    def take(self, rows: IntArray) -> "ActionLog":
        """Some decisions."""
        known = None if self.propensity is None else self.propensity[rows]
        return ActionLog(
            self.features[rows], self.action[rows], self.outcome[rows], known, self.group[rows], self.names
        )

    def trial(self, action: int) -> Trial:
        """The decisions for an action and for the control.

        The trial's propensity is of the action among the two. Of the other one, which was not taken, the log says
        nothing: what it says of rows that took it is carried over, by trees where it differs between them.
        """
        rows = np.flatnonzero((self.action == action) | (self.action == 0))
        treated, features = self.action[rows] == action, self.features[rows]
        known = None
        if self.propensity is not None:
            logged = self.propensity[rows]
            with_it, without = (_everywhere(features, logged, arm) for arm in (treated, ~treated))
            known = with_it / (with_it + without)
        return Trial(features, treated, self.outcome[rows], known, self.group[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """The effects of every action."""

    models: tuple[EffectModel, ...]  # in the order of the names
    names: tuple[str, ...]  # of the actions but the control
    control: str
    features: tuple[str, ...]  # names of the columns
    encoding: ContextEncoding = NO_ATTRIBUTES  # of customers' attributes among the features

    def effects(self, features: Features) -> FloatArray:
        """Shape (n, actions): outcome with the action minus outcome without any."""
        return np.column_stack([model.effects(features) for model in self.models])

    def to_artifact(self) -> bytes:
        """Safetensors: trees as UBJSON bytes, the rest as JSON beside them."""
        tensors: dict[str, np.ndarray] = {}
        described = []
        for number, model in enumerate(self.models):
            trees = {"propensity": model.propensity, "control": model.from_control, "treated": model.from_treated}
            for name, booster in trees.items():
                if isinstance(booster, xgb.Booster):
                    tensors[f"{number}/{name}"] = np.frombuffer(booster.save_raw("ubj"), dtype=np.uint8)
            fixed = model.propensity if isinstance(model.propensity, float) else None
            described.append(
                {"rounds": model.rounds, "average": model.average, "error": model.error, "propensity": fixed}
            )
        about = {
            "names": self.names,
            "control": self.control,
            "features": self.features,
            "models": described,
            "encoding": self.encoding.as_data(),
            "format": FORMAT,
        }
        tensors["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
        return save(tensors)

    @classmethod
    def from_artifact(cls, artifact: bytes) -> "Effects":
        """Reads what `to_artifact` wrote.

        Raises:
            InvalidInput: it is something else.
        """
        tensors = load(artifact)
        about = json.loads(tensors["about"].tobytes()) if "about" in tensors else {}
        if about.get("format") != FORMAT:
            raise InvalidInput.of("artifact", f"is not of format {FORMAT} (train the model again)")
        models = []
        for number, model in enumerate(about["models"]):
            trees = {name: _booster(tensors, f"{number}/{name}") for name in ("propensity", "control", "treated")}
            propensity = trees["propensity"] if model["propensity"] is None else float(model["propensity"])
            assert propensity is not None
            models.append(
                EffectModel(
                    model["rounds"], model["average"], model["error"], propensity, trees["control"], trees["treated"]
                )
            )
        encoding = ContextEncoding.from_data(about["encoding"])
        return cls(tuple(models), tuple(about["names"]), about["control"], tuple(about["features"]), encoding)


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """What models foresee of rows whose customers they did not see."""

    effects: FloatArray  # (n, actions)
    outcome: FloatArray  # (n,) whatever is done
    best: IntArray  # (n,) the action, from 1, that is best on average by the models of the row's fold
    fold: IntArray  # (n,)


def fit_effects(
    log: ActionLog, columns: tuple[str, ...], seed: int, encoding: ContextEncoding = NO_ATTRIBUTES
) -> Effects:
    """A model for each action.

    Raises:
        InvalidInput: an action, or the control, was taken too seldom.
    """
    models = [fit_effect(log.trial(k), seed, f"action {log.names[k]!r}") for k in range(1, len(log.names))]
    return Effects(tuple(models), log.names[1:], log.names[0], columns, encoding)


def held_out(log: ActionLog, seed: int) -> HeldOut:
    """Fits as often as there are folds, each time without one. Raises as `fit_effects`."""
    fold = customer_folds(log.group, seed, "effect evaluation")
    effects = np.empty((len(log), len(log.names) - 1))
    outcome, best = np.empty(len(log)), np.empty(len(log), dtype=np.int64)
    for number in range(FOLDS):
        out, kept = np.flatnonzero(fold == number), log.take(np.flatnonzero(fold != number))
        fitted = fit_effects(kept, (), seed)
        effects[out] = fitted.effects(log.features[out])
        outcome[out] = foreseen(fit_outcome(kept.features, kept.outcome), log.features[out])
        best[out] = 1 + int(np.argmax([model.average for model in fitted.models]))
    return HeldOut(effects, outcome, best, fold)


def learnt_propensities(log: ActionLog, seed: int) -> FloatArray:
    """Probability of the action that was taken, by trees that saw no row of its customer, shape (n,).

    They stand in where nothing was logged; they are right only when the features hold all that decided.
    """
    fold = customer_folds(log.group, seed, "effect evaluation")
    chances = np.empty((len(log), len(log.names)))
    for number in range(FOLDS):
        out, kept = fold == number, fold != number
        for action in range(len(log.names)):
            taken = (log.action[kept] == action).astype(np.float64)
            chances[out, action] = foreseen(fit_outcome(log.features[kept], taken), log.features[out])
    chances = np.maximum(chances, _LEAST)
    taken_by = chances[np.arange(len(log)), log.action]
    return np.asarray(taken_by / chances.sum(axis=1))


_LEAST = 0.02


def _everywhere(features: Features, logged: FloatArray, arm: np.ndarray) -> FloatArray:
    """The propensity of an arm for all rows, shape (n,), as logged for those who got it."""
    if not arm.any() or np.ptp(logged[arm]) < 1e-9:
        return np.full(len(logged), logged[arm].mean() if arm.any() else np.nan)
    learnt = np.clip(foreseen(fit_outcome(features[arm], logged[arm]), features), _LEAST, 1.0)
    return np.where(arm, logged, learnt)


def _booster(tensors: dict[str, np.ndarray], name: str) -> xgb.Booster | None:
    if name not in tensors:
        return None
    return xgb.Booster(model_file=bytearray(tensors[name].tobytes()))
