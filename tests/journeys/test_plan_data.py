"""A request as it is stored with its plan."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

from journeys.plan import PlanRequest
from tests.journeys.strategies import constraints
from tests.tiers import examples


def test_a_stored_request_asks_for_the_same_plan() -> None:
    random = Random(0)
    for _ in range(examples(ci=200, soak=2_000)):
        request = PlanRequest("c1", constraints(random, ("call", "email", "mail"), 6), 12.345678, {"call": 0.5})
        if random.random() < 0.5:
            request = replace(request, first_at=datetime(2025, 3, 1, 9, 30, tzinfo=UTC), gap_hours=36.5)
        assert PlanRequest.from_data("c1", json.loads(json.dumps(request.as_data()))) == request
