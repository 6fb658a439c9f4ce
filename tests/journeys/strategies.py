"""Random constraints, feasible and not."""

from dataclasses import replace
from itertools import product
from random import Random

from journeys.checker import broken
from journeys.constraints import Constraints
from journeys.plan import Plan
from journeys.windows import WindowCap


def constraints(random: Random, channels: tuple[str, ...], most: int) -> Constraints:
    """Rules for plans of up to `most` touches; many of them are hard or impossible to keep."""
    longest = random.randint(1, most)
    rules = Constraints(max_touches=longest, min_touches=random.choice([0, random.randint(0, longest), longest]))
    some = lambda share: [name for name in channels if random.random() < share]  # noqa: E731
    places = lambda share: [number for number in range(1, longest + 1) if random.random() < share]  # noqa: E731
    return replace(
        rules,
        fixed={position: random.choice(channels) for position in places(0.15)},
        forbidden=frozenset((position, name) for position in places(0.4) for name in some(0.4)),
        caps={name: random.randint(0, 2) for name in some(random.choice([0.2, 0.9]))},
        denied=frozenset(some(random.choice([0.0, 0.3]))),
    )


def timed_constraints(random: Random, channels: tuple[str, ...], most: int) -> Constraints:
    """The same with caps in rolling windows, or a budget, or both."""
    windows = tuple(
        WindowCap(random.randint(0, 2), random.choice([10.0, 30.0, 70.0, 200.0]), random.choice([None, *channels]))
        for _ in range(random.randint(0, 3))
    )
    budget = random.choice([None, 0.1, 0.5, 1.0])
    return replace(constraints(random, channels, most), windows=windows, budget=budget)


def permitted(rules: Constraints, channels: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Every sequence that keeps to the rules but those of time and cost."""
    every = (plan for length in range(rules.max_touches + 1) for plan in product(channels, repeat=length))
    return [plan for plan in every if not broken(plan, rules)]


def sequence(plan: Plan) -> tuple[str, ...]:
    """The channels of a plan."""
    return tuple(touch.channel for touch in plan.touches)
