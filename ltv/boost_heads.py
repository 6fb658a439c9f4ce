"""One head of the boosted model: trees added to a margin, as many as customers held out are better forecast with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from ltv import boost_losses
from ltv.boost_inputs import INPUTS, LEAST, RISING_SPEND
from ltv.boost_losses import MORE, RETURNED, SOME, SPEND, Loss
from ltv.boost_rows import FOLDS, TargetRows

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

MOST_ROUNDS = 120
PATIENCE = 10  # rounds without a better held-out loss
LEVEL_CUSTOMERS = 100  # a block, that count as having said 0
WIDEST_SHIFT = 30.0
FEWEST_ROWS = 50  # with a target of their own; fewer teach no tree
PARAMETERS: dict[str, Any] = {
    "tree_method": "hist",
    "nthread": 1,
    "max_depth": 3,
    "eta": 0.06,
    "min_child_weight": 10.0,
    "lambda": 10.0,
    "subsample": 0.8,
    "colsample_bytree": 0.6,
    "base_score": 0.0,
    "disable_default_eval_metric": True,
}
"""Shallow and slow on purpose: gains on held-out customers hardly depend on these, harm from more does."""


@dataclass(frozen=True, slots=True)
class Head:
    """Trees of one head and how they were chosen."""

    trees: bytes  # UBJSON of an xgboost Booster; empty without trees
    rounds: int
    loss_without: float  # mean over held-out rows, of the margin alone
    loss: float  # the same with the trees; not above loss_without


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    inputs: FloatArray
    target: FloatArray
    margin: FloatArray
    fold: IntArray

    def take(self, chosen: BoolArray) -> "_Rows":
        return _Rows(self.inputs[chosen], self.target[chosen], self.margin[chosen], self.fold[chosen])


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a head learns from which rows."""

    loss: Loss
    rows: Callable[[TargetRows], BoolArray]
    target: Callable[[TargetRows], FloatArray]
    margin: Callable[[TargetRows], FloatArray]
    rising: frozenset[str]


def _everybody(rows: TargetRows) -> BoolArray:
    return np.ones(len(rows.purchases), dtype=np.bool_)


def _bought(rows: TargetRows) -> FloatArray:
    return np.where(rows.purchases > 0, 1.0, 0.0)


_KINDS = {
    SOME: _Kind(
        boost_losses.some,
        _everybody,
        _bought,
        lambda r: np.log(r.hazard),
        frozenset(),
    ),
    MORE: _Kind(
        boost_losses.count,
        lambda r: r.purchases > 0,
        lambda r: r.purchases - 1.0,
        lambda r: np.log(r.more),
        frozenset(),
    ),
    SPEND: _Kind(
        boost_losses.amount,
        lambda r: r.gross_value > 0,
        lambda r: r.gross_value,
        lambda r: np.log(r.spend),
        RISING_SPEND,
    ),
    RETURNED: _Kind(
        boost_losses.count,
        lambda r: r.gross_value > 0,
        lambda r: r.returned,
        lambda r: np.log(np.maximum(r.gross_value, LEAST)),
        frozenset(),
    ),
}


def fit_head(name: str, blocks: Sequence[TargetRows], seed: int) -> Head:
    """Trees of one head.

    The number of rounds is that with the least loss on customers left out, none if none is better than the margin.

    Args:
        name: SOME, MORE, SPEND or RETURNED.
        blocks: rows of each origin and target; amounts of RETURNED in units of the model's money.
        seed: of the rows and inputs that each tree sees.
    """
    kind = _KINDS[name]
    if not blocks:
        return Head(b"", 0, 0.0, 0.0)
    rows = _stacked(name, blocks)
    if int((rows.target > 0).sum()) < FEWEST_ROWS:
        return Head(b"", 0, 0.0, 0.0)
    rounds, without, best = _rounds(kind, rows, seed)
    if rounds == 0:
        return Head(b"", 0, without, without)
    booster, data = _booster(kind, rows, seed, ())
    for k in range(rounds):
        booster.update(data, k, _objective(kind.loss))
    return Head(bytes(booster.save_raw("ubj")), rounds, without, best)


