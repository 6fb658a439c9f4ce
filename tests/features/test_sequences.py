"""Event sequences: what a loop over the events writes down, padded after it, and nothing of the future."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.features.rfm import rfm
from farview.features.sequences import PURCHASE, RETURN, SEQUENCE_FEATURES, event_sequences
from farview.features.sequences_single import event_sequence_of_one
from tests.features.test_rfm import NOW, ZONES, Event, cuts, logs, table
from tests.tiers import examples

Sequence = list[tuple[int, float, int]]  # days since the event before, amount, kind


def by_loop(events: list[Event], as_of: date, zone: str) -> Sequence:
    sums: dict[tuple[date, int], float] = defaultdict(float)
    for _, time, amount in events:
        day = time.astimezone(ZoneInfo(zone)).date()
        if day <= as_of:
            sums[day, PURCHASE if amount >= 0 else RETURN] += amount
    days = [day for day, _ in sorted(sums)]
    gaps = [(day - days[max(k - 1, 0)]).days for k, day in enumerate(days)]
    return [(gap, sums[key], key[1]) for gap, key in zip(gaps, sorted(sums), strict=True)]


@settings(max_examples=examples(ci=7, soak=3000))
@given(logs(), cuts, st.sampled_from(ZONES), st.integers(1, 6))
def test_a_sequence_is_the_end_of_what_a_loop_writes_down(events, cut, zone, longest) -> None:  # type: ignore[no-untyped-def]
    rows = event_sequences(table(events), cut, zone, longest).read_all().to_pylist()
    for row in rows:
        own = by_loop([event for event in events if event[0] == row["customer_id"]], cut.as_of, zone)
        kept = own[-longest:]
        assert (row["length"], row["events"]) == (len(kept), len(own))
        padded = kept + [(0, 0.0, 0)] * (longest - len(kept))
        assert row["days_since_previous"] == [gap for gap, *_ in padded]
        assert row["amount"] == pytest.approx([amount for _, amount, _ in padded], rel=1e-12, abs=1e-6)
        assert row["kind"] == [kind for *_, kind in padded]


@settings(max_examples=examples(ci=4, soak=2000))
@given(logs(), cuts, st.sampled_from(ZONES))
def test_customers_and_their_order_are_those_of_rfm(events: list[Event], cut: Cut, zone: str) -> None:
    names = ["customer_id", "cohort", "first_purchase_date"]
    expected = rfm(table(events), cut, zone).read_all().select(names)
    assert event_sequences(table(events), cut, zone, 3).read_all().select(names).equals(expected)


@settings(max_examples=examples(ci=6, soak=3000))
@given(logs(), cuts, st.sampled_from(ZONES), st.integers(1, 5))
def test_both_executors_agree_to_the_last_bit(events, cut, zone, longest) -> None:  # type: ignore[no-untyped-def]
    bulk = event_sequences(table(events), cut, zone, longest).read_all()
    single = []
    for who in sorted({customer for customer, *_ in events}):
        own = [(time, amount) for customer, time, amount in events if customer == who]
        times = np.array([time.replace(tzinfo=None) for time, _ in own], "datetime64[us]")
        amounts = np.array([amount for _, amount in own])
        single.append(event_sequence_of_one(who, times, amounts, cut, zone, longest))
    assert bulk.combine_chunks().equals(pa.Table.from_batches(single, bulk.schema).combine_chunks())


@settings(max_examples=examples(ci=4, soak=2000))
@given(logs(), logs(), cuts, st.sampled_from(ZONES))
def test_rows_after_the_cut_change_nothing(events, planted, cut, zone) -> None:  # type: ignore[no-untyped-def]
    start = cut.before(ZoneInfo(zone))
    future = [(who, start + (time - datetime(1996, 1, 1, tzinfo=UTC)), amount) for who, time, amount in planted]
    expected = event_sequences(table(events), cut, zone, 4).read_all()
    assert event_sequences(table(future + events), cut, zone, 4).read_all().equals(expected)


def test_the_return_of_a_day_stands_after_its_purchase_and_ends_the_sequence() -> None:
    day = datetime(2024, 1, 10, 12, tzinfo=UTC)
    events = [("a", day, -5.0), ("a", day + timedelta(hours=1), 8.0), ("a", day - timedelta(days=4), 3.0)]
    (row,) = event_sequences(table(events), Cut(date(2024, 1, 20), NOW), "UTC", 3).read_all().to_pylist()
    assert row == {
        "customer_id": "a",
        "cohort": "2024-01",
        "first_purchase_date": date(2024, 1, 6),
        "length": 3,
        "events": 3,
        "since_last_days": 10.0,
        "days_since_previous": [0.0, 4.0, 0.0],
        "amount": [3.0, 8.0, -5.0],
        "kind": [PURCHASE, PURCHASE, RETURN],
    }


def test_the_specification_names_every_column_but_the_length() -> None:
    names = event_sequences(table([]), Cut(date(2024, 1, 1), NOW), "UTC", 2).schema.names
    assert names == [
        "customer_id",
        "cohort",
        "first_purchase_date",
        "length",
        *(feature.name for feature in SEQUENCE_FEATURES),
    ]


def test_a_length_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="longest"):
        event_sequences(table([]), Cut(date(2024, 1, 1), NOW), "UTC", 0)
