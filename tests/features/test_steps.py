"""At-risk steps: the cutting rules one by one, against a plain reading of them, and on a real log."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.errors import InvalidInput
from farview.features.journey_log import NEVER_US, NO_TOUCH
from farview.features.journey_state import STATE_COLUMNS
from farview.features.steps import StepRules, Steps, Vocabulary, at_risk_steps
from tests.tiers import examples

START = datetime(2025, 3, 1, tzinfo=UTC)
WATCHED = StepRules("Europe/Berlin", since=START, until=START + timedelta(days=90))
HOUR_US = 3_600_000_000


def log(*rows: tuple[str, float, str, str | None]) -> pa.Table:
    """Rows of (customer, hours after START, interaction, channel); conversions are worth 10."""
    customers, hours, interactions, channels = zip(*rows, strict=True)
    return pa.table(
        {
            "customer_id": pa.array(customers, pa.string()),
            "time": pa.array([START + timedelta(hours=h) for h in hours], pa.timestamp("us", "UTC")),
            "interaction": pa.array(interactions, pa.string()),
            "channel": pa.array(channels, pa.string()),
            "conversion_value": pa.array([10.0 if i == "conversion" else None for i in interactions], pa.float64()),
        }
    )


def column(steps: Steps, name: str) -> list[float]:
    return [round(float(figure), 4) for figure in steps.state[:, STATE_COLUMNS.index(name)]]


def test_a_conversion_belongs_to_the_touch_before_it():
    steps = at_risk_steps(
        log(("a", 0, "impression", "x"), ("a", 30, "impression", "y"), ("a", 40, "conversion", "x")), WATCHED
    )
    assert list(steps.converted) == [False, True]


def test_a_conversion_row_is_never_a_touch():
    steps = at_risk_steps(
        log(("a", 0, "impression", "x"), ("a", 3, "conversion", "z"), ("a", 9, "click", "x")), WATCHED
    )
    assert (len(steps), steps.vocabulary) == (2, Vocabulary(("x",), ("click", "impression")))


def test_rows_need_no_order():
    rows = [
        ("b", 5, "click", "x"),
        ("a", 9, "impression", "y"),
        ("a", 0, "impression", "x"),
        ("a", 3, "conversion", "x"),
    ]
    one, other = at_risk_steps(log(*rows), WATCHED), at_risk_steps(log(*rows[::-1]), WATCHED)
    np.testing.assert_array_equal(one.state, other.state)
    assert list(one.converted) == list(other.converted) == [True, False, False]


def test_a_conversion_at_the_instant_of_a_touch_belongs_to_that_touch():
    steps = at_risk_steps(
        log(("a", 0, "impression", "x"), ("a", 5, "conversion", "x"), ("a", 5, "click", "y")), WATCHED
    )
    assert list(steps.converted) == [False, True]


def test_a_conversion_exactly_at_the_windows_length_counts():
    steps = at_risk_steps(log(("a", 0, "impression", "x"), ("a", 7 * 24, "conversion", "x")), WATCHED)
    assert list(steps.converted) == [True]


def test_a_conversion_after_the_window_belongs_to_no_step_and_is_counted():
    steps = at_risk_steps(log(("a", 0, "impression", "x"), ("a", 7 * 24 + 1, "conversion", "x")), WATCHED)
    assert (list(steps.converted), steps.counts.after_window) == ([False], 1)


def test_converters_without_a_touch_are_counted():
    steps = at_risk_steps(
        log(("a", 0, "conversion", "x"), ("b", 1, "conversion", None), ("b", 2, "click", "x")), WATCHED
    )
    assert (steps.counts.without_touch, steps.counts.customers_without_touch, steps.customer_ids) == (2, 1, ("b",))


def test_several_conversions_of_a_step_count_once_and_their_values_add_up():
    steps = at_risk_steps(
        log(("a", 0, "click", "x"), ("a", 1, "conversion", "x"), ("a", 2, "conversion", "x")), WATCHED
    )
    assert (steps.counts.converting_steps, steps.counts.repeats_in_window, list(steps.value)) == (1, 1, [20.0])


def test_touches_after_a_conversion_go_on_counting_and_know_of_it():
    steps = at_risk_steps(
        log(("a", 0, "click", "x"), ("a", 1, "conversion", "x"), ("a", 2, "click", "x"), ("a", 3, "click", "x")),
        WATCHED,
    )
    assert list(steps.index) == [1, 2, 3]
    assert column(steps, "converted_since_previous") == [0, 1, 0]
    assert column(steps, "log_conversions_before") == [0, 0.6931, 0.6931]


def test_a_window_past_the_logs_end_is_censored_not_negative():
    rules = StepRules("UTC", since=START, until=START + timedelta(days=10))
    steps = at_risk_steps(log(("a", 0, "click", "x"), ("a", 9 * 24, "click", "x")), rules)
    assert list(steps.resolved_us == NEVER_US) == [False, True]


def test_the_next_touch_ends_the_window_and_is_named():
    steps = at_risk_steps(log(("a", 0, "click", "x"), ("a", 5, "click", "y"), ("a", 900, "click", "x")), WATCHED)
    assert list(steps.next_channel) == [1, NO_TOUCH, NO_TOUCH]
    assert list((steps.resolved_us - steps.time_us) // HOUR_US) == [5, 168, 168]


def test_a_conversion_ends_the_window_before_the_next_touch_does():
    steps = at_risk_steps(log(("a", 0, "click", "x"), ("a", 2, "conversion", "x"), ("a", 5, "click", "y")), WATCHED)
    assert list((steps.resolved_us - steps.time_us) // HOUR_US) == [2, 168]
    assert list(steps.next_channel) == [NO_TOUCH, NO_TOUCH]


def test_rows_at_or_after_the_end_are_not_seen():
    rules = StepRules("UTC", since=START, until=START + timedelta(hours=5))
    steps = at_risk_steps(log(("a", 0, "click", "x"), ("a", 5, "conversion", "x")), rules)
    assert (list(steps.converted), steps.counts.rows) == ([False], 1)


def test_customers_seen_within_a_window_of_the_logs_start_are_flagged():
    steps = at_risk_steps(log(("a", 167, "click", "x"), ("b", 169, "click", "x")), WATCHED)
    assert list(steps.history_cut) == [True, False]


def test_an_unknown_channel_has_the_code_after_the_known_ones():
    steps = at_risk_steps(log(("a", 0, "click", "new")), WATCHED, Vocabulary(("x", "y"), ("click",)))
    assert list(steps.channel) == [2]


def test_time_of_day_is_the_zones_even_across_a_change_of_clocks():
    # 2025-03-30 01:00 UTC: Berlin moves from 02:00 to 03:00. Noon local is 11:00 UTC before and 10:00 UTC after.
    hours = [28 * 24 + 11, 29 * 24 + 10]
    steps = at_risk_steps(log(*[("a", h, "click", "x") for h in hours]), WATCHED)
    assert column(steps, "day_cos") == [-1, -1]


def test_fatigue_counts_earlier_touches_within_a_day_and_a_week():
    steps = at_risk_steps(log(*[("a", h, "click", "x") for h in (0, 24, 25, 24 * 7)]), WATCHED)
    assert np.allclose(np.expm1(column(steps, "log_touches_last_day")), [0, 1, 1, 0], atol=1e-3)
    assert np.allclose(np.expm1(column(steps, "log_touches_last_week")), [0, 1, 2, 3], atol=1e-3)


def test_no_customer_depends_on_who_else_is_in_the_log():
    rows = [("a", 1, "click", "x"), ("b", 2, "click", "y"), ("a", 8, "conversion", "x"), ("c", 2, "click", "x")]
    words = Vocabulary(("x", "y"), ("click",))
    together = at_risk_steps(log(*rows), WATCHED, words)
    alone = at_risk_steps(log(*[row for row in rows if row[0] == "b"]), WATCHED, words)
    chosen = together.take(np.array([False, True, False]))
    np.testing.assert_array_equal(chosen.state, alone.state)
    assert (chosen.customer_ids, list(chosen.channel)) == (alone.customer_ids, list(alone.channel))


def test_a_missing_column_is_named():
    with pytest.raises(InvalidInput, match="channel: the touch log has no such column"):
        at_risk_steps(log(("a", 0, "click", "x")).drop_columns(["channel"]), WATCHED)


def test_a_touch_without_a_channel_is_refused():
    with pytest.raises(InvalidInput, match="channel: a touch of the log has none"):
        at_risk_steps(log(("a", 0, "click", None)), WATCHED)


def read_plainly(rows: list[tuple[str, float, str, str]], until: float) -> list[tuple[str, str, bool | None]]:
    """Customer, channel and target of every touch (None: censored) by reading the rules literally, hours and all."""
    read = []
    rank = lambda row: (row[0], row[1], row[2] == "conversion", row[3], row[2])  # noqa: E731
    ordered = sorted((row for row in rows if row[1] < until), key=rank)
    for at, (customer, time, interaction, channel) in enumerate(ordered):
        if interaction == "conversion":
            continue
        later = [row for row in ordered[at + 1 :] if row[0] == customer]
        ending = later[0] if later and later[0][1] <= time + 168 else None
        if ending is not None:
            target: bool | None = ending[2] == "conversion"
        else:
            target = False if time + 168 < until else None
        read.append((customer, channel, target))
    return read


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.integers(0, 400).map(float),
            st.sampled_from(["click", "impression", "conversion"]),
            st.sampled_from("xyz"),
        ),
        min_size=1,
        max_size=25,
    )
)
@settings(max_examples=examples(ci=60, soak=5000))
def test_steps_equal_a_plain_reading_of_the_rules(rows):
    steps = at_risk_steps(log(*rows), StepRules("UTC", since=START, until=START + timedelta(hours=400)))
    channels = (*steps.vocabulary.channels, "?")
    cut = [
        (steps.customer_ids[i], channels[code], None if resolved == NEVER_US else bool(converted))
        for i, code, resolved, converted in zip(
            steps.customer, steps.channel, steps.resolved_us, steps.converted, strict=True
        )
    ]
    assert cut == read_plainly(rows, 400)


def test_every_row_of_a_real_messy_log_is_accounted_for(shared_data: Path):
    table = pyarrow.csv.read_csv(
        shared_data / "touchpoints.csv.gz",
        convert_options=pyarrow.csv.ConvertOptions(column_types={"time": pa.timestamp("s", "UTC")}),
    )
    steps = at_risk_steps(table, StepRules("UTC"))
    counts = steps.counts
    assert (counts.rows, counts.touches, counts.conversions, counts.customers) == (62_483, 60_645, 1_838, 7_896)
    parts = counts.converting_steps + counts.repeats_in_window + counts.after_window + counts.without_touch
    assert parts == counts.conversions
