"""The smallest change of what a conversion brings, or of what a touch costs, that alters a plan."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from journeys.plan import Plan, PlanRequest

ALTERNATIVES = 20  # plans among which the change is looked for
_HALVINGS = 20
_BEYOND = 1e-6  # of the change: just past the point where two plans are worth the same
_ROUNDING = 1e-9  # of a probability, below which two plans convert and send alike

Replan = Callable[[PlanRequest], Plan | None]  # None where no plan keeps to the constraints at those prices


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """Had this been so, another plan would have been made."""

    channel: str | None  # whose touches would cost `after`; None: a conversion would bring it
    before: float  # business currency
    after: float
    plan: Plan  # that would have been made


def smallest_change(request: PlanRequest, plans: Sequence[Plan], replan: Replan) -> Counterfactual | None:
    """The change of fewest currency units by which the planner makes another plan; None where none was found.

    The values of plans are linear in the margin and in each channel's cost, so where two of them cross is known without
    planning anew. The planner is then asked beyond the nearest crossing, and between there and here, because a plan
    that is none of these may cross before.

    Args:
        request: as it was planned.
        plans: the best of it, best first; the first was made.
        replan: makes the plan of another request; a dearer channel may leave none within the budget.
    """
    made = plans[0]
    for channel, crossing in sorted(_crossings(request, plans), key=lambda each: (abs(each[1]), each[0] or "")):
        beyond = crossing * (1 + _BEYOND)
        altered = replan(_changed(request, channel, beyond))
        if altered is not None and _channels(altered) != _channels(made):
            return _nearest(request, made, replan, (channel, beyond, altered))
    return None


def _nearest(request: PlanRequest, made: Plan, replan: Replan, known: tuple[str | None, float, Plan]) -> Counterfactual:
    """The smallest change of that price that alters the plan, between none and one that does, by halving."""
    (channel, altering, altered), same = known, 0.0
    for _ in range(_HALVINGS):
        middle = (same + altering) / 2
        tried = replan(_changed(request, channel, middle))
        if tried is None or _channels(tried) == _channels(made):
            same = middle
        else:
            altering, altered = middle, tried
    before = request.margin if channel is None else request.touch_costs.get(channel, 0.0)
    return Counterfactual(channel, before, before + altering, altered)


def _crossings(request: PlanRequest, plans: Sequence[Plan]) -> Iterator[tuple[str | None, float]]:
    """Changes at which one of the other plans is worth as much as the first, by whose price changes."""
    made = plans[0]
    for other in plans[1:]:
        lead = _worth(made, request) - _worth(other, request)
        for channel in (None, *{touch.channel for plan in (made, other) for touch in plan.touches}):
            if channel is None:
                gains, limit = other.probability - made.probability, min(request.margin, request.worth)
            else:
                gains, limit = _sent(made, channel) - _sent(other, channel), request.touch_costs.get(channel, 0.0)
            if abs(gains) > _ROUNDING and lead / gains >= -limit:
                yield channel, lead / gains


def _worth(plan: Plan, request: PlanRequest) -> float:
    return plan.expected_value - request.length_cost * sum(touch.reached for touch in plan.touches)


def _sent(plan: Plan, channel: str) -> float:
    """Touches of the channel that are expected to be sent."""
    return sum(touch.reached for touch in plan.touches if touch.channel == channel)


def _changed(request: PlanRequest, channel: str | None, change: float) -> PlanRequest:
    if channel is None:
        return replace(request, margin=max(request.margin + change, 0.0))
    cost = max(request.touch_costs.get(channel, 0.0) + change, 0.0)
    return replace(request, touch_costs={**request.touch_costs, channel: cost})


def _channels(plan: Plan) -> list[str]:
    return [touch.channel for touch in plan.touches]
