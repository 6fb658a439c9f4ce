"""From a plan to what came of it, over the wire."""

from datetime import UTC, datetime, timedelta

from farview.client import Exposure, FarviewClient, Touch
from farview.v1 import journey_pb2 as pb
from tests.server.conftest import Running
from tests.server.journeys import CHANNELS, learnt, plan, planning, request, stub

__all__ = ["learnt", "planning"]


def test_touches_that_were_recorded_are_known_to_the_next_plan(planning: Running) -> None:
    def ask(request_id: str) -> pb.JourneyPlan:
        return plan(planning, request_id, customer_id="new", plan_time=None, constraints={"min_touches": 1})

    assert ask("r1").probability_without_touches == 0
    with FarviewClient(planning.address) as client:
        client.record_touchpoints([Touch("new", datetime.now(UTC) - timedelta(minutes=5), CHANNELS[0], "click")])
    assert ask("r2").probability_without_touches > 0


def test_the_touches_of_a_plan_are_reported_by_its_token(planning: Running) -> None:
    answer = stub(planning).PlanJourney(request(constraints={"min_touches": 2}))
    sent = [Exposure(touch.position, datetime.now(UTC)) for touch in answer.plan.touches]
    with FarviewClient(planning.address) as client:
        assert client.record_exposures(answer.feedback_token, sent).new_count == len(sent) >= 2
        named = [Exposure(row.place, row.time, customer_id=answer.plan.customer_id) for row in sent]
        assert client.record_exposures(answer.feedback_token, named).unchanged_count == len(sent)
