"""Whom to contact: customers ordered by what an action changes, by what they will bring, by what they brought."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.uplift import SHARES, Actions, Curves, plan_curves, within_folds
from ranking.effects import ActionLog, HeldOut, fit_effects, held_out, learnt_propensities

RESAMPLES = 500
READ_AT = (0.1, 0.2, 0.3, 0.4, 0.5)  # shares contacted that are told
TREATMENT_EFFECT, EXPECTED_VALUE, SPEND_HISTORY, NO_ORDER = (
    "treatment_effect",
    "expected_value",
    "spend_history",
    "no_order",
)
LOGGED, SHARE_OF_ARMS, LEARNT = "logged", "share of arms", "learnt from the features"
_EVIDENCE = {LOGGED: "randomised", SHARE_OF_ARMS: "randomised, as assumed", LEARNT: "observational"}
RULE = "largest area under the uplift curve; a winner only when it is above no_order by more than chance (95 %)"


@dataclass(frozen=True, slots=True)
class UpliftSpec:
    """What is asked."""

    propensity: str = LOGGED  # LOGGED, SHARE_OF_ARMS or LEARNT
    contact_cost: float = 0.0  # of one contact, in units of the outcome
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class UpliftEvaluation:
    """What was found: the report, and the curves of every order for pictures."""

    report: dict[str, Any]
    curves: Mapping[str, Curves]


def evaluate_uplift(log: ActionLog, history: FloatArray | None, spec: UpliftSpec) -> UpliftEvaluation:
    """Judges the orders on customers whom no model saw.

    Args:
        log: of decisions; its propensities are looked at only where the spec says they were logged.
        history: past spend, shape (n,); None: not known, and left out.
        spec: what is asked.

    Raises:
        InvalidInput: an action, or the control, was taken too seldom.
    """
    if len(log.names) < 2:
        raise InvalidInput.of("--action-column", f"holds nothing but {log.names[0]!r}; an action and a control")
    known, taken = _propensities(log, spec)
    foreseen = held_out(known, spec.seed)
    actions = Actions(log.action, taken, log.outcome - spec.contact_cost * (log.action > 0), customer=log.group)
    plans = _plans(log, foreseen, history, spec)
    curves = plan_curves(actions, plans, resamples=RESAMPLES, seed=spec.seed)
    scores = {name: _figures(curve, curves[NO_ORDER]) for name, curve in curves.items()}
    report = {
        "protocol": _protocol(log, spec, foreseen),
        "actions": _actions(known, foreseen, actions, spec),
        "scores": scores,
        "winner": _winner(scores),
    }
    return UpliftEvaluation(report, curves)


def _propensities(log: ActionLog, spec: UpliftSpec) -> tuple[ActionLog, FloatArray]:
    """The log as models are to see it, and the probability of what was done to each customer."""
    if spec.propensity == LEARNT:
        taken = learnt_propensities(log, spec.seed)
        return replace(log, propensity=None), taken
    if log.propensity is None or spec.propensity == SHARE_OF_ARMS:
        taken = (np.bincount(log.action, minlength=len(log.names)) / len(log))[log.action]
        return replace(log, propensity=taken), taken
    return log, log.propensity


def _plans(
    log: ActionLog, foreseen: HeldOut, history: FloatArray | None, spec: UpliftSpec
) -> dict[str, tuple[FloatArray, IntArray]]:
    """A score and an action for each customer. Only the effect chooses an action for each; the others take the best."""
    net = foreseen.effects - spec.contact_cost
    orders = {
        TREATMENT_EFFECT: (net.max(axis=1), 1 + np.argmax(net, axis=1)),
        EXPECTED_VALUE: (foreseen.outcome, foreseen.best),
    }
    if history is not None:
        orders[SPEND_HISTORY] = (history, foreseen.best)
    orders[NO_ORDER] = (np.zeros(len(log)), foreseen.best)
    return {name: (within_folds(score, foreseen.fold), action) for name, (score, action) in orders.items()}


def _figures(curve: Curves, baseline: Curves) -> dict[str, Any]:
    effect, value = curve.effect, curve.value
    at = [int(np.flatnonzero(np.isclose(share, SHARES))[0]) for share in READ_AT]
    return {
        "auuc": _interval(curve.auuc()),
        "auuc_above_no_order": _interval(curve.auuc() - baseline.auuc()),
        "qini": _interval(curve.qini),
        "first": [
            {
                "share": share,
                "effect": _interval(effect[:, k]),
                "value": _interval(value[:, k]),
                "value_above_no_order": _interval(value[:, k] - baseline.value[:, k]),
            }
            for share, k in zip(READ_AT, at, strict=True)
        ],
    }


def _interval(drawn: FloatArray) -> dict[str, float | None]:
    """The figure on the customers as they are, and its 95 % interval over resamples; null where it is undefined."""
    resampled = drawn[1:][np.isfinite(drawn[1:])]
    if not np.isfinite(drawn[0]) or len(resampled) < 2:
        return {"estimate": None, "lower": None, "upper": None}
    lower, upper = np.quantile(resampled, [0.025, 0.975])
    return {"estimate": float(drawn[0]), "lower": float(lower), "upper": float(upper)}


def _actions(log: ActionLog, foreseen: HeldOut, actions: Actions, spec: UpliftSpec) -> dict[str, Any]:
    """What each action changes on average, and what its own effects order by themselves."""
    fitted = fit_effects(log, (), spec.seed)
    told: dict[str, Any] = {}
    for number, (name, model) in enumerate(zip(fitted.names, fitted.models, strict=True), start=1):
        two = np.flatnonzero((log.action == 0) | (log.action == number))
        pair = Actions(actions.action[two], actions.propensity[two], actions.outcome[two], customer=log.group[two])
        order = within_folds(foreseen.effects[two, number - 1], foreseen.fold[two]), np.full(len(two), number)
        curve = plan_curves(pair, {name: order}, resamples=RESAMPLES, seed=spec.seed)[name]
        told[name] = {
            "customers": int((log.action == number).sum()),
            "average_effect": {
                "estimate": model.average,
                "lower": model.average - 1.96 * model.error,
                "upper": model.average + 1.96 * model.error,
            },
            "trees": model.rounds,
            "auuc": _interval(curve.auuc()),
            "qini": _interval(curve.qini),
        }
    return told


def _winner(scores: Mapping[str, Mapping[str, Any]]) -> str | None:
    """By RULE; None where nothing beats no order."""
    ahead = {name: figures["auuc_above_no_order"] for name, figures in scores.items() if name != NO_ORDER}
    clear = {name: gap["estimate"] for name, gap in ahead.items() if gap["lower"] is not None and gap["lower"] > 0}
    return max(clear, key=lambda name: clear[name]) if clear else None


def _protocol(log: ActionLog, spec: UpliftSpec, foreseen: HeldOut) -> dict[str, Any]:
    return {
        "rows": len(log),
        "customers": len(np.unique(log.group)),
        "control": log.names[0],
        "control_rows": int((log.action == 0).sum()),
        "propensity": spec.propensity,
        "evidence": _EVIDENCE[spec.propensity],
        "contact_cost": spec.contact_cost,
        "folds": int(foreseen.fold.max()) + 1,
        "rule": RULE,
        "interval": f"95 % paired bootstrap over customers, {RESAMPLES} resamples; models are not fitted anew",
        "seed": spec.seed,
    }
