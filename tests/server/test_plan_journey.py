"""PlanJourney: what is answered and stored, once, with consent and touches as they stand at the call."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import grpc
import pytest

from farview.client import FarviewClient, JourneyPrices, JourneyRules, JourneyTiming
from farview.store.store import Store
from farview.store.values import Business, Touchpoint
from farview.v1 import journey_pb2 as pb
from jobs.plan import plan_customers
from jobs.plan_terms import PlanOptions
from jobs.train_journeys import JourneyFit, train_journeys
from server.feedback_tokens import FeedbackTokens
from tests.jobs.journey_business import LAST_DAY, WORLD
from tests.server.conftest import Running, _run, eventually
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
from tests.server.refusals import details, fields, refused

__all__ = ["learnt", "planning", "planning_all"]


def usd(units: int, nanos: int = 0) -> dict[str, object]:
    return {"currency_code": "USD", "units": units, "nanos": nanos}


def test_a_plan_tells_its_steps_and_what_they_come_to(planning_all: Running) -> None:
    costs = [{"channel": CHANNELS[0], "cost": usd(0, 250_000_000)}]
    found = plan(planning_all, "steps", constraints={"max_touches": 3, "min_touches": 3}, touch_costs=costs)
    assert [touch.position for touch in found.touches] == [1, 2, 3]
    assert found.touches[0].time.ToDatetime(UTC) == EVENING
    survival = found.touches[0].reached_probability
    for touch in found.touches:
        assert touch.reached_probability == pytest.approx(survival)
        survival *= 1 - touch.hazard
    assert found.conversion_probability == pytest.approx(1 - survival)
    gain = (found.conversion_probability - found.probability_without_touches) * 500
    assert found.expected_value == pytest.approx(gain - found.expected_cost)
    assert found.conversion_probability_q05 < found.conversion_probability < found.conversion_probability_q95
    assert found.model_version == "journeys/1"
    assert found.currency_code == "USD"
    assert found.evidence == pb.EVIDENCE_PROPENSITY_WEIGHTED


def test_a_plan_repeats_what_it_was_made_from(planning_all: Running) -> None:
    rules = pb.JourneyConstraints(
        max_touches=4,
        min_touches=1,
        fixed_touches=[{"position": 2, "channel": CHANNELS[1]}],
        forbidden_touches=[{"position": 1, "channel": CHANNELS[0]}],
        channel_caps=[{"channel": CHANNELS[2], "max_touches": 0}],
    )
    costs = [pb.TouchCost(channel=CHANNELS[3], cost=usd(12, 345_678_000))]
    found = plan(planning_all, "terms", constraints=rules, touch_costs=costs)
    assert found.constraints == rules
    assert list(found.touch_costs) == costs
    assert found.conversion_margin.units == 500
    assert found.consent_purpose == "marketing"
    assert found.plan_time.ToDatetime(UTC) == EVENING
    assert channels(found)[1] == CHANNELS[1]
    assert CHANNELS[2] not in channels(found)


def test_rules_of_time_and_cost_are_kept_and_repeated(planning_all: Running) -> None:
    rules = pb.JourneyConstraints(
        max_touches=4,
        min_touches=3,
        window_caps=[
            {"channel": CHANNELS[0], "max_touches": 1, "window": timedelta(days=30)},
            {"max_touches": 2, "window": timedelta(days=2)},
        ],
        budget=usd(2, 500_000_000),
        quiet_hours={"start_time": {"hours": 21, "minutes": 30}, "end_time": {"hours": 8}},
    )
    costs = [pb.TouchCost(channel=name, cost=usd(1)) for name in CHANNELS[1:3]]
    found = plan(
        planning_all,
        "timed",
        constraints=rules,
        touch_costs=costs,
        gap=timedelta(days=1),
        length_cost=usd(0, 10_000_000),
    )
    assert found.constraints == rules
    assert found.length_cost.nanos == 10_000_000
    times = [touch.time.ToDatetime(UTC).astimezone(ZoneInfo(WORLD.time_zone)) for touch in found.touches]
    assert all(time_of_day(8) <= at.time() < time_of_day(21, 30) for at in times)
    assert channels(found).count(CHANNELS[0]) <= 1
    assert sum(touch.cost for touch in found.touches) <= 2.5


def test_rules_of_time_that_contradict_each_other_are_named(planning_all: Running) -> None:
    rules = {"min_touches": 2, "window_caps": [{"max_touches": 1, "window": timedelta(days=30)}]}
    error = refused(lambda: plan(planning_all, "never", constraints=rules, gap=timedelta(days=1)))
    assert error.code() is NOT_READY
    assert "at least 2 touches; at most 1 touches in any 720 hours" in error.details()


def test_what_is_not_said_is_five_touches_the_mean_value_and_the_median_gap(planning_all: Running) -> None:
    found = stub(planning_all).PlanJourney(pb.PlanJourneyRequest(request_id="bare", customer_id=WHO)).plan
    version = planning_all.store.model_version("journeys", 1)
    assert found.constraints.max_touches == 5
    margin = found.conversion_margin.units + found.conversion_margin.nanos / 1e9
    assert margin == pytest.approx(version.metrics["mean_conversion_value"], abs=1e-6)
    assert abs(found.plan_time.ToDatetime(UTC) - datetime.now(UTC)) < timedelta(minutes=1)
    three = plan(planning_all, "three", constraints={"min_touches": 3})
    gaps = [b.time.ToDatetime() - a.time.ToDatetime() for a, b in zip(three.touches, three.touches[1:], strict=False)]
    assert len(set(gaps)) == 1


def test_touches_are_sent_when_the_request_says(planning_all: Running) -> None:
    first = EVENING + timedelta(hours=9)
    found = plan(planning_all, "times", constraints={"min_touches": 2}, first_touch_time=first, gap=timedelta(hours=36))
    assert [t.time.ToDatetime(UTC) for t in found.touches[:2]] == [first, first + timedelta(hours=36)]


def test_few_enough_plans_are_all_looked_at(planning_all: Running) -> None:
    assert plan(planning_all, "small", constraints={"max_touches": 2}).optimality_gap == 0
    assert plan(planning_all, "large", constraints={"max_touches": 9}).optimality_gap >= 0


def test_a_plan_of_a_call_is_the_one_of_the_job(planning: Running) -> None:
    plan_customers(planning.store, options=PlanOptions(max_touches=4, gap_hours=30.0), as_of=LAST_DAY, who="test")
    by_job = {
        stored.plan.customer_id: stored
        for stored in planning.store.list_plans(customer_id=None, page_size=999, after=None).rows
    }
    for name in TOUCHED[:10]:
        stored = by_job[name].plan
        found = plan(
            planning,
            name,
            customer_id=name,
            plan_time=stored.planned_at,
            conversion_margin=None,
            constraints={"max_touches": 4},
            gap=timedelta(hours=30),
        )
        assert channels(found) == [touch.channel for touch in stored.touches]
        assert (found.conversion_probability, found.expected_value) == (stored.probability, stored.expected_value)
        job_plan = stub(planning).GetPlan(pb.GetPlanRequest(plan_id=str(by_job[name].plan_id))).plan
        assert job_plan.plan_run_id == "1"
        for field in ("plan_id", "plan_run_id", "create_time"):
            job_plan.ClearField(field)
            found.ClearField(field)
        assert found == job_plan


def test_the_token_names_the_plan(planning_all: Running) -> None:
    answer = stub(planning_all).PlanJourney(request("token", constraints={"min_touches": 2}))
    told = FeedbackTokens(planning_all.store.signing_keys()).read(answer.feedback_token)
    assert (told.method, told.customer_id, told.model_version) == ("PlanJourney", WHO, "journeys/1")
    assert (str(told.plan_id), told.places) == (answer.plan.plan_id, len(answer.plan.touches))


def test_the_same_request_is_planned_once_and_answered_alike(planning: Running) -> None:
    first, second = (stub(planning).PlanJourney(request()) for _ in range(2))
    assert first == second
    assert len(stub(planning).ListPlans(pb.ListPlansRequest()).plans) == 1


def test_a_repeat_is_answered_alike_whatever_changed_meanwhile(planning: Running) -> None:
    asked = request(constraints={"min_touches": 2})
    first = stub(planning).PlanJourney(asked)
    for channel in CHANNELS:
        consent(planning.store, channel, allowed=False)
    assert refused(lambda: plan(planning, "r2", constraints={"min_touches": 2})).code() is NOT_READY
    assert stub(planning).PlanJourney(asked) == first


def test_a_repeat_after_the_first_touch_was_due_is_answered_alike(planning: Running) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    asked = request(plan_time=None, first_touch_time=soon)
    first = stub(planning).PlanJourney(asked)
    time.sleep(max((soon - datetime.now(UTC)).total_seconds(), 0) + 0.01)
    assert stub(planning).PlanJourney(asked) == first


def test_a_request_id_with_another_body_is_refused(planning: Running) -> None:
    plan(planning)
    error = refused(lambda: plan(planning, customer_id="another"))
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS


def test_a_refused_request_stores_nothing_and_keeps_its_id(planning: Running) -> None:
    refused(lambda: plan(planning, constraints={"channel_caps": [{"channel": "fax"}]}))
    assert not stub(planning).ListPlans(pb.ListPlansRequest()).plans
    assert plan(planning).plan_id


def test_a_withdrawal_holds_from_the_next_call_on(planning: Running) -> None:
    before = plan(planning, "r1", constraints={"min_touches": 3})
    denied = channels(before)[0]
    consent(planning.store, denied, allowed=False)
    after = plan(planning, "r2", constraints={"min_touches": 3})
    assert denied not in channels(after)
    assert list(after.denied_channels) == [denied]
    consent(planning.store, denied, allowed=True, day=2)
    assert channels(plan(planning, "r3", constraints={"min_touches": 3})) == channels(before)


def test_consent_is_that_of_now_also_for_a_replay(planning: Running) -> None:
    consent(planning.store, CHANNELS[0], allowed=False, time=datetime.now(UTC) - timedelta(minutes=1))
    assert list(plan(planning, plan_time=EVENING).denied_channels) == [CHANNELS[0]]


def test_consent_is_asked_for_the_purpose(planning: Running) -> None:
    consent(planning.store, CHANNELS[0], allowed=False, purpose="research")
    assert not plan(planning, "r1").denied_channels
    assert list(plan(planning, "r2", consent_purpose="research").denied_channels) == [CHANNELS[0]]


@pytest.mark.parametrize("purpose", ["", " ", " marketing "])
def test_blanks_around_a_purpose_do_not_lose_a_withdrawal(planning: Running, purpose: str) -> None:
    consent(planning.store, CHANNELS[0], allowed=False)
    assert list(plan(planning, consent_purpose=purpose).denied_channels) == [CHANNELS[0]]


def test_a_customer_who_denies_everything_is_left_alone(planning: Running) -> None:
    for channel in CHANNELS:
        consent(planning.store, channel, allowed=False)
    found = plan(planning)
    assert not found.touches
    assert found.conversion_probability == found.probability_without_touches


@pytest.fixture
def strict(tmp_path: Path, sqlite_url: str) -> Iterator[Running]:
    """A business that needs consent before it may touch anybody."""
    store = Store.open(sqlite_url)
    store.set_business(Business("UTC", "USD", consent_required=True))
    at = datetime(2025, 2, 1, tzinfo=UTC)
    touches = [Touchpoint(f"c{n}", at + timedelta(hours=n), "click", CHANNELS[n % 2]) for n in range(60)]
    sold = [Touchpoint(f"c{n}", at + timedelta(hours=n + 1), "conversion", None) for n in range(0, 60, 3)]
    store.record_touchpoints([*touches, *sold], who="test")
    train_journeys(store, fit=JourneyFit("markov"), who="test")
    store.close()
    yield from _run(tmp_path / "farview.db")


def test_where_consent_is_required_nobody_is_touched_without_it(strict: Running) -> None:
    assert list(plan(strict, "r1", customer_id="c1").denied_channels) == list(CHANNELS[:2])
    assert list(plan(strict, "r2", customer_id="nobody").denied_channels) == list(CHANNELS[:2])
    consent(strict.store, CHANNELS[1], allowed=True, customer_id="c1")
    assert set(channels(plan(strict, "r3", customer_id="c1"))) == {CHANNELS[1]}


def test_a_log_without_values_needs_the_margin(strict: Running) -> None:
    error = refused(lambda: plan(strict, conversion_margin=None))
    assert fields(error) == ["conversion_margin"]


def test_a_touch_is_seen_by_the_next_call(planning: Running) -> None:
    def ask(request_id: str) -> pb.JourneyPlan:
        return plan(planning, request_id, customer_id="new", plan_time=None, constraints={"min_touches": 1})

    before = ask("r1")
    just_now = datetime.now(UTC) - timedelta(minutes=5)
    planning.store.record_touchpoints([Touchpoint("new", just_now, "click", CHANNELS[0])], who="test")
    assert before.probability_without_touches == 0
    assert ask("r2").probability_without_touches > 0


def test_what_comes_after_the_plan_time_is_not_seen(planning: Running) -> None:
    before = plan(planning, "r1")
    later = Touchpoint(WHO, EVENING, "click", CHANNELS[0])
    planning.store.record_touchpoints([later], who="test")
    after = plan(planning, "r2")
    for field in ("plan_id", "create_time"):
        before.ClearField(field)
        after.ClearField(field)
    assert after == before


@pytest.mark.parametrize("when", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, tzinfo=UTC)])
def test_any_present_can_be_planned_from(planning_all: Running, when: datetime) -> None:
    found = plan(
        planning_all,
        str(when.year),
        plan_time=when,
        gap=timedelta(days=366),
        constraints={"min_touches": 9, "max_touches": 9},
    )
    assert len(found.touches) == 9


def test_an_unknown_customer_is_planned_for(planning_all: Running) -> None:
    found = plan(planning_all, "nobody", customer_id="nobody", constraints={"min_touches": 1})
    assert found.touches
    assert found.probability_without_touches == 0


def test_constraints_that_contradict_each_other_are_named(planning_all: Running) -> None:
    rules = {
        "min_touches": 3,
        "channel_caps": [{"channel": name, "max_touches": 0} for name in CHANNELS[1:]]
        + [{"channel": CHANNELS[0], "max_touches": 2}],
    }
    error = refused(lambda: plan(planning_all, "conflict", constraints=rules))
    assert error.code() is NOT_READY
    assert details(error)["ErrorInfo"].reason == "INFEASIBLE"  # type: ignore[attr-defined]
    assert "at least 3 touches" in error.details()
    assert f"at most 2 of {CHANNELS[0]}" in error.details()


def test_planning_without_a_model_names_the_command(empty: Running) -> None:
    error = refused(lambda: plan(empty))
    assert error.code() is NOT_READY
    assert "farview train journeys" in error.details()


def test_a_promoted_model_plans_without_a_restart(planning: Running) -> None:
    assert plan(planning, "r1").model_version == "journeys/1"
    train_journeys(planning.store, as_of=LAST_DAY, who="test")
    assert plan(planning, "r2").model_version == "journeys/1"  # a candidate plans nothing
    planning.store.promote("journeys", 2, expected_champion=1, force=True, who="test", why="reads whole journeys")
    numbers = iter(range(10_000))
    eventually(lambda: plan(planning, f"again {next(numbers)}").model_version == "journeys/2")


def test_a_plan_can_be_read_again(planning: Running) -> None:
    found = plan(planning)
    assert stub(planning).GetPlan(pb.GetPlanRequest(plan_id=found.plan_id)).plan == found


def test_the_client_plans_reads_and_lists(planning: Running) -> None:
    rules = JourneyRules(3, 2, fixed={1: CHANNELS[1]}, forbidden={(2, CHANNELS[1])}, caps={CHANNELS[0]: 0})
    prices = JourneyPrices("USD", Decimal("512.345678"), {CHANNELS[1]: Decimal("0.5")})
    timing = JourneyTiming(EVENING, EVENING + timedelta(hours=3), timedelta(hours=12))
    with FarviewClient(planning.address) as client:
        found = client.plan_journey(WHO, rules, prices, timing, consent_purpose="service").plan
        bare = client.plan_journey(WHO).plan
        assert client.plan(found.plan_id) == found
        assert list(client.plans(WHO)) == [bare, found]
        assert list(client.plans("another")) == []
    assert found.plan_time.ToDatetime(UTC) == EVENING
    assert found.touches[0].time.ToDatetime(UTC) == EVENING + timedelta(hours=3)
    assert found.touches[1].time.ToDatetime(UTC) == EVENING + timedelta(hours=15)
    assert channels(found)[0] == CHANNELS[1] != channels(found)[1]
    assert (found.conversion_margin.units, found.conversion_margin.nanos) == (512, 345_678_000)
    assert found.touches[0].cost == 0.5
    assert found.consent_purpose == "service"


@pytest.mark.parametrize("plan_id", ["999", "x", "1" * 30, "²"])
def test_an_unknown_plan_is_not_found(planning_all: Running, plan_id: str) -> None:
    error = refused(lambda: stub(planning_all).GetPlan(pb.GetPlanRequest(plan_id=plan_id)))
    assert error.code() is grpc.StatusCode.NOT_FOUND


def test_plans_are_listed_newest_first_and_by_customer(planning: Running) -> None:
    made = [plan(planning, str(n), customer_id=TOUCHED[n % 2]) for n in range(5)]
    assert list(stub(planning).ListPlans(pb.ListPlansRequest()).plans) == made[::-1]
    of_one = stub(planning).ListPlans(pb.ListPlansRequest(customer_id=TOUCHED[1])).plans
    assert list(of_one) == [made[3], made[1]]


def test_plans_are_listed_page_by_page(planning: Running) -> None:
    made = [plan(planning, str(n)) for n in range(3)]
    first = stub(planning).ListPlans(pb.ListPlansRequest(page_size=2))
    plan(planning, "meanwhile")
    second = stub(planning).ListPlans(pb.ListPlansRequest(page_size=2, page_token=first.next_page_token))
    assert [*first.plans, *second.plans] == made[::-1]
    assert not second.next_page_token


NOT_READY = grpc.StatusCode.FAILED_PRECONDITION
