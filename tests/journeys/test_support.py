"""What a log can speak for, and how the planner heeds it."""

from dataclasses import replace
from itertools import product

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit

from farview.evaluation.journey_splits import Observed
from farview.features.journey_state import STATE_COLUMNS
from farview.features.steps import StepRules, at_risk_steps
from journeys.attribution import model_removal
from journeys.cautious import CAUTIONS, with_caution
from journeys.constraints import Constraints
from journeys.markov2 import train_markov2
from journeys.plan import PlanRequest
from journeys.planning import Beam, histories, plan_journey
from journeys.support import Support, channels_before
from tests.journeys.models import (
    CHANNELS,
    CONTEXT,
    NOW,
    START,
    attributes,
    random_log,
    random_lstm,
    random_steps,
)


def everything(steps) -> Observed:
    rows = np.arange(len(steps))
    return Observed(rows, 1 + rows % 3 / 2, 0)


def cautious(model, counts: np.ndarray, caution: float, edge: float = 9.0):
    features = len(STATE_COLUMNS)
    support = Support(tuple(map(tuple, counts.tolist())), 0.05, (-edge,) * features, (edge,) * features, caution)
    return replace(model, about=replace(model.about, support=support))


def test_touches_are_counted_by_the_one_before():
    steps, C = random_steps(1, 40, 3), 3
    seen = everything(steps)
    expected = np.zeros((C + 2, C))
    for customer in range(len(steps.customer_ids)):
        before = C + 1
        for row in range(*steps.offsets[customer : customer + 2]):
            expected[before, steps.channel[row]] += seen.weight[row]
            before = steps.channel[row]
    np.testing.assert_allclose(Support.learn(steps, seen).table(), expected)


def test_a_customer_without_a_step_has_no_first_touch():
    steps = random_steps(1, 10, 3)
    emptied = replace(steps, offsets=np.append(steps.offsets, [len(steps), len(steps)]))
    np.testing.assert_array_equal(channels_before(emptied), channels_before(steps))


def test_a_second_order_chain_reads_journeys_of_which_nothing_is_left():
    """Attribution removes a channel, and with it all touches of some customers, the last one among them."""
    steps = next(
        steps
        for steps in (random_steps(seed, 40, 3) for seed in range(30))
        if len({*steps.channel[steps.offsets[-2] :]}) == 1
    )
    by_channel, _ = model_removal(train_markov2(steps), steps, np.zeros((len(steps.customer_ids), 0), np.float32))
    assert np.isfinite(by_channel).all()


def test_the_less_a_log_holds_the_more_is_taken_off():
    counts = np.array([[0.0, 20.0, 2000.0]] * 5)
    support = Support(tuple(map(tuple, counts.tolist())), 0.05, (), (), 2.0)
    np.testing.assert_allclose(support.penalty()[0], [2.0, 2 / np.sqrt(2), 2 / np.sqrt(101)])


def test_plans_are_the_best_by_the_lowered_hazards_and_their_gap_holds():
    counts = np.random.default_rng(3).integers(0, 200, (5, 3)).astype(float)
    model = cautious(random_lstm(4, channels=3), counts, 1.5)
    plain = cautious(model, counts, 0.0)
    log = random_log(2, 12, 3)
    past = histories(model.about, log, NOW)
    for name in past.customer_ids[:6]:
        every = [Constraints(3, 3, fixed=dict(enumerate(names, 1))) for names in product(CHANNELS[:3], repeat=3)]
        values = [plan_journey(model, past, attributes(12), PlanRequest(name, rules)).expected_value for rules in every]
        best = plan_journey(model, past, attributes(12), PlanRequest(name, Constraints(3, 3)))
        assert best.expected_value == pytest.approx(max(values), abs=1e-9)
        narrow = plan_journey(model, past, attributes(12), PlanRequest(name, Constraints(3, 3)), Beam(1, 1))
        assert narrow.expected_value + narrow.optimality_gap >= max(values) - 1e-9
        believed = plan_journey(plain, past, attributes(12), PlanRequest(name, Constraints(3, 3)))
        assert best.probability < believed.probability


