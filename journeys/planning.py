"""From histories and requests to plans: the front door of the planner."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from farview.core.errors import FarviewError, Infeasible, InvalidInput
from farview.features.journey_state import HOUR_US
from farview.features.steps import StepRules, Steps, at_risk_steps, instant, micros, planned_state
from journeys.about import About
from journeys.beam import Prices, Rules
from journeys.constraints import Compiled, compile_rules
from journeys.inputs import Histories
from journeys.plan import Plan, PlannedTouch, PlanRequest
from journeys.planner import BEAM_WIDTH, Batch, Found, full_width, search
from journeys.scorer import Float32Array, FloatArray, IntArray, JourneyModel, Standing

_PARTIAL_PLANS = 16_384  # in memory at once


def histories(about: About, log: pa.Table, now: datetime) -> Steps:
    """The customers' touches before now as that model reads them."""
    rules = StepRules(about.zone, about.window_days, instant(about.since_us), now)
    return at_risk_steps(log, rules, about.vocabulary)


def plan_journeys(
    model: JourneyModel[Any],
    steps: Steps,
    attributes: pa.Table | None,
    requests: Sequence[PlanRequest],
    beam_width: int = BEAM_WIDTH,
) -> list[Plan | FarviewError]:
    """A plan for every request, in their order, or the reason why there is none.

    Args:
        model: hazards and their calibration.
        steps: of `histories`; its end is the present. Customers without a touch need not be in it.
        attributes: customer_id and static attributes; None or a missing customer is planned for without.
        requests: a customer may occur several times.
        beam_width: partial plans kept at each position; more where that makes the search exact at little cost.

    Returns:
        Plans, and for requests that are wrong or infeasible the InvalidInput or Infeasible that says so.
    """
    answers: list[Plan | FarviewError | None] = [None] * len(requests)
    groups: dict[int, list[tuple[int, Compiled]]] = {}
    known: dict[int, Compiled] = {}  # by identity: many requests of a batch share their constraints
    for number, request in enumerate(requests):
        try:
            _check(request, model.about, steps.limits.until_us, f"requests[{number}]")
            compiled = known.get(id(request.constraints)) or compile_rules(
                request.constraints, model.about.vocabulary.channels, f"requests[{number}].constraints"
            )
        except (InvalidInput, Infeasible) as error:
            answers[number] = error
            continue
        known[id(request.constraints)] = compiled
        groups.setdefault(_width(compiled, beam_width), []).append((number, compiled))
    for width, group in groups.items():
        chunk = max(_PARTIAL_PLANS // width, 1)
        for first in range(0, len(group), chunk):
            part = group[first : first + chunk]
            asked = [requests[number] for number, _ in part]
            batch, planned_us = _batch(model.about, steps, attributes, asked, [compiled for _, compiled in part])
            found = search(model, batch, width)
            plans = _plans(model, asked, batch, found, planned_us)
            for (number, _), plan in zip(part, plans, strict=True):
                answers[number] = plan
    return [answer for answer in answers if answer is not None]


def plan_journey(
    model: JourneyModel[Any],
    steps: Steps,
    attributes: pa.Table | None,
    request: PlanRequest,
    beam_width: int = BEAM_WIDTH,
) -> Plan:
    """The plan of one request; see `plan_journeys`.

    Raises:
        InvalidInput: a field of the request makes no sense.
        Infeasible: no plan keeps to the constraints; names a set of them of which none can be left out.
    """
    answer = plan_journeys(model, steps, attributes, [request], beam_width)[0]
    if isinstance(answer, FarviewError):
        raise answer
    return answer


def _check(request: PlanRequest, about: About, now_us: int, path: str) -> None:
    channels = about.vocabulary.channels
    if not (np.isfinite(request.margin) and request.margin >= 0):
        raise InvalidInput.of(f"{path}.margin", f"{request.margin} is not an amount of at least 0")
    for channel, cost in request.touch_costs.items():
        if channel not in channels:
            raise InvalidInput.of(f"{path}.touch_costs", f"no channel {channel!r} (known: {', '.join(channels)})")
        if not (np.isfinite(cost) and cost >= 0):
            raise InvalidInput.of(f"{path}.touch_costs[{channel}]", f"{cost} is not an amount of at least 0")
    if request.first_at is not None and micros(request.first_at) < now_us:
        raise InvalidInput.of(f"{path}.first_at", f"{request.first_at.isoformat()} is past (plan from now on)")
    if request.gap_hours is not None and not (np.isfinite(request.gap_hours) and request.gap_hours > 0):
        raise InvalidInput.of(f"{path}.gap_hours", f"{request.gap_hours} is not a positive number of hours")


def _width(compiled: Compiled, beam_width: int) -> int:
    """Partial plans to keep: all of them, to the next power of two, where they are few."""
    everything = full_width(compiled)
    return beam_width if everything is None else max(1 << (everything - 1).bit_length(), beam_width)


def _batch(
    about: About,
    steps: Steps,
    attributes: pa.Table | None,
    requests: Sequence[PlanRequest],
    compiled: Sequence[Compiled],
) -> tuple[Batch, IntArray]:
    """The requests as arrays, and the instants of the planned touches, shape (n, L)."""
    n, L, C = len(requests), max(len(rules.allowed) for rules in compiled), len(about.vocabulary.channels)
    allowed, matching = np.zeros((n, L), np.uint64), np.full((n, L), -1)
    cost = np.zeros((n, C))
    for row, (request, rules) in enumerate(zip(requests, compiled, strict=True)):
        allowed[row, : len(rules.allowed)] = rules.allowed
        matching[row, : len(rules.matching)] = rules.matching
        for channel, amount in request.touch_costs.items():
            cost[row, about.vocabulary.channels.index(channel)] = amount
    ids = [request.customer_id for request in requests]
    place = {name: number for number, name in enumerate(steps.customer_ids)}
    customers = np.array([place.get(name, -1) for name in ids])
    planned_us = _schedule(requests, about, steps.limits.until_us, L)
    context = about.context.encode(attributes, ids)
    batch = Batch(
        rules=Rules(allowed, np.array([len(rules.matching) for rules in compiled])),
        caps=np.array([rules.caps for rules in compiled]),
        matching=matching,
        prices=Prices(np.array([request.margin for request in requests], np.float64), cost),
        standing=Standing(_past(steps, customers, context), planned_state(steps, customers, planned_us)),
        before_plan=_before_plan(steps, customers, planned_us[:, 0]),
    )
    return batch, planned_us


def _past(steps: Steps, customers: IntArray, context: Float32Array) -> Histories:
    """The touches of each customer, none for -1."""
    begin = np.append(steps.offsets[:-1], 0)[customers]
    length = np.append(np.diff(steps.offsets), 0)[customers]
    return Histories(begin, begin + length, steps.channel, steps.interaction, steps.state, context)


def _schedule(requests: Sequence[PlanRequest], about: About, now_us: int, length: int) -> IntArray:
    """When each touch is planned, microseconds, shape (n, length)."""
    first = np.array([micros(request.first_at) if request.first_at else now_us for request in requests])
    gaps = np.array([about.timing.gap_hours if r.gap_hours is None else r.gap_hours for r in requests]) * HOUR_US
    later = np.rint(gaps[:, None] * np.arange(length)).astype(np.int64)
    return np.asarray(first[:, None] + later, np.int64)


def _before_plan(steps: Steps, customers: IntArray, first_us: IntArray) -> FloatArray:
    """Hours since the last touch, now and at the first planned one, shape (n, 2); NaN where it is over."""
    hours = np.full((len(customers), 2), np.nan)
    for row in np.flatnonzero(customers >= 0):
        last = steps.offsets[customers[row] + 1] - 1
        if not steps.converted[last]:
            since = np.array([steps.limits.until_us, first_us[row]]) - steps.time_us[last]
            hours[row] = since / HOUR_US
    return hours


def _plans(
    model: JourneyModel[Any],
    requests: Sequence[PlanRequest],
    batch: Batch,
    found: Found,
    planned_us: IntArray,
) -> list[Plan]:
    """What was found, in words."""
    calibration, channels = model.about.calibration, model.about.vocabulary.channels
    present = found.path >= 0
    hazard = np.where(present, calibration.probability(np.nan_to_num(found.logit)), 0.0)
    begun = present[:, 0]
    at_start = np.where(begun, 1 - found.converted, 1 - found.without)
    reached = at_start[:, None] * np.cumprod(np.column_stack([np.ones(len(begun)), 1 - hazard]), axis=1)
    low, high = calibration.path_interval(np.nan_to_num(found.logit), present)
    cost = np.where(present, np.take_along_axis(batch.prices.cost, np.maximum(found.path, 0), axis=1), 0.0)
    plans = []
    for row, request in enumerate(requests):
        touches = tuple(
            PlannedTouch(
                position=position + 1,
                time=instant(int(planned_us[row, position])),
                channel=channels[found.path[row, position]],
                hazard=float(hazard[row, position]),
                reached=float(reached[row, position]),
                cost=float(cost[row, position]),
            )
            for position in np.flatnonzero(present[row]).tolist()
        )
        plans.append(
            Plan(
                customer_id=request.customer_id,
                touches=touches,
                probability=float(1 - reached[row, -1]),
                probability_low=float(1 - at_start[row] * (1 - low[row])),
                probability_high=float(1 - at_start[row] * (1 - high[row])),
                probability_without=float(found.without[row]),
                expected_value=float(found.value[row]),
                expected_cost=float(reached[row, :-1] @ cost[row]),
                optimality_gap=0.0 if found.exact[row] else None,
                evidence=model.about.evidence,
                model=model.name,
            )
        )
    return plans
