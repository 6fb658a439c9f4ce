"""PrioritizeCustomers: order, floors, reasons, seeds."""

import math
from datetime import UTC, datetime

import grpc
import pytest

from farview.client import Exposure, FarviewClient
from farview.v1 import forecast_pb2
from farview.v1 import prioritization_pb2 as pb
from tests.server.conftest import Running
from tests.server.refusals import details, fields, refused

MARCH = {"floor_id": "march", "cohort_filter": 'cohort = "1997-03"', "share": 0.4}


def ask(reading: Running, **request: object) -> pb.PrioritizeCustomersResponse:
    return reading.prioritization.PrioritizeCustomers(pb.PrioritizeCustomersRequest(**{"capacity": 50, **request}))


def test_without_floors_the_highest_expected_values_come_in_order(reading: Running) -> None:
    listed = reading.forecasts.ListForecasts(
        forecast_pb2.ListForecastsRequest(order_by="expected_value_mean desc", page_size=50)
    )
    audience = ask(reading)
    assert [customer.score for customer in audience.customers] == [
        forecast.horizons[0].expected_value.mean for forecast in listed.forecasts
    ]


def test_places_count_from_one_without_gaps(reading: Running) -> None:
    assert [customer.place for customer in ask(reading).customers] == list(range(1, 51))


def test_a_floor_holds_at_every_prefix(reading: Running) -> None:
    cohorts = [customer.cohort for customer in ask(reading, floors=[MARCH]).customers]
    for n in range(1, 51):
        assert cohorts[:n].count("1997-03") >= math.floor(round(0.4 * n, 9))


def test_a_floor_holds_among_filtered_candidates(reading: Running) -> None:
    answer = ask(reading, filter='cohort != "1997-01" AND p_alive > 0.2', floors=[{**MARCH, "share": 0.7}])
    cohorts = [customer.cohort for customer in answer.customers]
    for n in range(1, 51):
        assert cohorts[:n].count("1997-03") >= math.floor(round(0.7 * n, 9))


def test_a_place_that_a_floor_needed_says_so(reading: Running) -> None:
    forced = [c for c in ask(reading, floors=[MARCH]).customers if c.reason == pb.PLACEMENT_REASON_GUARANTEE]
    assert forced
    assert all(customer.cohort == "1997-03" and list(customer.due_floor_ids) == ["march"] for customer in forced)


def test_without_floors_the_score_is_the_only_reason(reading: Running) -> None:
    assert {customer.reason for customer in ask(reading).customers} == {pb.PLACEMENT_REASON_SCORE}


def test_the_cost_of_a_floor_is_what_the_list_loses(reading: Running) -> None:
    free, bound = ask(reading, seed=1), ask(reading, seed=1, floors=[MARCH])
    lost = sum(customer.score for customer in free.customers) - sum(customer.score for customer in bound.customers)
    assert bound.floors[0].score_cost == pytest.approx(lost, abs=1e-6)
    assert bound.floors[0].currency_code == "USD"


def test_a_floor_result_counts_promised_and_kept(reading: Running) -> None:
    answer = ask(reading, floors=[MARCH])
    kept = [customer.cohort for customer in answer.customers].count("1997-03")
    floor = answer.floors[0]
    assert (floor.promised_count, floor.kept_count, floor.shortfall_count) == (20, kept, 0)
    assert not floor.HasField("first_short_place")


def test_a_floor_by_attention_holds_a_share_of_what_places_weigh(reading: Running) -> None:
    answer = ask(reading, floors=[MARCH], exposure_unit=pb.EXPOSURE_UNIT_ATTENTION)
    weights = [1 / math.log2(1 + customer.place) for customer in answer.customers]
    slack = 0.4 * (weights[0] + weights[1] + 0.5 * weights[2])  # the mean of 1 / 0.4 places
    total = had = 0.0
    for weight, customer in zip(weights, answer.customers, strict=True):
        total += weight
        had += weight * (customer.cohort == "1997-03")
        assert 0.4 * total - had < slack + 1e-4
    told = answer.floors[0].attention
    assert (told.kept, told.total) == pytest.approx((had, total), abs=1e-4)
    assert told.promised == pytest.approx(0.4 * total - slack, abs=1e-4)
    assert (told.shortfall, answer.floors[0].shortfall_count) == (0, 0)
    assert 0 < answer.floors[0].promised_count < told.enough_count