def test_a_lowered_hazard_is_that_of_a_logit_less_the_penalty():
    counts = np.zeros((5, 3))
    model = cautious(random_lstm(5, channels=3), counts, 0.7)
    past = histories(model.about, random_log(2, 12, 3), NOW)
    rules = PlanRequest(past.customer_ids[0], Constraints(1, 1, fixed={1: CHANNELS[1]}))
    lowered, plain = (
        plan_journey(each, past, attributes(12), rules).touches[0].hazard
        for each in (model, cautious(model, counts, 0.0))
    )
    assert np.log(plain / (1 - plain)) - np.log(lowered / (1 - lowered)) == pytest.approx(0.7, abs=1e-5)


def test_times_beyond_those_of_the_log_are_read_as_its_edge():
    model = cautious(random_lstm(6, channels=3), np.zeros((5, 3)), 0.0, edge=0.0)  # a log all of whose times are alike
    past = histories(model.about, random_log(2, 12, 3), NOW)
    rules = Constraints(2, 2, fixed={1: CHANNELS[0], 2: CHANNELS[1]})
    soon, late = (
        plan_journey(model, past, None, PlanRequest("nobody", rules, gap_hours=gap)).touches[1].hazard
        for gap in (1.0, 2400.0)
    )
    assert soon == late


@pytest.mark.parametrize(("too_high", "expected"), [(0.0, (0.0, 1.0)), (0.8, (1.0, 2.0))])
def test_caution_is_what_makes_choices_come_as_often_as_foreseen(too_high: float, expected: tuple[float, float]):
    """Steps drawn from the model itself, then read by one whose choices are foreseen too high."""
    steps = random_steps(8, 3_000, 3)
    model = cautious(random_lstm(7, channels=3), np.full((5, 3), 20.0), 0.0)  # a penalty of .7 for each standard error
    context = CONTEXT.encode(attributes(3_000), steps.customer_ids)
    unknown = replace(steps, interaction=np.full_like(steps.interaction, 2))
    hazard = model.about.calibration.probability(model.logits(unknown, context))
    came = np.random.default_rng(9).random(len(steps)) < hazard
    shifted = replace(model.about.calibration, shift=model.about.calibration.shift + too_high)
    reads = replace(model, about=replace(model.about, calibration=shifted))
    chosen = with_caution(reads, replace(unknown, converted=came), context, everything(steps)).about.support.caution
    assert chosen in CAUTIONS
    assert expected[0] <= chosen <= expected[1]


def test_caution_is_chosen_by_the_hazards_that_plans_will_have():
    """A curve after the lowered logit flattens it, so more must be taken off for the same effect."""
    steps, logits = random_steps(8, 6_000, 3), np.linspace(-8, 8, 200)
    model = cautious(random_lstm(7, channels=3), np.zeros((5, 3)), 2.0)
    curve = tuple(zip(expit(logits).tolist(), expit(0.3 * logits - 1.5).tolist(), strict=True))
    model = replace(model, about=replace(model.about, calibration=replace(model.about.calibration, curve=curve)))
    context = CONTEXT.encode(attributes(6_000), steps.customer_ids)
    lowered = model.logits(replace(steps, interaction=np.full_like(steps.interaction, 2)), context) - 2.0 * 1.1
    came = np.random.default_rng(9).random(len(steps)) < model.about.calibration.probability(lowered)
    chosen = with_caution(model, replace(steps, converted=came), context, everything(steps)).about.support.caution
    assert chosen >= 1.5


def test_more_channels_than_can_be_planned_with_are_learnt_from_and_heeded_not():
    names = [f"channel {number:02d}" for number in range(70)]
    log = random_log(1, 300, 3)
    log = log.set_column(log.column_names.index("channel"), "channel", pa.array((names * len(log))[: len(log)]))
    model = train_markov2(at_risk_steps(log, StepRules("Europe/Berlin", since=START, until=NOW)))
    assert len(model.about.vocabulary.channels) == 70
    assert model.about.support.caution == 0.0
