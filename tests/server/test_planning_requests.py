"""StartPlanning: the rules of time and cost reach the worker, and what makes no sense is refused."""

from datetime import UTC, datetime, timedelta

import pytest

from farview.core.errors import InvalidInput
from farview.store.job_requests import from_json, to_json
from farview.v1 import job_pb2 as pb
from jobs.queued import plan_options
from journeys.windows import WindowCap
from server.convert import job_requests
from server.convert.fields import Surroundings

AROUND = Surroundings("USD", datetime(2025, 4, 1, tzinfo=UTC))
QUIET = {"start_time": {"hours": 21, "minutes": 30}, "end_time": {"hours": 8}}


def usd(units: int) -> dict[str, object]:
    return {"currency_code": "USD", "units": units}


def test_rules_of_time_and_cost_reach_the_worker() -> None:
    windows = [
        {"channel": "email", "max_touches": 2, "window": timedelta(days=7)},
        {"max_touches": 1, "window": timedelta(hours=24)},
    ]
    message = pb.StartPlanningRequest(
        request_id="a", window_caps=windows, budget=usd(3), quiet_hours=QUIET, length_cost=usd(1)
    )
    job = from_json(to_json(job_requests.start_planning(message, AROUND).for_worker()))
    options = plan_options(job)
    assert options.windows == (WindowCap(2, 168.0, "email"), WindowCap(1, 24.0))
    assert (options.budget, options.quiet, options.length_cost) == (3.0, "21:30-08:00", 1.0)


def test_without_them_nothing_binds() -> None:
    options = plan_options(job_requests.start_planning(pb.StartPlanningRequest(request_id="a"), AROUND).for_worker())
    assert (options.windows, options.budget, options.quiet, options.length_cost) == ((), None, "", 0.0)


def test_what_a_conversion_is_worth_and_whom_to_plan_for_reach_the_worker() -> None:
    message = pb.StartPlanningRequest(
        request_id="a", residual_value_change=usd(-2), after_purchase_days=14, margin_by_forecast=True
    )
    options = plan_options(from_json(to_json(job_requests.start_planning(message, AROUND).for_worker())))
    assert (options.residual_change, options.after_purchase_days, options.margin_by_forecast) == (-2.0, 14, True)
    silent = plan_options(job_requests.start_planning(pb.StartPlanningRequest(request_id="a"), AROUND).for_worker())
    assert (silent.residual_change, silent.after_purchase_days, silent.margin_by_forecast) == (0.0, None, False)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"window_caps": [{"max_touches": 1}]}, "window_caps[0].window"),
        ({"budget": {"currency_code": "EUR", "units": 1}}, "budget"),
        ({"length_cost": usd(-1)}, "length_cost"),
        ({"residual_value_change": {"currency_code": "EUR", "units": 1}}, "residual_value_change"),
        ({"after_purchase_days": -1}, "after_purchase_days"),
        ({"after_purchase_days": 3_651}, "after_purchase_days"),
        ({"quiet_hours": {"start_time": {"hours": 24}, "end_time": {"hours": 8}}}, "quiet_hours.start_time"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        job_requests.start_planning(pb.StartPlanningRequest(request_id="a", **changes), AROUND)
    assert refused.value.violations[0].field.startswith(field)
