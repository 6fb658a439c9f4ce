"""Does a plan keep to what was asked? Reads the rules as they are written and knows nothing of how plans are found."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from journeys.constraints import Constraints

_ROUNDING = 1e-9  # of sums of costs


class Touch(NamedTuple):
    """A touch, planned or past."""

    time: datetime
    channel: str


def broken(channels: Sequence[str], rules: Constraints) -> list[str]:
    """The rules that a sequence of channels breaks, whenever it is sent."""
    wrong = []
    if len(channels) > rules.max_touches:
        wrong.append(f"at most {rules.max_touches} touches")
    if len(channels) < rules.min_touches:
        wrong.append(f"at least {rules.min_touches} touches")
    wrong += [
        f"{name} at position {position}"
        for position, name in rules.fixed.items()
        if position > len(channels) or channels[position - 1] != name
    ]
    wrong += [
        f"no {name} at position {number}"
        for number, name in enumerate(channels, 1)
        if (number, name) in rules.forbidden
    ]
    wrong += [f"at most {most} of {name}" for name, most in rules.caps.items() if channels.count(name) > most]
    wrong += [f"no consent to {name}" for name in channels if name in rules.denied]
    return wrong


def broken_in_time(
    planned: Sequence[Touch],
    past: Sequence[Touch],
    rules: Constraints,
    costs: Mapping[str, float],
    zone: tzinfo,
) -> list[str]:
    """The rules that a plan breaks by when its touches come and what they cost.

    Args:
        planned: touches of the plan, in their order.
        past: touches that happened.
        rules: what was asked.
        costs: of a touch by channel; others are free.
        zone: of the customer.
    """
    wrong = []
    for window in rules.windows:
        counted = [touch for touch in (*past, *planned) if window.channel in (None, touch.channel)]
        for last in planned:
            begins = last.time - timedelta(hours=window.hours)
            inside = sum(begins < touch.time <= last.time for touch in counted)
            if window.channel in (None, last.channel) and inside > window.most:
                wrong.append(window.words)
                break
    if rules.budget is not None and sum(costs.get(touch.channel, 0.0) for touch in planned) > rules.budget + _ROUNDING:
        wrong.append(f"at most {rules.budget:g} for all touches")
    if rules.quiet is not None and any(rules.quiet.hold(touch.time.astimezone(zone).time()) for touch in planned):
        wrong.append("quiet hours")
    return wrong
