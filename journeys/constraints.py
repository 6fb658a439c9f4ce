"""What a plan must keep to, and which rules contradict each other when no plan can."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np

from farview.core.errors import Infeasible, InvalidInput, Violation
from journeys.feasibility import IntArray, WordArray, match_all
from journeys.schedule import timed_rules
from journeys.timed import UNDECIDED, YES, FloatArray, TimedRules, finishes
from journeys.windows import QuietHours, WindowCap

MOST_TOUCHES = 100
MOST_CHANNELS = 63


@dataclass(frozen=True, slots=True)
class Constraints:
    """Rules of one plan. Positions count from 1 at the first planned touch."""

    max_touches: int
    min_touches: int = 0
    fixed: Mapping[int, str] = field(default_factory=dict)  # position -> channel; the plan must reach it
    forbidden: frozenset[tuple[int, str]] = frozenset()  # (position, channel)
    caps: Mapping[str, int] = field(default_factory=dict)  # channel -> most planned touches
    denied: frozenset[str] = frozenset()  # channels that the customer does not consent to
    windows: tuple[WindowCap, ...] = ()  # caps in rolling windows, history included; a cap of one is a gap
    budget: float | None = None  # most that all touches of the plan may cost, business currency
    quiet: QuietHours | None = None  # in which nothing is sent; they move touches and contradict nothing

    def as_data(self) -> dict[str, Any]:
        """JSON data that `from_data` turns back; equal constraints give equal data."""
        return {
            "max_touches": self.max_touches,
            "min_touches": self.min_touches,
            "fixed": [list(spot) for spot in sorted(self.fixed.items())],
            "forbidden": [list(spot) for spot in sorted(self.forbidden)],
            "caps": dict(sorted(self.caps.items())),
            "denied": sorted(self.denied),
            "windows": [window.as_data() for window in self.windows],
            "budget": self.budget,
            "quiet": None if self.quiet is None else self.quiet.as_data(),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_data`, also of what was written before plans had windows, a budget and quiet hours."""
        return cls(
            max_touches=data["max_touches"],
            min_touches=data["min_touches"],
            fixed=dict(data["fixed"]),
            forbidden=frozenset((position, channel) for position, channel in data["forbidden"]),
            caps=data["caps"],
            denied=frozenset(data["denied"]),
            windows=tuple(WindowCap(**window) for window in data.get("windows", ())),
            budget=data.get("budget"),
            quiet=QuietHours.from_data(data["quiet"]) if data.get("quiet") else None,
        )


class Compiled(NamedTuple):
    """Feasible rules as the search reads them; C channels, up to L = max_touches positions, numbered from 0."""

    allowed: WordArray  # (L,) bit c permits channel c
    caps: IntArray  # (C,)
    matching: IntArray  # (needed,) a channel for every position that a plan must have
    timed: TimedRules


class Moment(NamedTuple):
    """When and for whom a plan is made, as far as rules depend on it."""

    times_us: IntArray  # of the positions, at least as many as the rules speak of
    history: tuple[IntArray, IntArray]  # instants and channel codes of the touches that happened, ascending
    cost: FloatArray  # (C,) of a touch


class _Rule(NamedTuple):
    """One rule, in a form that can be left out."""

    words: str
    kind: str
    position: int = 0
    channel: int = -1
    number: int = 0
    window: WindowCap | None = None
    budget: float = np.inf


def positions(constraints: Constraints) -> int:
    """Positions that the rules speak of: the instants of so many are needed to judge them."""
    return max(constraints.max_touches, constraints.min_touches, *constraints.fixed, 1)


def compile_rules(
    constraints: Constraints, channels: Sequence[str], moment: Moment | None = None, field_path: str = "constraints"
) -> Compiled:
    """The rules over those channels.

    Args:
        constraints: what a plan must keep to.
        channels: names of the codes.
        moment: when and for whom; may be None where the rules have neither window nor budget.
        field_path: of the constraints in what was asked.

    Raises:
        InvalidInput: a channel, position or number makes no sense, or the rules are too entangled to be decided.
        Infeasible: no plan keeps to them all; names a set of rules of which none can be left out.
    """
    _check(constraints, channels, field_path)
    rules = _rules(constraints, channels)
    compiled, decided = _compile(rules, channels, moment)
    if not decided:
        raise InvalidInput.of(field_path, "are too entangled to be decided (ask for fewer touches, or fewer windows)")
    if compiled is not None:
        return compiled
    # Deletion filter: a rule without which there is still no plan is no part of the conflict.
    conflict = rules
    for rule in rules:
        rest = [other for other in conflict if other is not rule]
        if _compile(rest, channels, moment) == (None, True):
            conflict = rest
    raise Infeasible("no plan keeps to all of: " + "; ".join(rule.words for rule in conflict))


def _rules(constraints: Constraints, channels: Sequence[str]) -> list[_Rule]:
    code = {name: number for number, name in enumerate(channels)}
    rules = [
        _Rule(f"at most {constraints.max_touches} touches", "max", number=constraints.max_touches),
        _Rule(f"at least {constraints.min_touches} touches", "min", number=constraints.min_touches),
    ]
    rules += [_Rule(f"no consent to {name}", "denied", channel=code[name]) for name in sorted(constraints.denied)]
    rules += [
        _Rule(f"at most {number} of {name}", "cap", channel=code[name], number=number)
        for name, number in sorted(constraints.caps.items())
    ]
    rules += [
        _Rule(f"no {name} at position {position}", "forbidden", position, code[name])
        for position, name in sorted(constraints.forbidden)
    ]
    rules += [
        _Rule(f"{name} at position {position}", "fixed", position, code[name])
        for position, name in sorted(constraints.fixed.items())
    ]
    rules += [_Rule(window.words, "window", window=window) for window in constraints.windows]
    if constraints.budget is not None:
        rules.append(_Rule(f"at most {constraints.budget:g} for all touches", "budget", budget=constraints.budget))
    return rules


