"""From histories and requests to plans: the front door of the planner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from farview.core.errors import FarviewError, Infeasible, InvalidInput
from farview.features.journey_state import HOUR_US
from farview.features.steps import StepRules, Steps, at_risk_steps, instant, planned_state
from journeys.about import About
from journeys.asked import Asked, Compiler, costs, rules_of, verify
from journeys.constraints import Compiled
from journeys.inputs import Histories
from journeys.plan import Plan, PlannedTouch, PlanRequest
from journeys.planner import BEAM_WIDTH, EXACT_WIDTH, Batch, Found, full_width, search
from journeys.rollout import Trip
from journeys.scorer import Float32Array, FloatArray, IntArray, JourneyModel, Standing

_PARTIAL_PLANS = 16_384  # in memory at once


@dataclass(frozen=True, slots=True)
class Beam:
    """How much a search looks at."""

    width: int = BEAM_WIDTH  # partial plans kept at each position
    exact_width: int = EXACT_WIDTH  # where all partial plans are at most so many, all are kept


def histories(about: About, log: pa.Table, now: datetime) -> Steps:
    """The customers' touches before now as that model reads them."""
    rules = StepRules(about.zone, about.window_days, instant(about.since_us), now)
    return at_risk_steps(log, rules, about.vocabulary)


def plan_journeys(
    model: JourneyModel[Any],
    steps: Steps,
    attributes: pa.Table | None,
    requests: Sequence[PlanRequest],
    beam: Beam = Beam(),
) -> list[Plan | FarviewError]:
    """A plan for every request, in their order, or the reason why there is none; arguments as of `best_plans`."""
    return [
        answer if isinstance(answer, FarviewError) else answer[0]
        for answer in best_plans(model, steps, attributes, requests, beam)
    ]


