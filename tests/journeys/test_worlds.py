"""A planner learnt from a world's log, judged by its truth: gain over the policy so far, and honest forecasts."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from farview.features.journey_context import ContextEncoding
from farview.features.steps import StepRules, Vocabulary, at_risk_steps
from farview.simulation.business import WINDOW_DAYS, World
from farview.simulation.journeys import simulate_journeys
from farview.simulation.optimum import PlanRules, optimal_plan
from farview.simulation.touch_log import touchpoints
from farview.simulation.truth import Standing, historical_probability, path_probability
from farview.simulation.world import make_world
from journeys.constraints import Constraints
from journeys.plan import PlanRequest
from journeys.planning import histories, plan_journeys
from journeys.training import train_network
from tests.journeys.models import INTERACTIONS
from tests.tiers import examples

SEEDS = range(1, examples(ci=2, soak=5))
LEARNT = examples(ci=8_000, soak=60_000)  # customers
PLANNED, TOUCHES = 200, 5
LEAST_GAIN = 0.9 if LEARNT >= 60_000 else 0.6
MOST_OFF = 0.1 if LEARNT >= 60_000 else 0.25


@dataclass(frozen=True)
class Outcome:
    """Of the plans of customers who have not converted, one figure each."""

    foreseen: np.ndarray
    true: np.ndarray
    best: np.ndarray  # of the plan of highest true probability
    as_before: np.ndarray  # of as many touches by the policy that made the log

    @property
    def gain(self) -> float:
        """Of what there was to gain over the policy so far, the part that was."""
        before = self.as_before.mean()
        return float((self.true.mean() - before) / (self.best.mean() - before))


@pytest.fixture(scope="module", params=SEEDS)
def outcome(request: pytest.FixtureRequest) -> Outcome:
    world = make_world(request.param)
    customers, touches = simulate_journeys(world, LEARNT)
    log, ids = touchpoints(world, touches), customers.ids().to_pylist()
    vocabulary = Vocabulary(tuple(sorted(world.channels)), INTERACTIONS)
    steps = at_risk_steps(log, StepRules(world.time_zone), vocabulary)
    attributes = pa.table({"customer_id": ids, "segment": np.array(world.segments)[customers.segment]})
    encoding = ContextEncoding.learn(attributes, ["segment"])
    model = train_network("lstm", steps, (encoding, encoding.encode(attributes, steps.customer_ids)))

    standing = standings(world, customers, touches)
    chosen = np.random.default_rng(0).choice(sorted(standing), PLANNED, replace=False).tolist()
    names = [ids[row] for row in chosen]
    past = histories(
        model.about,
        log.filter(pc.is_in(log["customer_id"], value_set=pa.array(names))),
        world.log_end + timedelta(days=WINDOW_DAYS),
    )
    requests = [
        PlanRequest(name, Constraints(TOUCHES, TOUCHES, denied=denied(world, standing[row])))
        for name, row in zip(names, chosen, strict=True)
    ]
    plans = plan_journeys(model, past, attributes, requests)
    stood = [standing[row] for row in chosen]
    paths = [[world.channels.index(touch.channel) for touch in plan.touches] for plan in plans]
    return Outcome(
        foreseen=np.array([plan.probability for plan in plans]),
        true=np.array([path_probability(world, at, path) for at, path in zip(stood, paths, strict=True)]),
        best=np.array([optimal_plan(world, at, PlanRules(TOUCHES, TOUCHES)).probability for at in stood]),
        as_before=np.array([historical_probability(world, at, TOUCHES) for at in stood]),
    )


def standings(world: World, customers, touches) -> dict[int, Standing]:
    """Where every customer stands who was touched, has not converted and permits a channel, by row."""
    row_of = {int(number): row for row, number in enumerate(customers.number)}
    won, made = set(touches.customer[touches.converted].tolist()), {}
    for number, channel, interaction in zip(
        touches.customer.tolist(), touches.channel.tolist(), touches.interaction.tolist(), strict=True
    ):
        made.setdefault(number, []).append((channel, interaction))
    return {
        row: Standing(int(customers.segment[row]), tuple(customers.consent[row].tolist()), *zip(*path, strict=True))
        for number, path in made.items()
        if number not in won and customers.consent[row := row_of[number]].any()
    }


def denied(world: World, standing: Standing) -> frozenset[str]:
    return frozenset(name for name, allowed in zip(world.channels, standing.consent, strict=True) if not allowed)


def test_plans_gain_most_of_what_the_best_plans_would(outcome: Outcome) -> None:
    assert outcome.gain >= LEAST_GAIN


def test_no_plan_is_truly_better_than_the_best(outcome: Outcome) -> None:
    assert np.all(outcome.true <= outcome.best + 1e-12)


def test_what_chosen_plans_foresee_is_nearly_true(outcome: Outcome) -> None:
    assert outcome.foreseen.mean() / outcome.true.mean() == pytest.approx(1.0, abs=MOST_OFF)
