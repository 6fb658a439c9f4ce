"""Rolling origins and the rule that chooses a champion."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farview.evaluation.champion import InnerScore, choose
from farview.evaluation.origins import longest_target_days, origins_apart, rolling_origins

START = date(2024, 1, 1)


def test_origins_by_hand() -> None:
    origins = rolling_origins(START, START + timedelta(days=300), 90)
    assert [((o.as_of - START).days, (o.target_end - START).days) for o in origins] == [
        (120, 210),
        (165, 255),
        (210, 300),
    ]


@given(st.integers(0, 3000), st.integers(1, 1000))
def test_targets_lie_inside_the_window_after_at_least_a_third_of_it(span: int, horizon: int) -> None:
    origins = rolling_origins(START, START + timedelta(days=span), horizon)
    assert (len(origins) > 0) == (span >= 3)
    for origin in origins:
        assert START + timedelta(days=span / 3 - 1) < origin.as_of < origin.target_end <= START + timedelta(days=span)
    assert longest_target_days(origins) == min(horizon, span // 3)


@given(st.integers(0, 3000), st.integers(1, 1000), st.integers(1, 8))
def test_targets_apart_follow_one_another_to_the_last_day(span: int, horizon: int, most: int) -> None:
    last = START + timedelta(days=span)
    origins = origins_apart(START, last, horizon, most)
    assert (len(origins) > 0) == (span >= 3)
    assert len(origins) <= most
    for origin, after in zip(origins, [*[o.as_of for o in origins[1:]], last], strict=False):
        assert origin.target_end == after
        assert origin.target_days == min(horizon, span // 3)
        assert START + timedelta(days=span // 3) <= origin.as_of
    room = (span - span // 3) // origins[0].target_days if origins else 0
    assert len(origins) == min(most, room)


def score(crps: float, gini: float | None = 0.5, zero: float = 10.0) -> InnerScore:
    return InnerScore(value_crps=crps, zero_crps=zero, value_gini=gini)


def test_the_lowest_relative_value_crps_wins() -> None:
    # Origins count alike, whatever the size of their values: .8 and .3 against .5 and .5.
    scores = {"a": [score(8), score(30, zero=100)], "b": [score(5), score(50, zero=100)]}
    assert choose(scores) == "b"


def test_among_models_as_good_the_better_order_wins() -> None:
    scores = {"a": [score(5.00, 0.50)], "b": [score(5.04, 0.51)], "c": [score(5.06, 0.60)]}
    assert choose(scores) == "b"
    assert choose({"a": [score(5.00, 0.50)], "b": [score(5.04, 0.49)]}) == "a"


def test_what_is_as_good_is_measured_from_a_forecast_that_orders() -> None:
    assert choose({"zero": [score(1, 0.0)], "a": [score(5, 0.1)], "b": [score(5.04, 0.2)]}) == "b"


def test_a_forecast_that_orders_nobody_does_not_win() -> None:
    assert choose({"zero": [score(1, 0.0)], "a": [score(5, 0.1)]}) == "a"


def test_it_wins_where_nothing_orders() -> None:
    assert choose({"zero": [score(1, 0.0)], "a": [score(5, None)]}) == "zero"


def test_ties_go_to_the_name_that_stands_first() -> None:
    assert choose({"b": [score(5)], "a": [score(5)]}) == "b"


@pytest.mark.parametrize("scores", [{}, {"a": []}, {"a": [score(0, zero=0.0)]}])
def test_origins_that_say_nothing_choose_nobody(scores: dict[str, list[InnerScore]]) -> None:
    assert choose(scores) is None
