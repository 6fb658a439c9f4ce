"""What the simulated business itself says of a plan: the chance that it really has, and the best there is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from farview.client import JourneyRules
from farview.features.journey_log import CONVERSION
from farview.simulation.business import INTERACTIONS, WINDOW_DAYS, World
from farview.simulation.optimum import PlanRules, optimal_plan
from farview.simulation.truth import Standing, historical_probability, path_probability
from farview.store.store import Store
from farview.v1.journey_pb2 import JourneyPlan
from farview.v1.prioritization_pb2 import PrioritizeCustomersResponse


@dataclass(frozen=True, slots=True)
class Chosen:
    """The customer to plan for."""

    customer_id: str
    attributes: Mapping[str, str | float]
    place: int  # in the audience
    channels: tuple[str, ...]  # of the touches so far, oldest first
    interactions: tuple[str, ...]
    margin: float  # of a conversion, business currency


@dataclass(frozen=True, slots=True)
class Judged:
    """True probability of a conversion."""

    plan: float  # of the plan
    best: float  # of the plan of highest true value
    best_channels: tuple[str, ...]
    as_before: float  # of as many touches chosen as the business chose them so far


def present(world: World) -> datetime:
    """A time at which the window of every touch of the log has passed."""
    return world.log_end + timedelta(days=WINDOW_DAYS)


def journey_customer(store: Store, reached: PrioritizeCustomersResponse, world: World) -> Chosen:
    """The first of the audience who was touched and has not converted; else the first who has not."""
    ids = [customer.customer_id for customer in reached.customers]
    log = store.touchpoints_of(ids, present(world)).sort_by("time").to_pylist()
    touched = {row["customer_id"] for row in log}
    converted = {row["customer_id"] for row in log if row["interaction"] == CONVERSION}
    open_ones = [name for name in ids if name not in converted] or ids
    customer = next((name for name in open_ones if name in touched), open_ones[0])
    mine = [row for row in log if row["customer_id"] == customer]
    (row,) = store.attributes([customer]).to_pylist()
    attributes = json.loads(row["attributes"])
    return Chosen(
        customer_id=customer,
        attributes=attributes,
        place=ids.index(customer) + 1,
        channels=tuple(row["channel"] for row in mine),
        interactions=tuple(row["interaction"] for row in mine),
        margin=float(world.conversion_value_mean[world.segments.index(attributes["segment"])]),
    )


def truth_of(world: World, chosen: Chosen, plan: JourneyPlan, rules: JourneyRules) -> Judged:
    """The plan beside the optimum by dynamic programming and what the business did so far."""
    code = {name: number for number, name in enumerate(world.channels)}
    standing = Standing(
        segment=world.segments.index(str(chosen.attributes["segment"])),
        consent=tuple(name not in plan.denied_channels for name in world.channels),
        channels=tuple(code[name] for name in chosen.channels),
        interactions=tuple(INTERACTIONS.index(name) for name in chosen.interactions),
    )
    best = optimal_plan(
        world,
        standing,
        # The rules count planned touches, those of the optimum past ones too.
        PlanRules(rules.max_touches, caps={code[c]: most + chosen.channels.count(c) for c, most in rules.caps.items()}),
        margin=chosen.margin,
        cost=world.touch_cost,
    )
    return Judged(
        plan=path_probability(world, standing, [code[touch.channel] for touch in plan.touches]),
        best=best.probability,
        best_channels=tuple(world.channels[channel] for channel in best.channels),
        as_before=historical_probability(world, standing, len(plan.touches)),
    )
