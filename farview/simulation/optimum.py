"""The best plan there is in a world, by dynamic programming: what a planner's plans are judged against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from farview.core.errors import Infeasible, InvalidInput
from farview.simulation.business import BoolArray, FloatArray, IntArray, World
from farview.simulation.truth import Standing, hazards_ahead, path_probability

STOP = 0  # choice 0 ends the plan, choice c + 1 sends channel c


@dataclass(frozen=True, slots=True)
class PlanRules:
    """What a plan must keep to. Positions count from 1 at the first planned touch; channels are indices."""

    max_touches: int
    min_touches: int = 0
    fixed: Mapping[int, int] = field(default_factory=dict)  # position -> channel; the plan must reach it
    forbidden: frozenset[tuple[int, int]] = frozenset()  # (position, channel)
    caps: Mapping[int, int] = field(default_factory=dict)  # channel -> most touches in the journey, past ones too


@dataclass(frozen=True, slots=True)
class OptimalPlan:
    """A plan that no other plan within the rules exceeds in value."""

    channels: tuple[int, ...]
    probability: float  # of a conversion in the course of the plan
    value: float  # margin x probability - expected cost


def optimal_plan(
    world: World,
    standing: Standing,
    rules: PlanRules,
    *,
    margin: float = 1.0,
    cost: FloatArray | None = None,
    intent: int | None = None,
) -> OptimalPlan:
    """The plan of highest value: margin x P(conversion) - expected cost of the touches sent before it.

    Backward induction over (position, channel before, touches left under each cap). A touch is paid for only when it is
    sent, which it is not after a conversion, so the value ahead depends on nothing but that state:

        V_j(p, m) = max over permitted c of  h margin - cost[c] + (1 - h) V_j+1(c, m - 1 at c),  h = planned hazard,

    or 0 by stopping, where the rules let the plan end. Ties: stop first, then the lowest channel.

    Args:
        world: the business.
        standing: where the customer stands before the first planned touch; its consent is kept.
        rules: what the plan must keep to.
        margin: of a conversion, business currency; 1 with no cost gives the most probable plan.
        cost: of a touch by channel, shape (K,), business currency; None is free. `world.touch_cost` is the world's own.
        intent: latent level; needed in a confounded world, whose best plan depends on it.

    Raises:
        InvalidInput: a position or a channel of the rules does not exist, or the intent is missing.
        Infeasible: no plan keeps to the rules.
    """
    _check(world, rules, intent)
    K, N = len(world.channels), rules.max_touches
    price = np.zeros(K) if cost is None else cost
    hazards, allowances = hazards_ahead(world, standing, N, intent or 0), _allowances(standing, rules)
    choices = _choices(
        hazards,
        permitted=_permitted(standing, rules, K),
        may_stop=_may_stop(rules),
        allowances=allowances,
        margin=margin,
        cost=price,
    )
    plan = np.array(_followed(choices, standing.previous, allowances), np.int64)
    before = np.append(standing.previous, plan)[: len(plan)]
    missed = np.append(1.0, np.cumprod(1 - hazards[np.arange(len(plan)), before, plan]))
    probability, spent = path_probability(world, standing, plan.tolist(), intent), missed[: len(plan)] @ price[plan]
    return OptimalPlan(tuple(plan.tolist()), probability, float(margin * probability - spent))


def _followed(choices: Sequence[IntArray], previous: int, allowances: Mapping[int, int]) -> list[int]:
    """The channels that the choices come to from the first state on.

    Raises:
        Infeasible: there is no choice left in a state.
    """
    plan: list[int] = []
    left = dict(allowances)
    for choice_of in choices:
        choice = int(choice_of[(previous, *left.values())])
        if choice < STOP:
            raise Infeasible("no plan keeps to the fixed and forbidden positions, caps, consent and length together")
        if choice == STOP:
            break
        previous = choice - 1
        if previous in left:
            left[previous] -= 1
        plan.append(previous)
    return plan


def _choices(
    hazards: FloatArray,
    *,
    permitted: BoolArray,
    may_stop: BoolArray,
    allowances: Mapping[int, int],
    margin: float,
    cost: FloatArray,
) -> list[IntArray]:
    """The best choice in every state, -1 where none is left; one array (K + 1, allowance + 1, ...) a position."""
    N, rows, K = hazards.shape
    axes = {channel: axis for axis, channel in enumerate(allowances)}
    states = tuple(allowance + 1 for allowance in allowances.values())
    ahead = np.full((rows, *states), 0.0 if may_stop[N] else -np.inf)
    choices: list[IntArray] = []
    for j in reversed(range(N)):
        value = np.full((K + 1, rows, *states), -np.inf)
        if may_stop[j]:
            value[STOP] = 0.0
        for channel in np.flatnonzero(permitted[j]).tolist():
            after = ahead[channel]
            if channel in axes:
                after = _one_less(after, axes[channel])
            chance = hazards[j, :, channel].reshape(rows, *(1 for _ in states))
            value[channel + 1] = chance * margin - cost[channel] + (1 - chance) * after
        ahead = value.max(0)
        choices.append(np.where(np.isneginf(ahead), -1, value.argmax(0)))
    return choices[::-1]


def _one_less(after: FloatArray, axis: int) -> FloatArray:
    """Value with one touch of that axis's channel used up: impossible where none is left."""
    shifted = np.roll(after, 1, axis)
    np.moveaxis(shifted, axis, 0)[0] = -np.inf
    return shifted


def _allowances(standing: Standing, rules: PlanRules) -> dict[int, int]:
    """Touches left under each cap, for the caps that can bind."""
    left = {channel: max(cap - standing.channels.count(channel), 0) for channel, cap in sorted(rules.caps.items())}
    return {channel: allowance for channel, allowance in left.items() if allowance < rules.max_touches}


def _permitted(standing: Standing, rules: PlanRules, K: int) -> BoolArray:
    """Whether a channel may stand at a planned position, shape (N, K)."""
    permitted = np.tile(np.array(standing.consent, dtype=np.bool_), (rules.max_touches, 1))
    for position, channel in rules.forbidden:
        permitted[position - 1, channel] = False
    for position, channel in rules.fixed.items():
        permitted[position - 1] &= np.arange(K) == channel
    return permitted


def _may_stop(rules: PlanRules) -> BoolArray:
    """Whether a plan may end after j touches, shape (N + 1,)."""
    return np.arange(rules.max_touches + 1) >= max(rules.min_touches, *rules.fixed, 0)


def _check(world: World, rules: PlanRules, intent: int | None) -> None:
    K, N = len(world.channels), rules.max_touches
    if not 0 <= rules.min_touches <= N:
        raise InvalidInput.of("rules.min_touches", f"{rules.min_touches} is outside 0 to max_touches = {N}")
    for name, pairs in (("fixed", rules.fixed.items()), ("forbidden", rules.forbidden)):
        for position, channel in pairs:
            if not (1 <= position <= N and 0 <= channel < K):
                raise InvalidInput.of(f"rules.{name}", f"position {position}, channel {channel} does not exist")
    for channel in rules.caps:
        if not 0 <= channel < K:
            raise InvalidInput.of("rules.caps", f"channel {channel} does not exist")
    if world.confounded and intent is None:
        raise InvalidInput.of("intent", "the best plan of a confounded world depends on it (name a latent level)")
