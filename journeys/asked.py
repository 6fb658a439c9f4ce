"""Requests for plans, checked, with their rules compiled for the customer and the time that they are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from farview.core.clock import zone as zone_of
from farview.core.errors import InvalidInput
from farview.features.steps import Steps, instant, micros
from journeys.about import About
from journeys.beam import Rules
from journeys.checker import Touch, broken, broken_in_time
from journeys.constraints import Compiled, Constraints, Moment, compile_rules, positions
from journeys.plan import Plan, PlanRequest
from journeys.schedule import planned_times
from journeys.scorer import FloatArray, IntArray


class Asked(NamedTuple):
    """A request that can be kept."""

    number: int  # in the order of the answers
    request: PlanRequest
    compiled: Compiled
    times_us: IntArray  # of the positions, at least as many as the plan may have
    customer: int  # position in the steps, -1 without a touch


@dataclass(slots=True)
class Compiler:
    """Compiles requests of one batch; those that share constraints without time or cost are compiled once."""

    about: About
    steps: Steps
    _shared: dict[int, Compiled]
    _places: dict[str, int]

    @classmethod
    def of(cls, about: About, steps: Steps) -> "Compiler":
        """For customers of these steps."""
        return cls(about, steps, {}, {name: number for number, name in enumerate(steps.customer_ids)})

    def compile(self, number: int, request: PlanRequest) -> Asked:
        """The request as the search takes it.

        Raises:
            InvalidInput: a field makes no sense.
            Infeasible: no plan keeps to the constraints.
        """
        path, rules = f"requests[{number}]", request.constraints
        _check(request, self.about, self.steps.limits.until_us, path)
        customer = self._places.get(request.customer_id, -1)
        gap = self.about.timing.gap_hours if request.gap_hours is None else request.gap_hours
        first = self.steps.limits.until_us if request.first_at is None else micros(request.first_at)
        times = planned_times(first, gap, positions(rules), rules.quiet, request.zone or self.about.zone)
        compiled = self._shared.get(id(rules))
        if compiled is None:
            moment = Moment(times, self._history(customer), costs(request, self.about.vocabulary.channels))
            compiled = compile_rules(rules, self.about.vocabulary.channels, moment, f"{path}.constraints")
            if not compiled.timed.binds:
                self._shared[id(rules)] = compiled
        return Asked(number, request, compiled, times, customer)

    def _history(self, customer: int) -> tuple[IntArray, IntArray]:
        if customer < 0:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        mine = slice(*self.steps.offsets[customer : customer + 2])
        return self.steps.time_us[mine], self.steps.channel[mine].astype(np.int64)


def costs(request: PlanRequest, channels: Sequence[str]) -> FloatArray:
    """Of a touch by channel code, shape (C,)."""
    return np.array([request.touch_costs.get(name, 0.0) for name in channels], np.float64)


def rules_of(asked: Sequence[Asked], length: int) -> Rules:
    """The compiled rules as arrays, padded to `length` positions and to the most windows that any of them has."""
    n, C = len(asked), len(asked[0].compiled.caps)
    R = max(len(one.compiled.timed.most) for one in asked)
    rules = Rules(
        allowed=np.zeros((n, length), np.uint64),
        needed=np.array([len(one.compiled.matching) for one in asked]),
        word=np.zeros((n, R), np.uint64),
        most=np.zeros((n, R), np.int64),
        first=np.zeros((n, R, length), np.int64),
        past=np.zeros((n, R, length), np.int64),
        cost=np.zeros((n, C)),
        budget=np.full(n, np.inf),
    )
    for row, one in enumerate(asked):
        timed, own = one.compiled.timed, len(one.compiled.allowed)
        rules.allowed[row, :own] = one.compiled.allowed
        if timed.binds:
            some = len(timed.most)
            rules.word[row, :some], rules.most[row, :some] = timed.word, timed.most
            rules.first[row, :some, :own], rules.past[row, :some, :own] = timed.first[:, :own], timed.past[:, :own]
            rules.cost[row], rules.budget[row] = timed.cost, timed.budget
    return rules


def verify(asked: Asked, plan: Plan, steps: Steps, about: About) -> None:
    """Holds a plan against the rules as they are written, by code that knows nothing of the search.

    Raises:
        AssertionError: it breaks one; the search is wrong.
    """
    rules = asked.request.constraints
    wrong = broken([touch.channel for touch in plan.touches], rules)
    if _timed(rules):
        past = []
        if asked.customer >= 0:
            names = (*about.vocabulary.channels, "")
            mine = slice(*steps.offsets[asked.customer : asked.customer + 2])
            whens, codes = steps.time_us[mine].tolist(), steps.channel[mine].tolist()
            past = [Touch(instant(when), names[code]) for when, code in zip(whens, codes, strict=True)]
        planned = [Touch(touch.time, touch.channel) for touch in plan.touches]
        zone = zone_of(asked.request.zone or about.zone)
        wrong += broken_in_time(planned, past, rules, asked.request.touch_costs, zone)
    if wrong:
        raise AssertionError(f"a plan breaks its rules: {'; '.join(wrong)}")


def _timed(rules: Constraints) -> bool:
    return bool(rules.windows) or rules.budget is not None or rules.quiet is not None


def _check(request: PlanRequest, about: About, now_us: int, path: str) -> None:
    channels = about.vocabulary.channels
    for name, amount in (("margin", request.margin), ("length_cost", request.length_cost)):
        if not (np.isfinite(amount) and amount >= 0):
            raise InvalidInput.of(f"{path}.{name}", f"{amount} is not an amount of at least 0")
    if not (np.isfinite(request.residual_change) and request.worth >= 0):
        said = f"{request.residual_change} takes more than the margin of {request.margin} that a conversion brings"
        raise InvalidInput.of(f"{path}.residual_change", said)
    for channel, cost in request.touch_costs.items():
        if channel not in channels:
            raise InvalidInput.of(f"{path}.touch_costs", f"no channel {channel!r} (known: {', '.join(channels)})")
        if not (np.isfinite(cost) and cost >= 0):
            raise InvalidInput.of(f"{path}.touch_costs[{channel}]", f"{cost} is not an amount of at least 0")
    if request.first_at is not None and micros(request.first_at) < now_us:
        raise InvalidInput.of(f"{path}.first_at", f"{request.first_at.isoformat()} is past (plan from now on)")
    if request.gap_hours is not None and not (np.isfinite(request.gap_hours) and request.gap_hours > 0):
        raise InvalidInput.of(f"{path}.gap_hours", f"{request.gap_hours} is not a positive number of hours")
    if request.zone is not None:
        zone_of(request.zone)
