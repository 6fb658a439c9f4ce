"""How well an order of customers spends contacts: uplift curves from logged actions, with paired bootstrap intervals.

A plan orders customers and names an action for each. Its first customers are compared by what they really got: those
who got the planned action against those who got none, each weighted by one over the probability of what they got.

Sources: Radcliffe (2007), "Using control groups to target on predicted lift" (Qini); Gutierrez, Gerardy (2017), "Causal
inference and uplift modelling", PMLR 67, section 4 (area under the uplift curve).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farview.core.randomness import generator
from farview.evaluation.arrays import FloatArray, IntArray

BoolArray = NDArray[np.bool_]

STEPS = 100
SHARES = np.arange(1, STEPS + 1) / STEPS
"""Shares of customers at which curves are read."""


@dataclass(frozen=True, slots=True, eq=False)
class Actions:
    """What n customers got, and what came of it."""

    action: IntArray  # (n,) number of the action; `control` is no action
    propensity: FloatArray  # (n,) probability of the action that was taken, in (0, 1]
    outcome: FloatArray  # (n,)
    control: int = 0
    customer: IntArray | None = None  # (n,) whose row it is; None: each of another


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Figures of one plan by share contacted, on the customers as they are (row 0) and on resamples (rows 1 ...)."""

    effect: (
        FloatArray  # (1 + resamples, STEPS) outcome of the first ones contacted minus not contacted, a customer; NaN
    )
    value: FloatArray  # (1 + resamples, STEPS) outcome a customer of all when only the first are contacted; or NaN
    qini: FloatArray  # (1 + resamples,) area between the curve of added outcome and the straight line of a random order

    def auuc(self) -> FloatArray:
        """Area under the curve of outcome added a customer of all, shape (1 + resamples,); a random order has half of
        what contacting everybody adds."""
        return np.nanmean(self.effect * SHARES, axis=1)


def plan_curves(
    actions: Actions, plans: Mapping[str, tuple[FloatArray, IntArray]], *, resamples: int, seed: int
) -> dict[str, Curves]:
    """The curves of every plan on the same resamples of customers.

    Args:
        actions: what was done.
        plans: by name, a score (n,), the highest contacted first, equal scores in a random order; and the number of the
            action that a customer would get (n,).
        resamples: of customers, with replacement; all rows of a customer come and go together.
        seed: of the resamples.
    """
    n = len(actions.outcome)
    whose = np.arange(n) if actions.customer is None else np.unique(actions.customer, return_inverse=True)[1]
    customers = int(whose.max()) + 1
    rng = generator(seed, "paired bootstrap")
    ordered = {name: _Ordered.of(actions, score, planned) for name, (score, planned) in plans.items()}
    found: dict[str, list[tuple[FloatArray, FloatArray, float]]] = {name: [] for name in plans}
    for k in range(1 + resamples):
        drawn = np.arange(customers) if k == 0 else rng.integers(0, customers, customers)
        counts = np.bincount(drawn, minlength=customers)[whose]
        for name, plan in ordered.items():
            found[name].append(plan.read(counts))
    return {name: Curves(*(np.array(part) for part in zip(*rows, strict=True))) for name, rows in found.items()}


def within_folds(score: FloatArray, fold: IntArray) -> FloatArray:
    """The score's rank within its fold, in (0, 1), equal scores sharing their mean.

    Models of different folds are on different levels: a model that did not see a fold where the effect is large by
    chance foresees less for all of it, so that scores of several folds must not be compared.
    """
    ranks = np.empty(len(score))
    for one in np.unique(fold):
        rows = np.flatnonzero(fold == one)
        _, place, count = np.unique(score[rows], return_inverse=True, return_counts=True)
        middle = np.cumsum(count) - count / 2
        ranks[rows] = middle[place] / len(rows)
    return ranks


@dataclass(frozen=True, slots=True, eq=False)
class _Ordered:
    """Rows by descending score, cut where the score changes."""

    order: IntArray  # (n,)
    starts: IntArray  # (groups,) first row of each group of equal scores
    sums: FloatArray  # (n, 5) in that order: 1, weight and weighted outcome under the plan, the same of the control

    @classmethod
    def of(cls, actions: Actions, score: FloatArray, planned: IntArray) -> "_Ordered":
        order = np.argsort(-score, kind="stable")
        by_score = score[order]
        starts = np.flatnonzero(np.concatenate([[True], by_score[1:] != by_score[:-1]]))
        matched = np.where(actions.action == planned, 1 / actions.propensity, 0.0)
        without = np.where(actions.action == actions.control, 1 / actions.propensity, 0.0)
        y = actions.outcome
        sums = np.column_stack([np.ones(len(y)), matched, matched * y, without, without * y])
        return cls(order, starts, sums[order])

    def read(self, counts: IntArray) -> tuple[FloatArray, FloatArray, float]:
        """Effect, value and Qini of a resample, rows standing in it so many times, shape (n,)."""
        groups = np.add.reduceat(self.sums * counts[self.order, None], self.starts, axis=0)
        total = np.concatenate([np.zeros((1, 5)), np.cumsum(groups, axis=0)])
        share = total[:, 0] / total[-1, 0]
        first = np.column_stack([np.interp(SHARES, share, column) for column in total.T])
        rest = total[-1] - first
        with np.errstate(divide="ignore", invalid="ignore"):
            contacted, alone = first[:, 2] / first[:, 1], first[:, 4] / first[:, 3]
            others = np.where(SHARES < 1, rest[:, 4] / rest[:, 3], 0.0)
        value = SHARES * contacted + (1 - SHARES) * others
        added = (first[:, 2] - first[:, 4]) / total[-1, 0]
        qini = float((added - SHARES * added[-1]).mean())
        return contacted - alone, value, qini
