"""What PlanJourney answers beside a plan, plans that go on from others, batches, and roll-outs."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import grpc
import pyarrow as pa
import pytest

from farview.client import FarviewClient, JourneyBeside, JourneyPrices, JourneyRules
from farview.store.store import Store
from farview.store.values import Touchpoint
from farview.v1 import journey_pb2 as pb
from journeys.comparison import NAMES
from tests.server.conftest import Running
from tests.server.journeys import (
    CHANNELS,
    EVENING,
    TOUCHED,
    WHO,
    channels,
    consent,
    learnt,
    plan,
    planning,
    planning_all,
    request,
    stub,
)
from tests.server.refusals import fields, refused

__all__ = ["learnt", "planning", "planning_all"]

COSTS = [pb.TouchCost(channel=name, cost={"currency_code": "USD", "units": 2}) for name in CHANNELS]


def touched(running: Running, channel: str | None, at: datetime, interaction: str = "impression") -> None:
    running.store.record_touchpoints([Touchpoint(WHO, at, interaction, channel)], who="test")


def test_alternatives_are_other_plans_in_order_and_not_stored(planning_all: Running) -> None:
    answer = stub(planning_all).PlanJourney(request("beside", touch_costs=COSTS, alternative_count=3))
    values = [found.expected_value for found in (answer.plan, *answer.alternatives)]
    assert len(values) == 4
    assert values == sorted(values, reverse=True)
    assert len({tuple(channels(found)) for found in (answer.plan, *answer.alternatives)}) == 4
    assert {found.plan_id for found in answer.alternatives} == {""}


def test_the_least_change_of_a_price_alters_the_plan(planning_all: Running) -> None:
    asked = {"touch_costs": COSTS, "constraints": {"max_touches": 3}}
    answer = stub(planning_all).PlanJourney(request("explained", explained=True, **asked))
    change = answer.counterfactual
    assert list(change.channels) != channels(answer.plan)
    near = change.changed.units + change.changed.nanos / 1e9
    now = change.current.units + change.current.nanos / 1e9
    for share, same in ((0.98, True), (1.02, False)):
        wanted = now + share * (near - now)
        amount = {"currency_code": "USD", "units": int(wanted), "nanos": round(wanted % 1 * 1e6) * 1000}
        changed = dict(asked)
        if change.channel:
            costs = {cost.channel: cost for cost in COSTS} | {
                change.channel: pb.TouchCost(channel=change.channel, cost=amount)
            }
            changed["touch_costs"] = list(costs.values())
        else:
            changed["conversion_margin"] = amount
        other = plan(planning_all, f"changed {share}", alternative_count=20, **changed)
        assert (channels(other) == channels(answer.plan)) is same
    assert 1 < answer.confounding_withstood <= 100


@pytest.mark.parametrize("channel", CHANNELS[:3])
def test_a_change_that_would_leave_no_plan_in_the_budget_is_not_told(planning_all: Running, channel: str) -> None:
    rules = {"max_touches": 2, "min_touches": 2, "fixed_touches": [{"position": 1, "channel": channel}]}
    budget = {"currency_code": "USD", "units": 4}
    asked = {"constraints": {**rules, "budget": budget}, "touch_costs": COSTS}
    answer = stub(planning_all).PlanJourney(request(f"tight {channel}", explained=True, **asked))
    assert len(answer.plan.touches) == 2
    if answer.counterfactual.channel:
        assert answer.counterfactual.changed.units < 2 or answer.counterfactual.channel != channel


def test_what_a_conversion_changes_beyond_it_is_told_and_kept(planning: Running) -> None:
    change = {"currency_code": "USD", "units": -1, "nanos": -500_000_000}
    first = plan(planning, "first", residual_value_change=change, constraints={"max_touches": 2, "min_touches": 2})
    assert (first.residual_value_change.units, first.residual_value_change.nanos) == (-1, -500_000_000)
    gain = first.conversion_probability - first.probability_without_touches
    assert first.expected_value == pytest.approx(gain * (500 - 1.5) - first.expected_cost)
    on = pb.PlanJourneyRequest(request_id="on", customer_id=WHO, plan_time=EVENING, replaces_plan_id=first.plan_id)
    assert stub(planning).PlanJourney(on).plan.residual_value_change == first.residual_value_change


def test_a_plan_worth_nothing_withstands_nothing(planning_all: Running) -> None:
    free = {"currency_code": "USD"}
    answer = stub(planning_all).PlanJourney(request("nothing", explained=True, conversion_margin=free))
    assert answer.confounding_withstood == 1


def test_a_plan_goes_on_after_a_touch_was_sent_and_another_missed(planning: Running) -> None:
    rules = {"max_touches": 3, "min_touches": 3, "channel_caps": [{"channel": CHANNELS[0], "max_touches": 1}]}
    rules["fixed_touches"] = [{"position": 1, "channel": CHANNELS[0]}, {"position": 2, "channel": CHANNELS[1]}]
    first = plan(planning, "first", constraints=rules, touch_costs=COSTS, gap=timedelta(hours=24))
    touched(planning, CHANNELS[0], EVENING + timedelta(minutes=5))
    on = pb.PlanJourneyRequest(
        request_id="on", customer_id=WHO, plan_time=EVENING + timedelta(hours=30), replaces_plan_id=first.plan_id
    )
    answer = stub(planning).PlanJourney(on)
    assert (answer.sent_touch_count, answer.missed_touch_count) == (1, 1)
    assert len(answer.plan.touches) == 2
    assert channels(answer.plan)[0] == CHANNELS[1]  # fixed at position 2 of the whole plan
    assert CHANNELS[0] not in channels(answer.plan)
    assert answer.plan.touches[0].time.ToDatetime(UTC) == EVENING + timedelta(hours=30)
    assert answer.plan.conversion_margin == first.conversion_margin


def test_a_plan_that_goes_on_keeps_to_consent_as_it_is_now(planning: Running) -> None:
    first = plan(planning, "first", constraints={"max_touches": 3, "min_touches": 3})
    consent(planning.store, channels(first)[0], allowed=False)
    on = pb.PlanJourneyRequest(request_id="on", customer_id=WHO, plan_time=EVENING, replaces_plan_id=first.plan_id)
    assert channels(first)[0] not in channels(stub(planning).PlanJourney(on).plan)


def test_what_cannot_be_gone_on_from_is_refused(planning: Running) -> None:
    service = stub(planning)
    first = plan(planning, "first", constraints={"max_touches": 1, "min_touches": 1})
    on = {"customer_id": WHO, "plan_time": EVENING + timedelta(days=2), "replaces_plan_id": first.plan_id}
    other = refused(
        lambda: service.PlanJourney(pb.PlanJourneyRequest(request_id="a", **{**on, "customer_id": TOUCHED[1]}))
    )
    assert other.code() is grpc.StatusCode.NOT_FOUND
    own = refused(lambda: service.PlanJourney(pb.PlanJourneyRequest(request_id="b", **on, touch_costs=COSTS)))
    assert fields(own) == ["touch_costs"]
    touched(planning, channels(first)[0], EVENING + timedelta(hours=1))
    done = refused(lambda: service.PlanJourney(pb.PlanJourneyRequest(request_id="c", **on)))
    assert done.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "all touches" in done.details()
    touched(planning, None, EVENING + timedelta(hours=2), "conversion")
    won = refused(lambda: service.PlanJourney(pb.PlanJourneyRequest(request_id="d", **on)))
    assert "converted since" in won.details()


def test_plans_of_a_batch_are_those_of_single_calls(planning: Running) -> None:
    rules = {"max_touches": 2}
    wrong = request("r wrong", constraints={"channel_caps": [{"channel": "smoke"}]})
    never = request("r never", constraints={"max_touches": 1, "min_touches": 2})
    good = {name: request(f"r {name}", customer_id=name, constraints=rules) for name in TOUCHED[:3]}
    keyed = {**good, "wrong": wrong, "never": never}
    with FarviewClient(planning.address) as client:
        answers = list(client.batch_plan_journeys(keyed))
        again = list(client.batch_plan_journeys(good))
    assert [answer.key for answer in answers] == [*good, "wrong", "never"]
    for answer in answers[:3]:
        single = plan(planning, f"single {answer.key}", customer_id=answer.key, constraints=rules)
        assert list(answer.planned.plan.touches) == list(single.touches)
    assert [answer.error.code for answer in answers[3:]] == [
        grpc.StatusCode.INVALID_ARGUMENT.value[0],
        grpc.StatusCode.FAILED_PRECONDITION.value[0],
    ]
    assert [each.planned.plan.plan_id for each in again] == [each.planned.plan.plan_id for each in answers[:3]]


def test_a_batch_may_mix_presents_purposes_and_what_stands_beside(planning: Running) -> None:
    consent(planning.store, CHANNELS[0], allowed=False, customer_id=TOUCHED[1], purpose="survey")
    first = plan(planning, "first", constraints={"max_touches": 2, "min_touches": 2})
    mixed = [
        {"customer_id": TOUCHED[1]},
        {"customer_id": TOUCHED[1], "consent_purpose": "survey"},
        {"customer_id": TOUCHED[1], "plan_time": EVENING + timedelta(days=3)},
        {"customer_id": TOUCHED[2], "alternative_count": 2},
        {"customer_id": TOUCHED[1], "explained": True, "touch_costs": COSTS},
        {"customer_id": "nobody"},
    ]
    keyed = {f"{n}": request(f"batch {n}", **changes) for n, changes in enumerate(mixed)}
    keyed["on"] = pb.PlanJourneyRequest(
        request_id="batch on", customer_id=WHO, plan_time=EVENING, replaces_plan_id=first.plan_id
    )
    with FarviewClient(planning.address) as client:
        answers = {answer.key: answer.planned for answer in client.batch_plan_journeys(keyed)}
    for key, asked in keyed.items():
        asked.request_id = f"single {key}"
        single = stub(planning).PlanJourney(asked)
        assert list(answers[key].plan.touches) == list(single.plan.touches)
        beside = [[channels(each) for each in answer.alternatives] for answer in (answers[key], single)]
        assert beside[0] == beside[1]
        assert answers[key].counterfactual == single.counterfactual
        assert answers[key].confounding_withstood == single.confounding_withstood
    assert CHANNELS[0] in answers["1"].plan.denied_channels


def test_a_batch_reads_its_customers_together(planning: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    read = planning.store.touchpoints_of

    def counted(_store: Store, names: list[str], before: datetime) -> pa.Table:
        reads.append(len(names))
        return read(names, before)

    monkeypatch.setattr(Store, "touchpoints_of", counted)
    with FarviewClient(planning.address) as client:
        list(client.batch_plan_journeys({name: request(name, customer_id=name) for name in TOUCHED[:5]}))
    assert reads == [5]


@pytest.mark.parametrize(
    ("requests", "field"),
    [
        ([], "requests"),
        ([{"key": "a", "request": {"request_id": "1"}}, {"key": "a", "request": {"request_id": "2"}}], "requests"),
        ([{"key": "a", "request": {"request_id": "1"}}, {"key": "b", "request": {"request_id": "1"}}], "requests"),
        ([{"key": "", "request": {"request_id": "1"}}], "requests[0].key"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused_as_a_whole(planning_all: Running, requests: list, field: str) -> None:
    message = pb.BatchPlanJourneysRequest(requests=requests)
    assert fields(refused(lambda: list(stub(planning_all).BatchPlanJourneys(message))))[0].startswith(field)


def test_a_simulation_tells_six_ways_of_choosing(planning_all: Running) -> None:
    with FarviewClient(planning_all.address) as client:
        prices = JourneyPrices("USD", margin=Decimal(50))
        told = client.simulate_journeys(TOUCHED[:20], JourneyRules(max_touches=3), prices, plan_time=EVENING)
        again = client.simulate_journeys(TOUCHED[:20], JourneyRules(max_touches=3), prices, plan_time=EVENING)
    assert told == again
    assert tuple(policy.name for policy in told.policies) == NAMES
    by_name = {policy.name: policy for policy in told.policies}
    assert by_name["planner"].value.mean >= by_name["random"].value.mean
    assert by_name["planner"].revenue.mean == pytest.approx(50 * by_name["planner"].conversion_probability.mean)
    assert len(by_name["greedy"].cumulative_conversion_probabilities) == 4
    assert [(each.exploration, each.diversity) for each in told.what_ifs] == [
        (share, other) for share in (0.0, 0.1, 0.3) for other in (0.0, 0.25, 0.5)
    ]
    assert (told.model_version, told.currency_code) == ("journeys/1", "USD")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"customer_ids": [WHO]}, "customer_ids"),
        ({"customer_ids": [WHO, WHO]}, "customer_ids"),
        ({"explorations": [1.5]}, "explorations[0]"),
        ({"diversities": [float("nan")]}, "diversities[0]"),
        ({"diversities": [0.5, 0.5]}, "diversities"),
        ({"seed": -1}, "seed"),
        ({"touch_costs": [{"channel": "smoke", "cost": {"currency_code": "USD"}}]}, "touch_costs[0].channel"),
        ({"plan_time": {"seconds": 9_000_000_000}}, "plan_time"),
        ({"constraints": {"max_touches": 101}}, "constraints.max_touches"),
    ],
)
def test_a_simulation_that_makes_no_sense_is_refused(planning_all: Running, changes: dict, field: str) -> None:
    message = pb.SimulateJourneysRequest(**{"customer_ids": TOUCHED[:3], **changes})
    assert fields(refused(lambda: stub(planning_all).SimulateJourneys(message)))[0].startswith(field)


def test_the_client_asks_for_what_stands_beside(planning: Running) -> None:
    with FarviewClient(planning.address) as client:
        prices = JourneyPrices("USD", margin=Decimal(500))
        first = client.plan_journey(WHO, JourneyRules(max_touches=2), prices, beside=JourneyBeside(2, explained=True))
        assert len(first.alternatives) == 2
        assert first.confounding_withstood > 1
        assert client.plan_on(WHO, first.plan.plan_id).plan.constraints.max_touches == 2