def _compile(rules: Sequence[_Rule], channels: Sequence[str], moment: Moment | None) -> tuple[Compiled | None, bool]:
    """The rules as arrays, None where no plan keeps to them; and whether that could be decided."""
    needed = max(
        (rule.number if rule.kind == "min" else rule.position) for rule in (*_demands(rules), _Rule("", "min"))
    )
    most = min((rule.number for rule in rules if rule.kind == "max"), default=needed)
    if needed > most:
        return None, True
    C = len(channels)
    allowed = np.full(most, (1 << C) - 1, np.uint64)
    caps = np.full(C, max(most, 1), np.int64)
    for rule in rules:
        bit = np.uint64(1 << max(rule.channel, 0))
        if rule.kind == "denied":
            allowed &= ~bit
        elif rule.kind == "cap":
            caps[rule.channel] = min(rule.number, caps[rule.channel])
        elif rule.kind == "forbidden" and rule.position <= most:
            allowed[rule.position - 1] &= ~bit
        elif rule.kind == "fixed":
            allowed[rule.position - 1] &= bit
    matching = np.empty(needed, np.int64)
    if not match_all(allowed, caps, matching):
        return None, True
    timed = _timed(rules, channels, moment)
    found = YES
    if timed.binds and needed:
        found = finishes(timed, allowed, needed, caps, np.zeros(needed, np.int64), 0)
    return (Compiled(allowed, caps, matching, timed) if found == YES else None), found != UNDECIDED


def _timed(rules: Sequence[_Rule], channels: Sequence[str], moment: Moment | None) -> TimedRules:
    """The rules that depend on time or cost."""
    windows = [rule.window for rule in rules if rule.window is not None]
    budget = min((rule.budget for rule in rules), default=np.inf)
    if moment is None:
        if windows or budget < np.inf:
            raise ValueError("rules of time or cost need a moment")
        nobody = np.zeros(0, np.int64)
        moment = Moment(np.zeros(1, np.int64), (nobody, nobody), np.zeros(len(channels)))
    word, most, first, past = timed_rules(windows, channels, moment.times_us, moment.history)
    return TimedRules(word, most, first, past, moment.cost, float(budget))


def _demands(rules: Sequence[_Rule]) -> list[_Rule]:
    """The rules that ask for touches."""
    return [rule for rule in rules if rule.kind in ("min", "fixed")]


def _check(constraints: Constraints, channels: Sequence[str], path: str) -> None:
    wrong: list[Violation] = []
    if len(channels) > MOST_CHANNELS:
        wrong.append(Violation("channels", f"{len(channels)} channels, at most {MOST_CHANNELS} can be planned with"))
    if not 1 <= constraints.max_touches <= MOST_TOUCHES:
        wrong.append(Violation(f"{path}.max_touches", f"{constraints.max_touches} is outside 1 to {MOST_TOUCHES}"))
    if not 0 <= constraints.min_touches <= MOST_TOUCHES:
        wrong.append(Violation(f"{path}.min_touches", f"{constraints.min_touches} is outside 0 to {MOST_TOUCHES}"))
    positions = [("fixed", *pair) for pair in constraints.fixed.items()]
    positions += [("forbidden", *pair) for pair in sorted(constraints.forbidden)]
    for kind, position, _ in positions:
        if not 1 <= position <= MOST_TOUCHES:
            wrong.append(Violation(f"{path}.{kind}", f"position {position} is outside 1 to {MOST_TOUCHES}"))
    named = [(kind, name) for kind, _, name in positions]
    named += [("caps", name) for name in constraints.caps] + [("denied", name) for name in sorted(constraints.denied)]
    for kind, name in named:
        if name not in channels:
            wrong.append(Violation(f"{path}.{kind}", f"no channel {name!r} (known: {', '.join(channels)})"))
    for name, number in constraints.caps.items():
        if number < 0:
            wrong.append(Violation(f"{path}.caps", f"{number} touches of {name} cannot be a cap (use 0 for none)"))
    wrong += _wrong_in_time(constraints, channels, path)
    if wrong:
        raise InvalidInput(*wrong)


def _wrong_in_time(constraints: Constraints, channels: Sequence[str], path: str) -> list[Violation]:
    """What makes no sense of the rules of time and cost."""
    wrong: list[Violation] = []
    for window in constraints.windows:
        if window.channel is not None and window.channel not in channels:
            wrong.append(Violation(f"{path}.windows", f"no channel {window.channel!r} (known: {', '.join(channels)})"))
        if window.most < 0 or not (np.isfinite(window.hours) and window.hours > 0):
            said = f"{window.most} in {window.hours:g} hours is no cap (0 or more, in a positive number of hours)"
            wrong.append(Violation(f"{path}.windows", said))
    if constraints.budget is not None and not (np.isfinite(constraints.budget) and constraints.budget >= 0):
        wrong.append(Violation(f"{path}.budget", f"{constraints.budget} is not an amount of at least 0"))
    if constraints.quiet is not None and constraints.quiet.since == constraints.quiet.until:
        wrong.append(Violation(f"{path}.quiet", "since and until are the same time (leave quiet hours out for none)"))
    return wrong
