"""Logs of actions whose effects are known."""

import numpy as np

from ranking.effects import ActionLog


def true_effect(features: np.ndarray) -> np.ndarray:
    """5 for half of the customers, -1 for the others, shape (n,)."""
    return np.where(features[:, 0] > 0, 5.0, -1.0)


def action_log(seed: int, rows: int = 2_000, *, varies: bool = True, confounded: bool = False) -> ActionLog:
    """One action and the control; outcomes also depend on the second feature, as who gets the action may."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, 3)).astype(np.float32)
    chance = 1 / (1 + np.exp(-1.5 * features[:, 1])) if confounded else np.full(rows, 0.4)
    chance = np.clip(chance, 0.1, 0.9).astype(np.float64)
    treated = rng.random(rows) < chance
    effect = true_effect(features) if varies else np.full(rows, 2.0)
    outcome = 3.0 * features[:, 1] + effect * treated + rng.normal(0, 2, rows)
    return ActionLog(
        features=features,
        action=treated.astype(np.int64),
        outcome=outcome.astype(np.float64),
        propensity=np.where(treated, chance, 1 - chance),
        group=np.arange(rows),
        names=("none", "email"),
    )


def three_actions(seed: int, rows: int = 1_500) -> ActionLog:
    """None, a call that adds 1 and an email that adds 4 where the first feature is above 0; drawn .5, .2, .3."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, 2)).astype(np.float32)
    action = rng.choice(3, rows, p=[0.5, 0.2, 0.3])
    outcome = np.where(action == 1, 1.0, 0.0) + np.where((action == 2) & (features[:, 0] > 0), 4.0, 0.0)
    propensity = np.array([0.5, 0.2, 0.3])[action]
    return ActionLog(
        features, action, outcome + rng.normal(size=rows), propensity, np.arange(rows), ("none", "call", "email")
    )
