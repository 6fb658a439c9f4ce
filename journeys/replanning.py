"""What is left of a plan once some of its touches were sent and others were missed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from journeys.checker import Touch
from journeys.plan import PlanRequest


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a plan stands."""

    sent: tuple[Touch, ...]  # of its touches, as they happened
    missed: tuple[Touch, ...]  # whose time has passed, as they were planned


def progress(planned: Sequence[Touch], happened: Sequence[Touch], now: datetime) -> Progress:
    """Which planned touches were sent: those of which one of the same channel happened, each of which counts once.

    Args:
        planned: touches of the plan, in their order.
        happened: touches of the customer since the plan was made, in theirs.
        now: planned touches before it that were not sent are missed.
    """
    sent, missed, rest = [], [], list(happened)
    for touch in planned:
        place = next((number for number, other in enumerate(rest) if other.channel == touch.channel), None)
        if place is not None:
            sent.append(rest.pop(place))
        elif touch.time < now:
            missed.append(touch)
    return Progress(tuple(sorted(sent)), tuple(missed))


def remaining(request: PlanRequest, stands: Progress, now: datetime) -> PlanRequest | None:
    """The request for what may still follow; None where the plan has had all its touches.

    Touches that were sent count towards the length, the caps and the budget of the plan, and fixed and forbidden
    positions are those of the whole plan; missed touches are forgotten. The gap to the last touch sent is kept.
    """
    done, rules = len(stands.sent), request.constraints
    if done >= rules.max_touches:
        return None
    used = Counter(touch.channel for touch in stands.sent)
    spent = sum(request.touch_costs.get(touch.channel, 0.0) for touch in stands.sent)
    left = replace(
        rules,
        max_touches=rules.max_touches - done,
        min_touches=max(rules.min_touches - done, 0),
        fixed={place - done: name for place, name in rules.fixed.items() if place > done},
        forbidden=frozenset((place - done, name) for place, name in rules.forbidden if place > done),
        caps={name: max(most - used[name], 0) for name, most in rules.caps.items()},
        budget=None if rules.budget is None else max(rules.budget - spent, 0.0),
    )
    return replace(request, constraints=left, first_at=_next(request, stands, now))


def _next(request: PlanRequest, stands: Progress, now: datetime) -> datetime:
    """Not before now, nor within the gap of the last touch sent."""
    if not stands.sent or request.gap_hours is None:
        return now
    return max(now, stands.sent[-1].time + timedelta(hours=request.gap_hours))