def best_plans(
    model: JourneyModel[Any],
    steps: Steps,
    attributes: pa.Table | None,
    requests: Sequence[PlanRequest],
    beam: Beam = Beam(),
    best: int = 1,
) -> list[tuple[Plan, ...] | FarviewError]:
    """The best plans of every request that the search finds, best first, or the reason why there is none.

    Args:
        model: hazards and their calibration.
        steps: of `histories`; its end is the present. Customers without a touch need not be in it.
        attributes: customer_id and static attributes; None or a missing customer is planned for without.
        requests: a customer may occur several times.
        beam: how much is looked at.
        best: how many plans of each, at least 1; fewer where fewer keep to the constraints.

    Returns:
        Distinct plans, and for requests that are wrong or infeasible the InvalidInput or Infeasible that says so.
    """
    answers: list[tuple[Plan, ...] | FarviewError | None] = [None] * len(requests)
    groups: dict[int, list[Asked]] = {}
    compiler = Compiler.of(model.about, steps)
    for number, request in enumerate(requests):
        try:
            asked = compiler.compile(number, request)
        except (InvalidInput, Infeasible) as error:
            answers[number] = error
            continue
        groups.setdefault(max(_width(asked.compiled, beam), best), []).append(asked)
    for width, group in groups.items():
        chunk = max(_PARTIAL_PLANS // width, 1)
        for first in range(0, len(group), chunk):
            part = group[first : first + chunk]
            batch = _batch(model.about, steps, attributes, part)
            found = search(model, batch, width, best)
            for asked, plans in zip(part, _answers(model, part, found), strict=True):
                for plan in plans:
                    verify(asked, plan, steps, model.about)
                undecided = InvalidInput.of(
                    f"requests[{asked.number}].constraints", "are too entangled to be decided (ask for fewer touches)"
                )
                answers[asked.number] = plans or undecided
    return [answer for answer in answers if answer is not None]


def plan_journey(
    model: JourneyModel[Any],
    steps: Steps,
    attributes: pa.Table | None,
    request: PlanRequest,
    beam: Beam = Beam(),
) -> Plan:
    """The plan of one request; see `plan_journeys`.

    Raises:
        InvalidInput: a field of the request makes no sense.
        Infeasible: no plan keeps to the constraints; names a set of them of which none can be left out.
    """
    answer = plan_journeys(model, steps, attributes, [request], beam)[0]
    if isinstance(answer, FarviewError):
        raise answer
    return answer


def trip(model: JourneyModel[Any], steps: Steps, attributes: pa.Table | None, requests: Sequence[PlanRequest]) -> Trip:
    """The customers of requests, ready to be rolled out; arguments as of `best_plans`.

    Raises:
        InvalidInput: a request makes no sense.
        Infeasible: no journey keeps to the constraints of one.
    """
    compiler = Compiler.of(model.about, steps)
    asked = [compiler.compile(number, request) for number, request in enumerate(requests)]
    batch = _batch(model.about, steps, attributes, asked)
    hours = (_times(asked, batch.rules.allowed.shape[1]) - steps.limits.until_us) / HOUR_US
    cost = np.array([costs(one.request, model.about.vocabulary.channels) for one in asked])
    margin = np.array([one.request.margin for one in asked], np.float64)
    return Trip(batch, [one.request.customer_id for one in asked], hours, cost, margin)


def _width(compiled: Compiled, beam: Beam) -> int:
    """Partial plans to keep: all of them, to the next power of two, where they are few."""
    everything = full_width(compiled, beam.exact_width)
    return beam.width if everything is None else max(1 << (everything - 1).bit_length(), beam.width)


def _batch(about: About, steps: Steps, attributes: pa.Table | None, asked: Sequence[Asked]) -> Batch:
    """The requests as arrays."""
    n, L, channels = len(asked), max(len(one.compiled.allowed) for one in asked), about.vocabulary.channels
    matching = np.full((n, L), -1)
    for row, one in enumerate(asked):
        matching[row, : len(one.compiled.matching)] = one.compiled.matching
    customers = np.array([one.customer for one in asked])
    planned_us = _times(asked, L)
    context = about.context.encode(attributes, [one.request.customer_id for one in asked])
    length_cost = np.array([one.request.length_cost for one in asked])
    return Batch(
        rules=rules_of(asked, L),
        caps=np.array([one.compiled.caps for one in asked]),
        matching=matching,
        worth=np.array([one.request.worth for one in asked], np.float64),
        cost=np.array([costs(one.request, channels) for one in asked]) + length_cost[:, None],
        standing=Standing(_past(steps, customers, context), planned_state(steps, customers, planned_us)),
        before_plan=_before_plan(steps, customers, planned_us[:, 0]),
    )


def _times(asked: Sequence[Asked], length: int) -> IntArray:
    """Instants of the planned touches, microseconds, (n, length); those beyond a plan's longest go on as its last."""
    times = np.empty((len(asked), length), np.int64)
    for row, one in enumerate(asked):
        own = min(len(one.times_us), length)
        times[row, :own], times[row, own:] = one.times_us[:own], one.times_us[own - 1]
    return times


def _past(steps: Steps, customers: IntArray, context: Float32Array) -> Histories:
    """The touches of each customer, none for -1."""
    begin = np.append(steps.offsets[:-1], 0)[customers]
    length = np.append(np.diff(steps.offsets), 0)[customers]
    return Histories(begin, begin + length, steps.channel, steps.interaction, steps.state, context)


def _before_plan(steps: Steps, customers: IntArray, first_us: IntArray) -> FloatArray:
    """Hours since the last touch, now and at the first planned one, shape (n, 2); NaN where it is over."""
    hours = np.full((len(customers), 2), np.nan)
    for row in np.flatnonzero(customers >= 0):
        last = steps.offsets[customers[row] + 1] - 1
        if not steps.converted[last]:
            since = np.array([steps.limits.until_us, first_us[row]]) - steps.time_us[last]
            hours[row] = since / HOUR_US
    return hours


def _answers(model: JourneyModel[Any], asked: Sequence[Asked], found: Found) -> list[tuple[Plan, ...]]:
    """What was found, in words: the plans of each request, best first."""
    n, best, L = found.path.shape
    present = found.path >= 0
    logit = np.nan_to_num(found.logit)
    hazard = np.where(present, model.about.calibration.probability(logit), 0.0)
    at_start = np.where(present[:, :, 0], 1 - found.converted[:, None], 1 - found.without[:, None])
    reached = at_start[:, :, None] * np.cumprod(np.concatenate([np.ones((n, best, 1)), 1 - hazard], axis=2), axis=2)
    low, high = (
        1 - at_start * (1 - bound.reshape(n, best))
        for bound in model.about.calibration.path_interval(logit.reshape(-1, L), present.reshape(-1, L))
    )
    figures = _Figures(hazard, reached, low, high)
    return [
        tuple(
            _plan(model, one, found, figures, (row, place))
            for place in range(best)
            if np.isfinite(found.value[row, place])
        )
        for row, one in enumerate(asked)
    ]


class _Figures(NamedTuple):
    """Of N plans of each of n customers."""

    hazard: FloatArray  # (n, N, L)
    reached: FloatArray  # (n, N, L + 1) probability that no conversion came before each touch, and after the last
    low: FloatArray  # (n, N) of the probability of a conversion
    high: FloatArray


def _plan(model: JourneyModel[Any], asked: Asked, found: Found, figures: _Figures, at: tuple[int, int]) -> Plan:
    row, request, channels = at[0], asked.request, model.about.vocabulary.channels
    reached = figures.reached[at]
    touches = tuple(
        PlannedTouch(
            position=position + 1,
            time=instant(int(asked.times_us[position])),
            channel=channels[code],
            hazard=float(figures.hazard[at][position]),
            reached=float(reached[position]),
            cost=float(request.touch_costs.get(channels[code], 0.0)),
        )
        for position, code in enumerate(found.path[at].tolist())
        if code >= 0
    )
    probability, without = float(1 - reached[-1]), float(found.without[row])
    expected_cost = sum(touch.reached * touch.cost for touch in touches)
    return Plan(
        customer_id=request.customer_id,
        touches=touches,
        probability=probability,
        probability_low=float(figures.low[at]),
        probability_high=float(figures.high[at]),
        probability_without=without,
        expected_value=(probability - without) * request.worth - expected_cost,
        expected_cost=expected_cost,
        optimality_gap=max(0.0, float(found.aside[row] - found.value[at])),
        evidence=model.about.evidence,
        model=model.name,
    )
