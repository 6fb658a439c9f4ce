"""PrioritizeCustomers under guarantees, consent and caps; RecordExposures confirms and releases."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import create_engine, insert

from farview.client import Exposure, FarviewClient, InSegment, Promise, Reach, Reserve
from farview.store.tables_touches import CONSENTS
from farview.v1 import feedback_pb2, segment_pb2
from farview.v1 import prioritization_pb2 as pb
from tests.server.conftest import Running
from tests.server.refusals import fields, refused

MARCH = 'cohort = "1997-03"'


@pytest.fixture
def promised(writing: Running) -> Running:
    """March is promised 40 % and February 20 % of the slots of the default ledger."""
    with FarviewClient(writing.address) as client:
        client.set_guarantee(Promise("march", 0.4, MARCH, window_days=3650))
        client.set_guarantee(Promise("february", 0.2, 'cohort = "1997-02"', window_days=3650))
    return writing


def ask(running: Running, request_id: str = "r", **changed: Any) -> pb.PrioritizeCustomersResponse:
    whole = {"capacity": 10, "guarantee_ids": ["march"], "request_id": request_id, "seed": 1}
    return running.prioritization.PrioritizeCustomers(pb.PrioritizeCustomersRequest(**{**whole, **changed}))


def standing(running: Running, name: str = "march") -> segment_pb2.GuaranteeStanding:
    request = segment_pb2.GetGuaranteeRequest(guarantee_id=name)
    return running.segments.GetGuarantee(request).standing


def settle(
    running: Running, answer: pb.PrioritizeCustomersResponse, shown: Sequence[int], request_id: str = "e", **more: Any
) -> feedback_pb2.RecordExposuresResponse:
    now = Timestamp()
    now.GetCurrentTime()
    names = {customer.place: customer.customer_id for customer in answer.customers}
    exposures = [{"place": p, "customer_id": names[p], "exposure_time": now} for p in shown]
    return running.feedback.RecordExposures(
        feedback_pb2.RecordExposuresRequest(
            request_id=request_id, feedback_token=answer.feedback_token, exposures=exposures, **more
        )
    )


def say(running: Running, customer: str, *, allowed: bool, channel: str = "email") -> None:
    engine = create_engine(running.store._engine.url)
    now = datetime.now(UTC)
    row = {"customer_id": customer, "channel": channel, "purpose": "marketing", "allowed": allowed}
    with engine.begin() as connection:
        connection.execute(insert(CONSENTS).values(**row, time=now, ingested_at=now))
    engine.dispose()


def test_floors_hold_over_the_lists_of_a_ledger(promised: Running) -> None:
    cohorts: list[str] = []
    for number, capacity in enumerate((1, 3, 1, 1, 7, 2, 1, 1, 10)):
        cohorts += [customer.cohort for customer in ask(promised, str(number), capacity=capacity).customers]
        for cohort, share in (("1997-03", 0.4), ("1997-02", 0.2)):
            for n in range(1, len(cohorts) + 1):
                assert cohorts[:n].count(cohort) >= math.floor(round(share * n, 9))


def test_floors_by_attention_hold_over_the_lists_of_a_ledger(writing: Running) -> None:
    with FarviewClient(writing.address) as client:
        for name, share, cohort in (("march", 0.4, MARCH), ("february", 0.2, 'cohort = "1997-02"')):
            client.set_guarantee(Promise(name, share, cohort, ledger_id="seen", by_attention=True))
    total, kept = 0.0, {"1997-03": 0.0, "1997-02": 0.0}
    for number, capacity in enumerate((1, 3, 1, 1, 7, 2, 1, 1, 10)):
        for customer in ask(writing, str(number), capacity=capacity).customers:
            total += 1 / math.log2(1 + customer.place)
            kept[customer.cohort] = kept.get(customer.cohort, 0.0) + 1 / math.log2(1 + customer.place)
            assert kept["1997-03"] > 0.4 * total - 1.00001
            assert kept["1997-02"] > 0.2 * total - 1.00001
    told = standing(writing)
    assert (told.slot_count, told.promised_count) == (27, 0)
    assert told.attention.total == pytest.approx(total, abs=1e-4)
    assert told.attention.kept == pytest.approx(kept["1997-03"], abs=1e-4)
    assert told.attention.promised == pytest.approx(0.4 * total - 1, abs=1e-4)


def test_what_a_list_gave_by_attention_is_in_the_answer(writing: Running) -> None:
    with FarviewClient(writing.address) as client:
        client.set_guarantee(Promise("march", 0.4, MARCH, by_attention=True))
    (floor,) = ask(writing).floors
    assert floor.attention.total == pytest.approx(sum(1 / math.log2(1 + place) for place in range(1, 11)), abs=1e-4)
    assert floor.attention.kept > floor.attention.promised


def test_all_guarantees_of_the_ledger_are_kept_though_one_is_named(promised: Running) -> None:
    assert [floor.floor_id for floor in ask(promised).floors] == ["february", "march"]


def test_a_repeat_answers_the_same_and_reserves_nothing_again(promised: Running) -> None:
    first = ask(promised)
    assert ask(promised) == first
    assert standing(promised).slot_count == 10


def test_a_repeat_answers_the_same_though_the_guarantees_are_gone(promised: Running) -> None:
    first = ask(promised)
    with FarviewClient(promised.address) as client:
        for name in ("march", "february"):
            client.delete_guarantee(name)
    assert ask(promised) == first


def test_a_request_id_with_another_body_is_refused(promised: Running) -> None:
    ask(promised)
    assert refused(lambda: ask(promised, capacity=9)).code() is grpc.StatusCode.ALREADY_EXISTS


def test_a_reservation_says_when_it_expires(promised: Running) -> None:
    answer = ask(promised, reservation_minutes=90)
    expires = answer.reservation_expire_time.ToDatetime(UTC)
    assert timedelta(minutes=89) < expires - datetime.now(UTC) <= timedelta(minutes=90)
    assert answer.ledger_id == "default"


def test_without_guarantees_nothing_is_reserved(promised: Running) -> None:
    answer = ask(promised, guarantee_ids=[], request_id="")
    assert not answer.HasField("reservation_expire_time")
    assert standing(promised).slot_count == 0


def test_the_ledger_stands_as_reserved_confirmed_and_released(promised: Running) -> None:
    answer = ask(promised)
    march = [customer.place for customer in answer.customers if customer.cohort == "1997-03"]
    told = settle(promised, answer, shown=march[:1], released_places=march[1:])
    assert (told.new_count, told.confirmed_count, told.released_count) == (1, 1, len(march) - 1)
    now = standing(promised)
    slots = 10 - (len(march) - 1)
    assert (now.slot_count, now.kept_count, now.reserved_count) == (slots, 1, 0)
    assert now.deficit_count == math.floor(0.4 * slots) - 1


def test_what_a_release_leaves_owed_is_paid_by_the_next_list(promised: Running) -> None:
    answer = ask(promised)
    march = [customer.place for customer in answer.customers if customer.cohort == "1997-03"]
    settle(promised, answer, shown=[], released_places=march)
    debt = standing(promised).deficit_count
    assert debt == math.floor(0.4 * (10 - len(march)))
    after = ask(promised, "next", capacity=debt)
    assert [customer.cohort for customer in after.customers] == ["1997-03"] * debt
    assert {floor.floor_id: floor.overdue_count for floor in after.floors}["march"] == debt
    assert standing(promised).deficit_count == math.floor(0.4 * (10 - len(march) + debt)) - debt


def test_the_rest_is_released_at_once(promised: Running) -> None:
    told = settle(promised, ask(promised), shown=[1, 2], release_rest=True)
    assert (told.confirmed_count, told.released_count) == (2, 8)
    assert standing(promised).slot_count == 2


def test_a_place_of_somebody_else_is_refused_and_nothing_is_stored(promised: Running) -> None:
    answer = ask(promised)
    now = Timestamp()
    now.GetCurrentTime()
    wrong = [{"place": 1, "customer_id": "eve", "exposure_time": now}]
    request = feedback_pb2.RecordExposuresRequest(request_id="e", feedback_token=answer.feedback_token, exposures=wrong)
    error = refused(lambda: promised.feedback.RecordExposures(request))
    assert (error.code(), fields(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["exposures"])


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("floors", {"floors": [{"floor_id": "a", "cohort_filter": MARCH, "share": 0.1}]}),
        ("request_id", {"request_id": ""}),
        ("request_id", {"guarantee_ids": []}),
        ("reservation_minutes", {"guarantee_ids": [], "request_id": "", "reservation_minutes": 5}),
        ("reservation_minutes", {"reservation_minutes": 43_201}),
        ("guarantee_ids", {"guarantee_ids": ["march", "march"]}),
        ("guarantee_ids[0]", {"guarantee_ids": ["A"]}),
        ("segment_id", {"segment_id": "A"}),
        ("caps[0].max_contacts", {"caps": [{"window_days": 1}]}),
        ("caps[0].window_days", {"caps": [{"max_contacts": 1}]}),
        ("caps", {"caps": [{"max_contacts": 1, "window_days": 1}] * 9}),
        ("contact.channel", {"contact": {"channel": "x" * 257}}),
        ("capacity", {"capacity": 0}),
    ],
)
def test_a_bad_field_is_named(promised: Running, field: str, changed: dict[str, Any]) -> None:
    error = refused(lambda: ask(promised, **changed))
    assert (error.code(), fields(error)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("released_places[0]", {"released_places": [1]}),
        ("released_places[1]", {"released_places": [2, 11]}),
        ("released_places", {"released_places": [2], "release_rest": True}),
        ("released_places", {"released_places": [2, 2]}),
    ],
)
def test_a_wrong_release_is_named(promised: Running, field: str, more: dict[str, Any]) -> None:
    answer = ask(promised)
    assert fields(refused(lambda: settle(promised, answer, shown=[1], **more))) == [field]


def test_guarantees_of_two_ledgers_are_refused(promised: Running) -> None:
    with FarviewClient(promised.address) as client:
        client.set_guarantee(Promise("calls", 0.5, MARCH, ledger_id="calls"))
    assert fields(refused(lambda: ask(promised, guarantee_ids=["march", "calls"]))) == ["guarantee_ids"]


def test_an_unknown_guarantee_and_an_unknown_segment_are_not_found(promised: Running) -> None:
    assert refused(lambda: ask(promised, guarantee_ids=["x"])).code() is grpc.StatusCode.NOT_FOUND
    assert refused(lambda: ask(promised, segment_id="x")).code() is grpc.StatusCode.NOT_FOUND


def test_a_guarantee_that_has_ended_is_refused_by_name(promised: Running) -> None:
    with FarviewClient(promised.address) as client:
        end = datetime.now(UTC) + timedelta(milliseconds=300)
        client.set_guarantee(Promise("short", 0.1, MARCH, window_days=3650, end_time=end))
    while datetime.now(UTC) < end:
        pass
    error = refused(lambda: ask(promised, guarantee_ids=["short"]))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "'short' ended" in error.details()


def test_a_cohort_that_nobody_is_in_is_named_and_nothing_is_reserved(promised: Running) -> None:
    with FarviewClient(promised.address) as client:
        client.set_guarantee(Promise("nobody", 0.1, 'cohort = "1987-01"', window_days=3650))
    error = refused(lambda: ask(promised))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "'nobody' has 0 eligible" in error.details()
    assert standing(promised).slot_count == 0
    answer = ask(promised, "report", on_shortfall=pb.SHORTFALL_POLICY_REPORT)
    assert len(answer.shortfall_reasons) == 1
    assert standing(promised, "nobody").deficit_count == 1


def test_a_segment_chooses_the_candidates(promised: Running) -> None:
    with FarviewClient(promised.address) as client:
        client.set_segment("march", MARCH)
        first = client.prioritize(5, among=InSegment("march"))
        assert {customer.cohort for customer in first.customers} == {"1997-03"}
        client.set_segment("march", 'cohort = "1997-01"')
        assert {c.cohort for c in client.prioritize(5, among=InSegment("march")).customers} == {"1997-01"}


def test_who_withdrew_gets_no_place_from_the_next_call_on(promised: Running) -> None:
    reach = {"contact": {"channel": "email"}, "guarantee_ids": [], "request_id": ""}
    first = ask(promised, **reach).customers[0].customer_id
    say(promised, first, allowed=False)
    answer = ask(promised, **reach)
    assert first not in [customer.customer_id for customer in answer.customers]
    assert answer.barred_count == 1
    say(promised, first, allowed=True)
    assert ask(promised, **reach).customers[0].customer_id == first


def test_consent_holds_under_guarantees_too(promised: Running) -> None:
    expected = [customer.customer_id for customer in ask(promised, guarantee_ids=[], request_id="").customers]
    for customer in expected:
        say(promised, customer, allowed=False)
    answer = ask(promised, contact={"channel": "email"})
    assert not {customer.customer_id for customer in answer.customers} & {*expected}
    assert len(answer.customers) == 10


def test_a_cap_counts_what_was_reserved_and_what_was_shown(promised: Running) -> None:
    capped = {"caps": [{"max_contacts": 1, "window_days": 7}]}
    first = ask(promised, "1", **capped)
    second = ask(promised, "2", **capped)
    settle(promised, first, shown=[1], release_rest=True)
    third = ask(promised, "3", **capped)
    names = [{customer.customer_id for customer in answer.customers} for answer in (first, second, third)]
    assert not names[0] & names[1]
    assert not names[1] & names[2]
    assert first.customers[0].customer_id not in names[2]


def test_the_client_reserves_confirms_and_releases(promised: Running) -> None:
    with FarviewClient(promised.address) as client:
        reach = Reach(channel="email", caps={7: 1})
        audience = client.prioritize(4, reserve=Reserve(["march"], minutes=5), reach=reach)
        shown = [Exposure(c.place, datetime.now(UTC), c.customer_id) for c in audience.customers[:1]]
        told = client.record_exposures(audience.feedback_token, shown, released=None)
        assert (told.confirmed_count, told.released_count) == (1, 3)
        assert client.guarantee("march").standing.slot_count == 1