def test_a_floor_of_places_tells_nothing_of_attention(reading: Running) -> None:
    assert not ask(reading, floors=[MARCH]).floors[0].HasField("attention")


def test_attention_without_floors_and_with_guarantees_is_refused(reading: Running) -> None:
    for extra in ({}, {"guarantee_ids": ["new"], "request_id": "r1"}):
        attention = {"exposure_unit": pb.EXPOSURE_UNIT_ATTENTION, **extra}
        assert fields(refused(lambda asked=attention: ask(reading, **asked))) == ["exposure_unit"]


def test_the_parts_add_up_to_the_score(reading: Running) -> None:
    for customer in ask(reading, score={"quantile": {"level": 0.1}}).customers:
        parts = customer.parts.expected_value_mean + customer.parts.uncertainty
        assert customer.score == pytest.approx(parts)
        assert customer.score == customer.expected_value.q10


def test_a_quantile_score_orders_by_that_quantile(reading: Running) -> None:
    scores = [customer.score for customer in ask(reading, score={"quantile": {"level": 0.9}}).customers]
    assert scores == sorted(scores, reverse=True)


def test_the_filter_chooses_the_candidates(reading: Running) -> None:
    answer = ask(reading, filter='cohort = "1997-02" AND p_alive > 0.5', horizon_days=90, capacity=1_000)
    assert {customer.cohort for customer in answer.customers} == {"1997-02"}
    assert answer.candidate_count == len(answer.customers)


def test_a_filter_that_nobody_matches_gives_an_empty_audience(reading: Running) -> None:
    answer = ask(reading, filter='cohort = "1987-01"')
    assert (len(answer.customers), answer.candidate_count) == (0, 0)


def test_named_candidates_are_the_only_ones(reading: Running) -> None:
    names = [customer.customer_id for customer in ask(reading, capacity=7).customers]
    answer = ask(reading, customers={"customer_ids": [*reversed(names), "nobody"]})
    assert [customer.customer_id for customer in answer.customers] == names
    assert list(answer.unknown_customer_ids) == ["nobody"]


def test_infeasible_floors_are_refused_by_name(reading: Running) -> None:
    nobody = {"floor_id": "nobody", "cohort_filter": 'cohort = "1987-01"', "share": 0.1}
    error = refused(lambda: ask(reading, floors=[MARCH, nobody]))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "'nobody' has 0 eligible" in error.details()
    assert details(error)["ErrorInfo"].reason == "INFEASIBLE"  # type: ignore[attr-defined]


def test_a_shortfall_is_reported_when_asked(reading: Running) -> None:
    nobody = {"floor_id": "nobody", "cohort_filter": 'cohort = "1987-01"', "share": 0.1}
    answer = ask(reading, floors=[MARCH, nobody], on_shortfall=pb.SHORTFALL_POLICY_REPORT)
    assert (answer.floors[1].shortfall_count, answer.floors[1].first_short_place) == (5, 10)
    assert len(answer.customers) == 50
    assert len(answer.shortfall_reasons) == 1


def test_the_answered_seed_repeats_the_list(reading: Running) -> None:
    first = ask(reading, filter="p_alive <= 1", capacity=300)
    again = ask(reading, filter="p_alive <= 1", capacity=300, seed=first.seed)
    assert list(again.customers) == list(first.customers)


def test_a_seed_orders_equal_scores(reading: Running) -> None:
    orders = {tuple(c.customer_id for c in ask(reading, capacity=300, seed=seed).customers) for seed in range(3)}
    assert len(orders) == 3  # many customers of this base bought once on the same day


def test_an_audience_names_run_horizon_and_currency(reading: Running) -> None:
    answer = ask(reading, horizon_days=90)
    assert (answer.horizon_days, answer.forecast_run.model_version) == (90, "ltv-revenue/1")
    assert {customer.currency_code for customer in answer.customers} == {"USD"}


def test_without_a_run_the_mend_is_said(empty: Running) -> None:
    error = refused(lambda: ask(empty))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "farview score" in error.details()


