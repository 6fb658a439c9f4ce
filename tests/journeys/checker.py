"""Does a plan keep to what was asked? Reads the rules as they are written and knows nothing of the planner."""

from itertools import product

from journeys.constraints import Constraints
from journeys.plan import Plan


def broken(channels: tuple[str, ...], rules: Constraints) -> list[str]:
    """The rules that a sequence of channels breaks."""
    wrong = []
    if len(channels) > rules.max_touches:
        wrong.append("max_touches")
    if len(channels) < rules.min_touches:
        wrong.append("min_touches")
    wrong += [
        f"fixed {position}"
        for position, name in rules.fixed.items()
        if position > len(channels) or channels[position - 1] != name
    ]
    wrong += [
        f"forbidden {number, name}" for number, name in enumerate(channels, 1) if (number, name) in rules.forbidden
    ]
    wrong += [f"cap {name}" for name, most in rules.caps.items() if channels.count(name) > most]
    wrong += [f"denied {name}" for name in channels if name in rules.denied]
    return wrong


def permitted(rules: Constraints, channels: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Every sequence that keeps to the rules."""
    every = (plan for length in range(rules.max_touches + 1) for plan in product(channels, repeat=length))
    return [plan for plan in every if not broken(plan, rules)]


def sequence(plan: Plan) -> tuple[str, ...]:
    """The channels of a plan."""
    return tuple(touch.channel for touch in plan.touches)
