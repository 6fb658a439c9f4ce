"""Orders customers for a limited number of contacts; the front door of prioritization. Arrays in, audience out."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farview.core.errors import Infeasible, InvalidInput
from ranking.contenders import rank_contenders
from ranking.floors import BoolArray, Guarantee, IntArray, check_guarantees, due_slots, obstacles, placements_owed
from ranking.scores import FloatArray
from ranking.slots import Filled, fill


class OnShortfall(StrEnum):
    """What to do with a request whose floors cannot all be met."""

    REFUSE = "refuse"  # raise Infeasible, naming what stands in the way
    REPORT = "report"  # place what can be placed, earliest due first, and report what is missing


@dataclass(frozen=True, slots=True)
class FloorReport:
    """How one guarantee fared. Slots count from 1; values are in units of the score."""

    name: str
    share: float
    owed: int  # floor(share x slots)
    eligible: int  # candidates of the cohort
    placed: int  # for whatever reason
    shortfall: int  # most placements missing at any prefix; 0 when the floor holds
    first_short_slot: int | None  # first prefix with one missing
    value_cost: float  # total score of the list made without this guarantee minus this list's


@dataclass(frozen=True, slots=True)
class Audience:
    """The chosen customers in order. Row i of every array is slot i + 1."""

    ids: NDArray[Any]  # (slots,)
    candidates: IntArray  # (slots,) the customer's place among the candidates handed in
    scores: FloatArray  # (slots,)
    guaranteed: BoolArray  # (slots,) reason: True "guarantee" (a better-scored customer was passed over), False "score"
    owed_to: BoolArray  # (slots, guarantees) whose due placement took the slot; all False where the score decided
    counts_for: BoolArray  # (slots, guarantees) cohorts the customer belongs to
    floors: tuple[FloorReport, ...]
    obstacles: tuple[str, ...]  # why the floors could not all be promised; empty when feasible
    seed: int  # of the order among equal scores


def prioritize(
    ids: NDArray[Any],
    scores: FloatArray,
    capacity: int,
    guarantees: Sequence[Guarantee] = (),
    *,
    on_shortfall: OnShortfall = OnShortfall.REFUSE,
    seed: int = 0,
) -> Audience:
    """The best `capacity` candidates in order of score, bent only where a floor needs a slot.

    Args:
        ids: shape (candidates,), distinct strings; one that stands twice is refused where it could get a slot.
        scores: shape (candidates,), finite; higher is better. Ties are broken at random from (seed, id).
        capacity: slots to fill, at least 1; with fewer candidates the list is as long as there are candidates, and
            floors are promised for that length.
        guarantees: floors that hold at every prefix of the list.

    Raises:
        InvalidInput: `capacity`, `scores`, `ids`, `guarantees[i].share`, `.name` or `.members` is wrong.
        Infeasible: the floors cannot all be promised and `on_shortfall` is REFUSE.

    Source: the due-slot rule, docs/exposure-guarantees.md. The result does not depend on the candidates' order.
    """
    _check(ids, scores, capacity)
    check_guarantees(guarantees, len(ids))
    slots = min(capacity, len(ids))
    hindrances = obstacles(guarantees, slots)
    if hindrances and on_shortfall is OnShortfall.REFUSE:
        raise Infeasible("guarantees cannot all be kept: " + "; ".join(hindrances))

    contenders = rank_contenders(ids, scores, slots, guarantees, seed)
    members = np.stack([g.members[contenders] for g in guarantees], axis=1) if guarantees else _no_cohorts(contenders)
    due = [due_slots(g.share, slots)[: np.count_nonzero(g.members)] for g in guarantees]
    filled = fill(slots, members, due)
    chosen = contenders[filled.chosen]
    return Audience(
        ids=ids[chosen],
        candidates=chosen,
        scores=scores[chosen],
        guaranteed=filled.forced,
        owed_to=filled.owed_to,
        counts_for=members[filled.chosen],
        floors=tuple(
            _report(guarantee, members[filled.chosen, j], _cost(scores[contenders], members, due, filled, j))
            for j, guarantee in enumerate(guarantees)
        ),
        obstacles=hindrances,
        seed=seed,
    )


def warm() -> None:
    """Compiles the kernels, or loads them from their cache, so that no caller waits for it."""
    prioritize(np.array(["anyone"]), np.zeros(1), 1, [Guarantee("any", 1.0, np.ones(1, dtype=np.bool_))])


def _check(ids: NDArray[Any], scores: FloatArray, capacity: int) -> None:
    if capacity < 1:
        raise InvalidInput.of("capacity", f"{capacity} is not a number of slots; at least 1")
    if ids.ndim != 1 or ids.shape != scores.shape:
        raise InvalidInput.of("scores", f"of shape {scores.shape} for ids of shape {ids.shape}; one score a candidate")
    if not np.isfinite(scores).all():
        first = ids[np.argmin(np.isfinite(scores))]
        raise InvalidInput.of("scores", f"the score of {first!r} is not a finite number")


def _no_cohorts(contenders: IntArray) -> BoolArray:
    return np.empty((len(contenders), 0), dtype=np.bool_)


def _cost(scores: FloatArray, members: BoolArray, due: list[IntArray], filled: Filled, j: int) -> float:
    """Total score of the list made without guarantee j, minus this list's."""
    without = fill(len(filled.chosen), np.delete(members, j, axis=1), due[:j] + due[j + 1 :])
    return float(scores[without.chosen].sum() - scores[filled.chosen].sum())


def _report(guarantee: Guarantee, belongs: BoolArray, cost: float) -> FloorReport:
    """Counts a finished list against its promise, prefix by prefix.

    Args:
        belongs: shape (slots,), which customers of the list are in the cohort.
    """
    slots = len(belongs)
    owed = np.searchsorted(due_slots(guarantee.share, slots), np.arange(1, slots + 1), side="right")
    missing = owed - np.cumsum(belongs)
    short = np.flatnonzero(missing > 0)
    return FloorReport(
        name=guarantee.name,
        share=guarantee.share,
        owed=placements_owed(guarantee.share, slots),
        eligible=int(np.count_nonzero(guarantee.members)),
        placed=int(np.count_nonzero(belongs)),
        shortfall=int(missing[short].max(initial=0)),
        first_short_slot=int(short[0]) + 1 if len(short) else None,
        value_cost=cost,
    )