SCORES = {
    "upper confidence": {"upper_confidence": {"deviations": 1.5}},
    "thompson": {"thompson": {}},
    "exceedance": {"exceedance": {"threshold": 20}},
    "worst": {"conditional_tail": {"tail": 0.25}},
    "best": {"conditional_tail": {"tail": 0.05, "side": pb.TAIL_SIDE_UPPER}},
    "cost": {"contact_cost": {"currency_code": "USD", "nanos": 500_000_000}},
    "factors": {"factors": [{"filter": 'cohort = "1997-03"', "factor": 3}], "contact_cost": {"currency_code": "USD"}},
    "fatigue": {"thompson": {}, "fatigue": {"retained_share": 0.5}},
}


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_every_score_orders_and_its_parts_add_up(reading: Running, score: dict[str, object]) -> None:
    customers = ask(reading, score=score).customers
    assert [c.score for c in customers] == sorted((c.score for c in customers), reverse=True)
    for customer in customers:
        parts = customer.parts
        terms = (parts.expected_value_mean, parts.uncertainty, parts.outcome)
        assert customer.score == pytest.approx(sum(terms) + parts.factors + parts.fatigue + parts.contact_cost)


def test_exceedance_is_a_probability_without_a_currency(reading: Running) -> None:
    customers = ask(reading, score={"exceedance": {"threshold": 20}}).customers
    assert all(0 <= customer.score <= 1 and customer.currency_code == "" for customer in customers)
    assert {customer.expected_value.currency_code for customer in customers} == {"USD"}


def test_exceedance_is_that_of_the_stored_law(reading: Running) -> None:
    customer = ask(reading, capacity=1, score={"exceedance": {"threshold": 0}}).customers[0]
    request = forecast_pb2.GetForecastRequest(customer_id=customer.customer_id, horizon_days=[273])
    stored = reading.forecasts.GetForecast(request).forecast.horizons[0]
    assert customer.score == pytest.approx(1 - stored.value.p_zero)


def test_a_draw_repeats_with_its_seed_and_differs_without(reading: Running) -> None:
    lists = [[c.customer_id for c in ask(reading, score={"thompson": {}}, seed=s).customers] for s in (1, 1, 2)]
    assert lists[0] == lists[1] != lists[2]


def test_a_contact_costs_what_is_said(reading: Running) -> None:
    cost = {"contact_cost": {"currency_code": "USD", "units": 3}}
    free, paid = ask(reading, seed=1), ask(reading, seed=1, score=cost)
    assert [c.score - 3 for c in free.customers] == pytest.approx([c.score for c in paid.customers])
    assert {c.parts.contact_cost for c in paid.customers} == {-3.0}


def test_who_was_contacted_of_late_comes_later(writing: Running) -> None:
    first = ask(writing).customers[0]
    with FarviewClient(writing.address) as client:
        token = ask(writing).feedback_token
        client.record_exposures(token, [Exposure(1, datetime.now(UTC), first.customer_id)])
    tired = {"fatigue": {"retained_share": 0.01, "window_days": 7}}
    again = ask(writing, capacity=1_000, score=tired).customers
    (seen,) = [customer for customer in again if customer.customer_id == first.customer_id]
    assert seen.score == pytest.approx(0.01 * first.score)
    assert seen.parts.fatigue == pytest.approx(-0.99 * first.score)


@pytest.mark.parametrize(
    ("field", "score"),
    [
        ("score.upper_confidence.deviations", {"upper_confidence": {"deviations": -1}}),
        ("score.upper_confidence.deviations", {"upper_confidence": {"deviations": float("inf")}}),
        ("score.exceedance.threshold", {"exceedance": {"threshold": -1}}),
        ("score.conditional_tail.tail", {"conditional_tail": {}}),
        ("score.conditional_tail.side", {"conditional_tail": {"tail": 0.1, "side": 7}}),
        ("score.contact_cost.currency_code", {"contact_cost": {"currency_code": "EUR", "units": 1}}),
        ("score", {"contact_cost": {"currency_code": "USD", "units": -1}}),
        ("score", {"exceedance": {}, "contact_cost": {"currency_code": "USD", "units": 1}}),
        ("score.factors[0].filter", {"factors": [{"factor": 1}]}),
        ("score.factors[0].filter", {"factors": [{"filter": "nobody", "factor": 1}]}),
        ("score.factors[0].factor", {"factors": [{"filter": "p_alive > 0", "factor": -1}]}),
        ("score.fatigue.retained_share", {"fatigue": {}}),
        ("score.fatigue.window_days", {"fatigue": {"retained_share": 0.5, "window_days": 366}}),
    ],
)
def test_a_bad_score_names_its_field(reading: Running, field: str, score: dict[str, object]) -> None:
    error = refused(lambda: ask(reading, score=score))
    assert (error.code(), fields(error)) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
