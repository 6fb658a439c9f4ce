"""RFM features: the definitions on hand-made histories, and the two executors held equal."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core import schemas
from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.features.rfm import rfm, rfm_batch, rfm_of_one
from farview.features.specification import RFM_FEATURES, feature_schema_hash
from tests.tiers import examples

# Half-hour and 45-minute offsets, both sides of the date line, and zones whose clocks change at or after midnight.
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "America/Havana",
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
Event = tuple[str, datetime, float]


def table(events: list[Event]) -> pa.Table:
    return pa.Table.from_pylist(
        [dict(zip(schemas.EVENTS.names, event, strict=True)) for event in events], schema=schemas.EVENTS
    )


def one_by_one(events: list[Event], cut: Cut, zone: str) -> pa.Table:
    ids, rows = [], []
    for customer in sorted({event[0] for event in events}):
        own = [event for event in events if event[0] == customer]
        times = np.array([time.replace(tzinfo=None) for _, time, _ in own], dtype="datetime64[us]")
        row = rfm_of_one(times, np.array([amount for *_, amount in own]), cut, zone)
        if row is not None:
            ids.append(customer)
            rows.append(row)
    return pa.Table.from_batches([rfm_batch(ids, rows)])


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    """Events of a few customers, many of them tied, on the same day, near midnight or near a change of clocks."""
    edges = [
        datetime(2005, 10, 30, 1, tzinfo=UTC),  # Berlin falls back
        datetime(2006, 4, 2, 3, 31, tzinfo=UTC),  # St. John's springs forward at 00:01
        datetime(2006, 10, 29, 2, 31, tzinfo=UTC),  # St. John's falls back over midnight: one day stands twice
        datetime(2005, 10, 16, 3, tzinfo=UTC),  # Sao Paulo has no midnight
        datetime(2011, 12, 30, 10, tzinfo=UTC),  # Apia has no 30 December
    ]
    near = st.builds(
        lambda edge, minutes, micros: edge + timedelta(minutes=minutes, microseconds=micros),
        st.sampled_from(edges),
        st.integers(-3000, 3000),
        st.sampled_from([0, 0, -1, 1]),
    )
    anywhere = st.datetimes(datetime(1996, 1, 1), datetime(2020, 1, 1), timezones=st.just(UTC))
    amount = st.one_of(
        st.sampled_from([0.0, -0.0, -5.0, 10.0, 0.1, 0.2, 1e-8, 5e-9, 1e12]), st.floats(-1e6, 1e6, allow_nan=False)
    )
    events = draw(st.lists(st.tuples(st.sampled_from("abcdefgh"), near | anywhere, amount), max_size=60))
    ties = draw(st.lists(st.sampled_from(events), max_size=5)) if events else []
    return draw(st.permutations(events + ties))


cuts = st.builds(Cut, st.dates(date(2004, 1, 1), date(2013, 1, 1)), st.just(NOW))


@settings(max_examples=examples(ci=30, soak=5000))
@given(logs(), cuts, st.sampled_from(ZONES))
def test_bulk_and_one_customer_are_equal_to_the_last_bit(events: list[Event], cut: Cut, zone: str) -> None:
    assert rfm(table(events), cut, zone).read_all().equals(one_by_one(events, cut, zone))


@settings(max_examples=examples(ci=12, soak=2000))
@given(logs(), logs(), cuts, st.sampled_from(ZONES), st.randoms(use_true_random=False))
def test_rows_after_the_cut_and_the_order_of_rows_change_nothing(events, planted, cut, zone, random) -> None:  # type: ignore[no-untyped-def]
    horizon = cut.before(ZoneInfo(zone)) + timedelta(days=2)
    future = [
        (customer, horizon + (time - datetime(1996, 1, 1, tzinfo=UTC)), amount) for customer, time, amount in planted
    ]
    mixed = events + future
    random.shuffle(mixed)
    assert rfm(table(mixed), cut, zone).read_all().equals(rfm(table(events), cut, zone).read_all())


def test_a_history_by_hand() -> None:
    day = datetime(2024, 3, 1, 12, tzinfo=UTC)
    events = [
        ("a", day, 10.0),
        ("a", day + timedelta(hours=1), 5.0),  # merges with the first purchase day
        ("a", day + timedelta(days=10), 7.0),
        ("a", day + timedelta(days=10, hours=2), -7.0),  # a return that day is not deducted
        ("a", day + timedelta(days=15), 0.0),  # a zero amount is a purchase
        ("a", day + timedelta(days=20), -3.0),  # a return alone is no purchase day
    ]
    (row,) = rfm(table(events), Cut(date(2024, 3, 31), NOW), "UTC").read_all().to_pylist()
    assert row == {
        "customer_id": "a",
        "cohort": "2024-03",
        "first_purchase_date": date(2024, 3, 1),
        "frequency": 2,
        "recency_days": 14.0 + 1.0,
        "age_days": 30.0,
        "repeat_spend_mean": 3.5,
        "first_spend": 15.0,
    }


def test_halves_of_the_smallest_step_round_up_in_both_executors() -> None:
    day = datetime(2024, 1, 1, tzinfo=UTC)
    events = [("a", day, 1.0), *(("a", day + timedelta(days=k), k * 5e-9) for k in range(1, 6))]
    cut = Cut(date(2024, 2, 1), NOW)
    assert rfm(table(events), cut, "UTC").read_all().equals(one_by_one(events, cut, "UTC"))


def test_the_zone_decides_the_day() -> None:
    events = [("a", datetime(2024, 1, 31, 23, 30, tzinfo=UTC), 1.0), ("a", datetime(2024, 2, 1, 12, tzinfo=UTC), 1.0)]
    cut = Cut(date(2024, 2, 1), NOW)
    cohorts = {zone: rfm(table(events), cut, zone).read_all().to_pylist()[0] for zone in ("UTC", "Europe/Berlin")}
    assert [(row["cohort"], row["frequency"]) for row in cohorts.values()] == [("2024-01", 1), ("2024-02", 0)]


def test_customers_without_a_purchase_day_by_the_cut_are_left_out() -> None:
    events = [
        ("late", datetime(2024, 1, 3, tzinfo=UTC), 1.0),
        ("only a return", datetime(2024, 1, 1, tzinfo=UTC), -1.0),
        ("on the day", datetime(2024, 1, 2, 23, 59, tzinfo=UTC), 1.0),
    ]
    table_ = rfm(table(events), Cut(date(2024, 1, 2), NOW), "UTC").read_all()
    assert table_.column("customer_id").to_pylist() == ["on the day"]


def test_a_reader_streams_in_and_batches_stream_out() -> None:
    day = datetime(2024, 1, 1, tzinfo=UTC)
    rows = (table([(f"{i:05d}", day, 1.0)]).to_batches()[0] for i in range(2500))
    reader = rfm(pa.RecordBatchReader.from_batches(schemas.EVENTS, rows), Cut(day.date(), NOW), "UTC", batch_rows=1000)
    sizes = [batch.num_rows for batch in reader]
    assert (sum(sizes), max(sizes) <= 2048, len(sizes) > 1) == (2500, True, True)


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(InvalidInput, match="IANA"):
        rfm(table([]), Cut(date(2024, 1, 1), NOW), "Mars/Olympus")


def test_a_time_without_its_amount_is_refused() -> None:
    with pytest.raises(InvalidInput, match="amounts"):
        rfm_of_one(np.array(["2024-01-01"], "datetime64[us]"), np.array([]), Cut(date(2024, 1, 1), NOW), "UTC")


def test_cdnow_sample_has_2457_calibration_repeats(cdnow_sample: Path) -> None:
    options = pyarrow.csv.ConvertOptions(column_types={"customer_id": pa.string(), "time": pa.timestamp("us")})
    events = pyarrow.csv.read_csv(cdnow_sample, convert_options=options).select(["customer_id", "time", "amount"])
    rows = rfm(events.cast(schemas.EVENTS), Cut(date(1997, 9, 30), NOW), "UTC").read_all()
    assert (rows.num_rows, int(rows.column("frequency").to_numpy().sum())) == (2357, 2457)


def test_the_specification_names_every_column_of_the_schema() -> None:
    assert ["customer_id", *(feature.name for feature in RFM_FEATURES)] == schemas.RFM.names


def test_the_schema_hash_moves_with_a_definition() -> None:
    assert feature_schema_hash() != feature_schema_hash(RFM_FEATURES[:-1])