def level(name: str, margin: FloatArray, total: float) -> float:
    """What is added to every margin so that the expected targets add up to a total; 0 where nothing can.

    Training rows are levelled at each origin and target: what all customers share teaches nothing about who differs
    from whom.
    """
    if name == SOME:
        return level_of_chances(np.exp(margin), np.ones(len(margin)), total)
    expected = float(np.exp(margin).sum())
    return float(np.log(total / expected)) if total > 0 and expected > 0 else 0.0


def level_of_chances(hazard: FloatArray, worth: FloatArray, total: float) -> float:
    """The shift of all log hazards with which sum of worth (1 - exp(-hazard)) is a total; 0 where none does."""
    if not 0.0 < total < float(worth.sum()):
        return 0.0

    def excess(shift: float) -> float:
        return float(-(worth * np.expm1(-hazard * np.exp(shift))).sum() - total)

    if excess(-WIDEST_SHIFT) > 0.0 or excess(WIDEST_SHIFT) < 0.0:
        return 0.0
    return float(brentq(excess, -WIDEST_SHIFT, WIDEST_SHIFT, xtol=1e-12))


def learnt_level(name: str, blocks: Sequence[TargetRows]) -> float:
    """Mean of a head's levels over blocks, drawn towards 0 where few customers speak."""
    kind, levels, spoke = _KINDS[name], [], 0
    for block in blocks:
        chosen = kind.rows(block)
        target = kind.target(block)[chosen]
        levels.append(level(name, kind.margin(block)[chosen], float(target.sum())))
        spoke += int((target > 0).sum())
    return float(np.mean(levels)) * spoke / (spoke + len(blocks) * LEVEL_CUSTOMERS)


def _stacked(name: str, blocks: Sequence[TargetRows]) -> _Rows:
    parts, kind = [], _KINDS[name]
    for block in blocks:
        chosen = kind.rows(block)
        margin, target = kind.margin(block)[chosen], kind.target(block)[chosen]
        parts.append(
            _Rows(block.inputs[chosen], target, margin + level(name, margin, float(target.sum())), block.fold[chosen])
        )
    return _Rows(
        *(np.concatenate([getattr(part, field) for part in parts]) for field in ("inputs", "target", "margin", "fold"))
    )


def _rounds(kind: _Kind, rows: _Rows, seed: int) -> tuple[int, float, float]:
    """The best number of rounds, the held-out loss without trees, and with them."""
    import xgboost

    folds = []
    for fold in range(FOLDS):
        held = rows.take(rows.fold == fold)
        data = xgboost.DMatrix(held.inputs, base_margin=held.margin)
        folds.append((*_booster(kind, rows.take(rows.fold != fold), seed, (data,)), data, held))
    without = best = sum(float(kind.loss(held.margin, held.target)[0].sum()) for *_, held in folds)
    chosen = 0
    for k in range(MOST_ROUNDS):
        loss = 0.0
        for booster, train, data, held in folds:
            booster.update(train, k, _objective(kind.loss))
            margin = booster.predict(data, output_margin=True).astype(np.float64)
            loss += float(kind.loss(margin, held.target)[0].sum())
        if loss < best:
            chosen, best = k + 1, loss
        elif k + 1 - chosen >= PATIENCE:
            break
    return chosen, without / len(rows.target), best / len(rows.target)


def _booster(kind: _Kind, rows: _Rows, seed: int, cache: Sequence[Any]) -> tuple[Any, Any]:
    import xgboost

    data = xgboost.DMatrix(rows.inputs, rows.target, base_margin=rows.margin)
    rising = "(" + ",".join("1" if name in kind.rising else "0" for name in INPUTS) + ")"
    return xgboost.Booster({**PARAMETERS, "seed": seed % 2**31, "monotone_constraints": rising}, [data, *cache]), data


def _objective(loss: Loss) -> Callable[[FloatArray, Any], tuple[FloatArray, FloatArray]]:
    def slopes(margin: FloatArray, data: Any) -> tuple[FloatArray, FloatArray]:
        _, slope, curvature = loss(np.asarray(margin, dtype=np.float64), data.get_label().astype(np.float64))
        return slope, curvature

    return slopes
