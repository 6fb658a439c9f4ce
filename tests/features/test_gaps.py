"""Gaps between purchase days: by hand, beside the RFM row of the same history, and blind to the future."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.clock import Cut
from farview.features.gaps import GAP_FEATURES, GAPS, purchase_gaps
from farview.features.rfm import rfm
from tests.features.test_rfm import NOW, ZONES, Event, cuts, logs, table
from tests.tiers import examples

FIRST = datetime(2024, 3, 1, 12, tzinfo=UTC)


def test_a_history_by_hand() -> None:
    days = ((0, 10.0), (0, 5.0), (10, 7.0), (12, -7.0), (15, 0.0), (40, 99.0))
    events = [("a", FIRST + timedelta(days=day), amount) for day, amount in days]
    rows = purchase_gaps(table(events), Cut(date(2024, 3, 31), NOW), "UTC").read_all().to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("a", 1, 10, True, None, 15.0),
        ("a", 2, 5, True, 10, 7.0),
        ("a", 3, 15, False, 5, 0.0),  # the return parts nothing; the day after the cut is not seen
    ]


@settings(max_examples=examples(ci=6, soak=3000))
@given(logs(), cuts, st.sampled_from(ZONES))
def test_gaps_add_up_to_the_rfm_row(events: list[Event], cut: Cut, zone: str) -> None:
    rows = purchase_gaps(table(events), cut, zone).read_all().to_pylist()
    history = rfm(table(events), cut, zone).read_all().to_pylist()
    assert list(dict.fromkeys(row["customer_id"] for row in rows)) == [row["customer_id"] for row in history]
    for known in history:
        own = [row for row in rows if row["customer_id"] == known["customer_id"]]
        assert [row["number"] for row in own] == list(range(1, len(own) + 1))
        assert [row["ended"] for row in own] == [True] * known["frequency"] + [False]
        assert sum(row["gap_days"] for row in own) == known["age_days"]
        assert sum(row["gap_days"] for row in own[:-1]) == known["recency_days"]


def test_the_specification_names_columns_of_the_schema() -> None:
    assert {feature.name for feature in GAP_FEATURES} < set(GAPS.names)
