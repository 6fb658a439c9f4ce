"""Orders customers for a limited number of contacts; the front door of prioritization. Arrays in, audience out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farview.core.columns import QUANTILE_LEVELS
from farview.core.errors import Infeasible, InvalidInput
from farview.core.quantile_grid import LEVELS
from ranking import expected_value_law, outcome_kernels
from ranking.attention import AttentionDebts, Kept, logarithmic
from ranking.contenders import Barred, Contest
from ranking.floors import BoolArray, Guarantee, IntArray, check_guarantees, obstacles, overbooked
from ranking.scores import FloatArray
from ranking.slots import LOOK_AHEAD, Debts, Filled, debts


class OnShortfall(StrEnum):
    """What to do with a request whose floors cannot all be met."""

    REFUSE = "refuse"  # raise Infeasible, naming what stands in the way
    REPORT = "report"  # place what can be placed, earliest due first, and report what is missing


@dataclass(frozen=True, slots=True)
class FloorReport:
    """How one guarantee fared. Slots count from 1; values are in units of the score."""

    name: str
    share: float
    owed: int  # by the end of the list: floor(share x slots) where none came before
    overdue: int  # of them, when the list began
    eligible: int  # candidates of the cohort, those found barred left out
    placed: int  # for whatever reason
    shortfall: int  # most placements missing at any prefix, debts from before among them; 0 when the floor holds
    first_short_slot: int | None  # first prefix with one missing
    value_cost: float  # total score of the list made without this guarantee minus this list's
    attention: Kept | None = None  # of a floor by attention: then `owed` is the fewest placements that can keep it


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
    contest = Contest(ids, scores, capacity, [guarantee.members for guarantee in guarantees], seed)
    return place(contest, guarantees, on_shortfall=on_shortfall)


def place(
    contest: Contest,
    guarantees: Sequence[Guarantee] = (),
    *,
    barred: Barred | None = None,
    on_shortfall: OnShortfall = OnShortfall.REFUSE,
    goes_on: bool = False,
    by_attention: bool = False,
) -> Audience:
    """`prioritize` for a list whose candidates are known already, and what they may be barred by is not.

    Args:
        contest: of the guarantees' members, in their order. What was found of the barred is kept in it.
        guarantees: with their standing where other lists came before this one.
        barred: whom consent or a cap leaves out; asked only for those who could get a slot.
        goes_on: whether other lists follow, so that this one leaves room for what falls due in them.
        by_attention: whether shares are of the attention that places get, not of their number; then a standing is in
            millionths of the first place's.

    Raises:
        As `prioritize`.
    """
    ids, scores, capacity = contest.ids, contest.scores, contest.slots
    _check(ids, scores, capacity)
    check_guarantees(guarantees, len(ids))
    if by_attention:
        promised = AttentionDebts.of(guarantees, logarithmic(min(capacity, len(ids))), goes_on=goes_on)
        needed = [promised.enough(j) for j in range(len(guarantees))]
    else:
        ahead = LOOK_AHEAD if goes_on else 0
        needed = [min(capacity, guarantee.owed(capacity + ahead)) for guarantee in guarantees]
    contenders = contest.contenders(needed, barred)
    free = [replace(guarantee, members=guarantee.members & ~contest.barred) for guarantee in guarantees]
    slots = min(capacity, len(contenders))
    members = np.stack([g.members[contenders] for g in guarantees], axis=1) if guarantees else _no_cohorts(contenders)
    if by_attention:
        promised = AttentionDebts.of(free, logarithmic(slots), goes_on=goes_on)
        return _attentive(contest, contenders, free, members, promised, on_shortfall)
    hindrances = obstacles(free, slots)
    _refuse(hindrances, on_shortfall)
    owing = debts(free, [int(np.count_nonzero(g.members)) for g in free], slots, goes_on=goes_on)
    filled = owing.filled(slots, members)
    reports = [
        _report(guarantee, members[filled.chosen, j], _cost(contest.scores[contenders], members, owing, filled, j))
        for j, guarantee in enumerate(free)
    ]
    return _audience(contest, contenders, members, filled, reports, hindrances)


def _attentive(
    contest: Contest,
    contenders: IntArray,
    guarantees: Sequence[Guarantee],
    members: BoolArray,
    owing: AttentionDebts,
    on_shortfall: OnShortfall,
) -> Audience:
    """A list whose floors are shares of attention: made, then counted; refused when one is short."""
    slots = min(contest.slots, len(contenders))
    filled = owing.filled(slots, members)
    reports, hindrances = [], list(overbooked(guarantees))
    for j, guarantee in enumerate(guarantees):
        belongs = members[filled.chosen, j]
        cost = _cost(contest.scores[contenders], members, owing, filled, j)
        report = _attention_report(guarantee, owing, j, belongs, cost)
        reports.append(report)
        # A list that goes on may be short of what was owed before it: no obstacle while members are left to pay with.
        lacking = not owing.goes_on or report.placed == report.eligible < slots
        if report.first_short_slot is not None and lacking:
            hindrances.append(
                f"{guarantee.name!r} has {report.eligible:,} eligible candidates of {owing.enough(j):,} that its share "
                f"of attention may need in {slots:,} slots; it would be short from slot {report.first_short_slot:,}"
            )
    _refuse(hindrances, on_shortfall)
    return _audience(contest, contenders, members, filled, reports, hindrances)


def _refuse(hindrances: Sequence[str], on_shortfall: OnShortfall) -> None:
    if hindrances and on_shortfall is OnShortfall.REFUSE:
        raise Infeasible("guarantees cannot all be kept: " + "; ".join(hindrances))


def _audience(
    contest: Contest,
    contenders: IntArray,
    members: BoolArray,
    filled: Filled,
    reports: Sequence[FloorReport],
    hindrances: Sequence[str],
) -> Audience:
    chosen = contenders[filled.chosen]
    return Audience(
        ids=contest.ids[chosen],
        candidates=chosen,
        scores=contest.scores[chosen],
        guaranteed=filled.forced,
        owed_to=filled.owed_to,
        counts_for=members[filled.chosen],
        floors=tuple(reports),
        obstacles=tuple(hindrances),
        seed=contest.seed,
    )


def warm() -> None:
    """Compiles the kernels, or loads them from their cache, so that no caller waits for it."""
    anyone, half = [Guarantee("any", 1.0, np.ones(1, dtype=np.bool_))], np.full(1, 0.5)
    for by_attention in (False, True):
        contest = Contest(np.array(["anyone"]), half, 1, [anyone[0].members], 0)
        place(contest, anyone, by_attention=by_attention)
    codes = np.ones((1, len(LEVELS)), dtype=np.float16)
    outcome_kernels.exceedances(half, half, codes, 1.0)
    outcome_kernels.conditional_tails(half, half, codes, 0.5, upper=True)
    expected_value_law.quantile(expected_value_law.laws(half, (half,) * len(QUANTILE_LEVELS)), half)


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


def _cost(scores: FloatArray, members: BoolArray, owing: Debts | AttentionDebts, filled: Filled, j: int) -> float:
    """Total score of the list made without guarantee j, minus this list's."""
    without = owing.without(j).filled(len(filled.chosen), np.delete(members, j, axis=1))
    return float(scores[without.chosen].sum() - scores[filled.chosen].sum())


