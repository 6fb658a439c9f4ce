"""Training with logged chances: what weights do, and that plans of a confounded world gain by them."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from farview.features.steps import StepRules, at_risk_steps
from farview.simulation.business import WINDOW_DAYS
from farview.simulation.journeys import simulate_journeys
from farview.simulation.touch_log import touchpoints
from farview.simulation.truth import path_probability
from farview.simulation.world import make_world
from journeys.constraints import Constraints
from journeys.markov2 import train_markov2
from journeys.plan import PlanRequest
from journeys.planning import histories, plan_journeys
from journeys.weighting import MOST, evidence_of, stabilised, weighted
from tests.journeys.models import random_steps
from tests.journeys.test_support import everything
from tests.journeys.test_worlds import denied, standings
from tests.tiers import examples

SEEDS = range(1, examples(ci=3, soak=11))  # the choice of weights was made on 1 to 5, 6 to 10 were looked at once
LEARNT = examples(ci=8_000, soak=60_000)


def logged(steps, chance) -> object:
    return replace(steps, propensity=np.broadcast_to(np.asarray(chance, np.float64), len(steps)).copy())


def test_evidence_is_what_the_log_tells_of_chances():
    steps = random_steps(1, 40, 3)
    assert evidence_of(steps) == "observational"
    assert evidence_of(logged(steps, np.array([0.2, 0.3, 0.5])[steps.channel])) == "randomised"
    some = logged(steps, np.random.default_rng(0).uniform(0.1, 0.9, len(steps)))
    assert evidence_of(some) == "propensity-weighted"
    some.propensity[0] = np.nan
    assert evidence_of(some) == "observational"


def test_weights_are_products_along_the_journey():
    steps = random_steps(2, 40, 3)
    chance = np.random.default_rng(1).uniform(0.2, 0.9, len(steps))
    weight = stabilised(logged(steps, chance))
    counts: dict[tuple[int, int], int] = {}
    for pair in _pairs(steps):
        counts[pair] = counts.get(pair, 0) + 1
    expected, total = [], 1.0
    for row, (before, channel) in enumerate(_pairs(steps)):
        share = counts[before, channel] / sum(counts.get((before, code), 0) for code in range(3))
        total = (1.0 if row in steps.offsets else total) * share / chance[row]
        expected.append(min(total, MOST))
    np.testing.assert_allclose(weight, expected)


@pytest.mark.parametrize("reads", [1, 2, 3])
def test_weights_of_a_model_that_reads_few_touches_are_products_over_those(reads: int):
    steps = random_steps(2, 40, 3)
    chance = np.random.default_rng(1).uniform(0.2, 0.9, len(steps))
    alone = np.bincount(steps.channel) / len(steps)
    pairs = _pairs(steps)
    begins = np.repeat(steps.offsets[:-1], np.diff(steps.offsets))
    expected = []
    for row in range(len(steps)):
        total = 1.0
        for other in range(max(row - reads + 1, begins[row]), row + 1):
            before, channel = pairs[other]
            same = [pair for pair in pairs if pair[0] == before]
            share = alone[channel] if row - other == reads - 1 else same.count((before, channel)) / len(same)
            total *= share / chance[other]
        expected.append(min(total, MOST))
    np.testing.assert_allclose(stabilised(logged(steps, chance), reads), expected)


def _pairs(steps) -> list[tuple[int, int]]:
    starts = set(steps.offsets.tolist())
    return [(4 if row in starts else int(steps.channel[row - 1]), int(steps.channel[row])) for row in range(len(steps))]


def test_only_evidence_by_weights_is_weighted():
    steps = logged(random_steps(3, 40, 3), 0.9)
    seen = everything(steps)
    np.testing.assert_array_equal(weighted(seen, steps, "observational").weight, seen.weight)
    own = stabilised(steps)
    scaled = weighted(replace(seen, weight=np.ones(len(own))), steps, "propensity-weighted").weight
    np.testing.assert_allclose(scaled / scaled[0], own / own[0])
    assert scaled.sum() == pytest.approx(own.sum() ** 2 / np.square(own).sum())  # as many as tell as much


def test_among_weighted_touches_a_hidden_cause_tells_little_of_the_channels_that_are_read():
    world = make_world(1, confounded=True)
    customers, touches = simulate_journeys(world, 20_000)
    steps = at_risk_steps(touchpoints(world, touches), StepRules(world.time_zone))
    eager = dict(zip(customers.ids().to_pylist(), customers.intent.tolist(), strict=True))
    hidden = np.array([eager[name] for name in steps.customer_ids])[steps.customer] == 1
    third, before = steps.index == 3, np.append(-1, steps.channel[:-1])
    pair = before * len(world.channels) + steps.channel

    def apart(weight, read) -> float:
        shares = [
            np.bincount(read[third & who], weight[third & who], 36) / weight[third & who].sum()
            for who in (hidden, ~hidden)
        ]
        return float(np.abs(shares[0] - shares[1]).sum() / 2)

    plain = np.ones(len(steps))
    assert apart(stabilised(steps), steps.channel) < 0.3 * apart(plain, steps.channel)  # weights are cut off
    assert apart(stabilised(steps, 1), steps.channel) < 0.1 * apart(plain, steps.channel)
    assert apart(stabilised(steps, 2), pair) < 0.3 * apart(plain, pair)


def truly(seed: int) -> tuple[float, float]:
    """Mean true probability of plans by a chain that learnt naively, and by the logged chances."""
    world = make_world(seed, confounded=True)
    customers, touches = simulate_journeys(world, LEARNT)
    log, ids = touchpoints(world, touches), customers.ids().to_pylist()
    steps = at_risk_steps(log, StepRules(world.time_zone))
    standing = standings(world, customers, touches)
    chosen = np.random.default_rng(0).choice(sorted(standing), 200, replace=False).tolist()
    requests = [PlanRequest(ids[row], Constraints(5, 5, denied=denied(world, standing[row]))) for row in chosen]
    values = []
    for evidence in ("observational", "propensity-weighted"):
        model = train_markov2(steps, None, evidence)
        past = histories(model.about, log, world.log_end + timedelta(days=WINDOW_DAYS))
        plans = plan_journeys(model, past, None, requests)
        assert {plan.evidence for plan in plans} == {evidence}
        paths = [[world.channels.index(touch.channel) for touch in plan.touches] for plan in plans]
        values.append(
            np.mean([path_probability(world, standing[row], path) for row, path in zip(chosen, paths, strict=True)])
        )
    return float(values[0]), float(values[1])


def test_plans_of_confounded_worlds_are_worth_more_where_chances_were_logged():
    times = [by_chances / naive for naive, by_chances in map(truly, SEEDS)]
    assert np.mean(times) >= (1.2 if LEARNT >= 60_000 else 1.0)
