"""Customer features: definitions by hand and against a loop, the executors held equal, no future seen."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import mean, stdev
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core import schemas
from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.features.customer import (
    Attributes,
    customer_columns,
    customer_features,
    customer_features_of_one,
    feature_matrix,
)
from farview.features.customer_specification import CUSTOMER_COLUMNS, CUSTOMER_FEATURES, WINDOWS_DAYS
from farview.features.journey_context import ContextEncoding
from farview.features.rfm import rfm
from farview.features.specification import feature_schema_hash
from tests.features.test_rfm import NOW, ZONES, Event, cuts, logs, table
from tests.tiers import examples

RFM_FIGURES = ("frequency", "recency_days", "age_days", "repeat_spend_mean")


def arrays(events: list[Event], customer: str) -> tuple[np.ndarray, np.ndarray]:
    own = [event for event in events if event[0] == customer]
    times = np.array([time.replace(tzinfo=None) for _, time, _ in own], dtype="datetime64[us]")
    return times, np.array([amount for *_, amount in own])


def row_of(events: list[Event], as_of: date, zone: str = "UTC") -> dict[str, float | None]:
    (row,) = customer_features(table(events), Cut(as_of, NOW), zone).read_all().to_pylist()
    return row


def by_loop(events: list[Event], as_of: date, zone: str) -> dict[str, float | None] | None:
    """The specification, read literally, of one customer; season and calendar left to the tests by hand."""
    bought: dict[date, float] = defaultdict(float)
    returned: dict[date, float] = defaultdict(float)
    for _, time, amount in events:
        day = time.astimezone(ZoneInfo(zone)).date()
        if day <= as_of:
            (bought if amount >= 0 else returned)[day] += abs(amount)
    if not bought:
        return None
    days = sorted(bought)
    gaps = [(b - a).days for a, b in pairwise(days)]
    age, since = (as_of - days[0]).days, (as_of - days[-1]).days

    def within(amounts: dict[date, float], first: int, last: int) -> list[float]:
        return [amount for day, amount in amounts.items() if first <= (as_of - day).days <= last]

    found: dict[str, float | None] = {
        "since_last_days": since,
        "spend": sum(bought.values()),
        "returned": sum(returned.values()),
        "return_days": len(returned),
        "interval_mean_days": mean(gaps) if gaps else None,
        "interval_sd_days": stdev(gaps) if len(gaps) > 1 else None,
        "interval_longest_days": max(gaps) if gaps else None,
        "interval_last_days": gaps[-1] if gaps else None,
        "since_last_over_interval_mean": since / mean(gaps) if gaps else None,
        "amount_first": bought[days[0]],
        "amount_last": bought[days[-1]],
        "amount_biggest": max(bought.values()),
        "amount_median": sorted(bought.values())[(len(days) - 1) // 2],
    }
    for length in WINDOWS_DAYS:
        found[f"purchases_{length}d"] = len(within(bought, 0, length - 1))
        found[f"spend_{length}d"] = sum(within(bought, 0, length - 1))
        found[f"returned_{length}d"] = sum(within(returned, 0, length - 1))
    for length in (28, 91, 182):
        now, before = within(bought, 0, length - 1), within(bought, length, 2 * length - 1)
        found[f"purchases_momentum_{length}d"] = len(now) - len(before) if age >= length else None
        found[f"spend_momentum_{length}d"] = sum(now) - sum(before) if age >= length else None
    return found


@settings(max_examples=examples(ci=7, soak=5000))
@given(logs(), cuts, st.sampled_from(ZONES))
def test_bulk_and_one_customer_are_equal_to_the_last_bit(events: list[Event], cut: Cut, zone: str) -> None:
    bulk = customer_features(table(events), cut, zone).read_all()
    singles = {
        customer: customer_features_of_one(customer, *arrays(events, customer), cut, zone)
        for customer in sorted({event[0] for event in events})
    }
    rows = {customer: row for customer, row in singles.items() if row is not None}
    assert bulk["customer_id"].to_pylist() == list(rows)
    expected = np.array(list(rows.values())).reshape(-1, len(CUSTOMER_COLUMNS))
    np.testing.assert_array_equal(feature_matrix(bulk), expected)


@settings(max_examples=examples(ci=4, soak=3000))
@given(logs(), cuts, st.sampled_from(ZONES))
def test_customers_order_and_shared_columns_are_those_of_rfm(events: list[Event], cut: Cut, zone: str) -> None:
    features = customer_features(table(events), cut, zone).read_all().select(["customer_id", *RFM_FIGURES])
    expected = rfm(table(events), cut, zone).read_all().select(["customer_id", *RFM_FIGURES])
    assert features.to_pydict() == expected.to_pydict()


@settings(max_examples=examples(ci=7, soak=5000))
@given(logs(), st.dates(date(2005, 9, 1), date(2012, 3, 1)), st.sampled_from(ZONES))
def test_features_are_what_a_loop_over_the_events_finds(events: list[Event], as_of: date, zone: str) -> None:
    rows = customer_features(table(events), Cut(as_of, NOW), zone).read_all().to_pylist()
    found = {row["customer_id"]: row for row in rows}
    for customer in {event[0] for event in events}:
        expected = by_loop([event for event in events if event[0] == customer], as_of, zone)
        assert (customer in found) == (expected is not None)
        for name, figure in (expected or {}).items():
            assert found[customer][name] == (figure if figure is None else pytest.approx(figure, rel=1e-9, abs=1e-3))


@settings(max_examples=examples(ci=4, soak=3000))
@given(logs(), logs(), cuts, st.sampled_from(ZONES), st.randoms(use_true_random=False))
def test_rows_after_the_cut_and_the_order_of_rows_change_nothing(events, planted, cut, zone, random) -> None:  # type: ignore[no-untyped-def]
    horizon = cut.before(ZoneInfo(zone))
    future = [
        (customer, horizon + (time - datetime(1996, 1, 1, tzinfo=UTC)), amount) for customer, time, amount in planted
    ]
    mixed = events + future
    random.shuffle(mixed)
    expected = customer_features(table(events), cut, zone).read_all()
    assert customer_features(table(mixed), cut, zone).read_all().equals(expected)


@settings(max_examples=examples(ci=4, soak=2000))
@given(logs(), cuts, st.sampled_from(ZONES))
def test_shares_of_months_quarters_and_weekdays_each_sum_to_one(events: list[Event], cut: Cut, zone: str) -> None:
    for row in customer_features(table(events), cut, zone).read_all().to_pylist():
        for part in ("share_month", "share_quarter", "share_weekday"):
            assert sum(figure for name, figure in row.items() if name.startswith(part)) == pytest.approx(1.0)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(hour=12, tzinfo=UTC)


def test_the_calendar_of_a_history_by_hand() -> None:
    # 2023-12-31 a Sunday, 2024-02-05 and 2024-02-12 Mondays
    row = row_of([("a", day(text), 1.0) for text in ("2023-12-31", "2024-02-05", "2024-02-12")], date(2024, 7, 1))
    shares = {name: share for name, share in row.items() if name.startswith("share") and share}
    third = pytest.approx(1 / 3)
    twice = pytest.approx(2 / 3)
    assert shares == {
        "share_month_02": twice,
        "share_month_12": third,
        "share_quarter_1": twice,
        "share_quarter_4": third,
        "share_weekday_1": twice,
        "share_weekday_7": third,
    }
    assert (row["first_weekday"], row["first_month"]) == (7.0, 12.0)


def test_the_year_begins_at_sine_zero_and_is_half_over_in_july() -> None:
    row = row_of([("a", day("2024-01-01"), 1.0)], date(2024, 7, 2))  # the 184th day
    assert (row["first_year_sin"], row["first_year_cos"]) == (0.0, 1.0)
    angle = 2 * np.pi * 183 / 365.2425
    assert (row["as_of_year_sin"], row["as_of_year_cos"]) == pytest.approx((np.sin(angle), np.cos(angle)))


def test_a_window_holds_its_days_with_the_as_of_day_and_none_before() -> None:
    events = [("a", day("2024-03-08") - timedelta(days=back), 1.0) for back in (0, 6, 7, 13, 14, 400)]
    row = row_of(events, date(2024, 3, 8))
    assert [row[f"purchases_{length}d"] for length in (7, 14, 28, 364)] == [2.0, 4.0, 5.0, 5.0]


def test_equal_spend_of_two_windows_has_momentum_exactly_zero() -> None:
    recent = [("a", day("2024-06-30") - timedelta(days=back), 0.1) for back in (0, 1, 2)]
    before = [("a", time - timedelta(days=28), amount) for _, time, amount in recent]
    row = row_of(recent + before, date(2024, 6, 30))
    assert (row["spend_momentum_28d"], row["purchases_momentum_28d"]) == (0.0, 0.0)


def test_momentum_is_null_before_there_is_anything_to_compare_with() -> None:
    row = row_of([("a", day("2024-06-03"), 5.0)], date(2024, 6, 30))  # 27 days old
    assert row["spend_momentum_28d"] is None
    assert row_of([("a", day("2024-06-02"), 5.0)], date(2024, 6, 30))["spend_momentum_28d"] == -5.0


def test_returns_part_no_purchase_days_and_never_lower_spend() -> None:
    events = [("a", day("2024-01-01"), 10.0), ("a", day("2024-01-05"), -4.0), ("a", day("2024-01-11"), 30.0)]
    row = row_of(events, date(2024, 1, 11))
    figures = [row[name] for name in ("interval_mean_days", "interval_last_days", "spend", "returned", "return_days")]
    assert figures == [10.0, 10.0, 40.0, 4.0, 1.0]
    assert row["returned_share"] == 0.1


def test_the_median_amount_is_the_lower_of_the_two_in_the_middle() -> None:
    events = [("a", day(f"2024-01-0{k}"), float(amount)) for k, amount in ((1, 40), (2, 10), (3, 20), (4, 30))]
    assert row_of(events, date(2024, 2, 1))["amount_median"] == 20.0


def test_one_purchase_day_has_no_intervals() -> None:
    row = row_of([("a", day("2024-01-01"), 1.0)], date(2024, 7, 1))
    assert [name for name, figure in row.items() if figure is None] == [
        "interval_mean_days",
        "interval_sd_days",
        "interval_longest_days",
        "interval_last_days",
        "since_last_over_interval_mean",
    ]


def test_a_spend_of_nothing_has_no_share_of_returns() -> None:
    row = row_of([("a", day("2024-01-01"), 0.0), ("a", day("2024-01-02"), -3.0)], date(2024, 2, 1))
    assert (row["spend"], row["returned"], row["returned_share"]) == (0.0, 3.0, None)


def known() -> Attributes:
    customers = pa.table({"customer_id": ["a", "c"], "age": [30.0, 50.0], "tier": ["gold", None]})
    return Attributes(customers, ContextEncoding.learn(customers, ["age", "tier"]))


def test_attributes_become_columns_after_the_features_and_the_unknown_customer_has_none() -> None:
    events = [(customer, day("2024-01-01"), 1.0) for customer in "ab"]
    features = customer_features(table(events), Cut(date(2024, 2, 1), NOW), "UTC", attributes=known()).read_all()
    assert features.schema.names == ["customer_id", *CUSTOMER_COLUMNS, "attribute:age", "attribute:tier=gold"]
    assert features["attribute:age"].to_pylist() == [-1.0, 0.0]
    assert features["attribute:tier=gold"].to_pylist() == [1.0, 0.0]


def test_one_customer_has_the_attributes_of_bulk() -> None:
    events, cut = [("a", day("2024-01-01"), 1.0)], Cut(date(2024, 2, 1), NOW)
    bulk = feature_matrix(customer_features(table(events), cut, "UTC", attributes=known()).read_all())
    one = customer_features_of_one("a", *arrays(events, "a"), cut, "UTC", attributes=known())
    np.testing.assert_array_equal(bulk[0], one)


def test_a_reader_streams_in_and_batches_stream_out() -> None:
    first = day("2024-01-01")
    rows = (table([(f"{i:05d}", first, 1.0)]).to_batches()[0] for i in range(2500))
    reader = customer_features(
        pa.RecordBatchReader.from_batches(schemas.EVENTS, rows), Cut(first.date(), NOW), "UTC", batch_rows=1000
    )
    sizes = [batch.num_rows for batch in reader]
    assert (sum(sizes), max(sizes) <= 2048, len(sizes) > 1) == (2500, True, True)


def test_an_unknown_zone_is_refused_before_anything_is_read() -> None:
    with pytest.raises(InvalidInput, match="IANA"):
        customer_features(table([]), Cut(date(2024, 1, 1), NOW), "Mars/Olympus")


def test_a_time_without_its_amount_is_refused() -> None:
    with pytest.raises(InvalidInput, match="amounts"):
        customer_features_of_one(
            "a", np.array(["2024-01-01"], "M8[us]"), np.array([]), Cut(date(2024, 1, 1), NOW), "UTC"
        )


def test_the_specification_names_every_column_once() -> None:
    features = customer_features(table([]), Cut(date(2024, 1, 1), NOW), "UTC")
    assert features.schema.names == ["customer_id", *(feature.name for feature in CUSTOMER_FEATURES)]
    assert len(set(customer_columns())) == len(CUSTOMER_FEATURES)


def test_the_schema_hash_moves_with_a_definition() -> None:
    assert feature_schema_hash(CUSTOMER_FEATURES) != feature_schema_hash(CUSTOMER_FEATURES[:-1])