def _report(guarantee: Guarantee, belongs: BoolArray, cost: float) -> FloorReport:
    """Counts a finished list against its promise, prefix by prefix.

    Args:
        belongs: shape (slots,), which customers of the list are in the cohort.
    """
    slots = len(belongs)
    due = guarantee.due(slots)
    unlisted = guarantee.owed(0) - int(np.count_nonzero(due < 1))  # of a debt larger than the list
    missing = unlisted + np.searchsorted(due, np.arange(1, slots + 1), side="right") - np.cumsum(belongs)
    short = np.flatnonzero(missing > 0)
    return FloorReport(
        name=guarantee.name,
        share=guarantee.share,
        owed=guarantee.owed(slots),
        overdue=guarantee.owed(0),
        eligible=int(np.count_nonzero(guarantee.members)),
        placed=int(np.count_nonzero(belongs)),
        shortfall=int(missing[short].max(initial=0)),
        first_short_slot=int(short[0]) + 1 if len(short) else None,
        value_cost=cost,
    )


def _attention_report(
    guarantee: Guarantee, owing: AttentionDebts, j: int, belongs: BoolArray, cost: float
) -> FloorReport:
    """As `_report`, for floor j by attention; a shortfall counts first places, rounded up."""
    kept = owing.kept(j, belongs)
    return FloorReport(
        name=guarantee.name,
        share=guarantee.share,
        owed=owing.fewest(j),
        overdue=owing.overdue(j),
        eligible=int(np.count_nonzero(guarantee.members)),
        placed=int(np.count_nonzero(belongs)),
        shortfall=ceil(kept.shortfall),
        first_short_slot=kept.first_short_slot,
        value_cost=cost,
        attention=kept,
    )
