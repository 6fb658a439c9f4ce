"""RFM rows carried on equal rows counted anew, to the last bit, whatever comes in and in whatever order."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core import schemas
from farview.core.clock import Cut
from farview.features.rfm import rfm
from farview.features.rfm_update import carry_on, purchase_days
from tests.tiers import examples

START = datetime(2024, 1, 1, 22, 30, tzinfo=UTC)  # in Berlin half an hour before midnight
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ZONE = "Europe/Berlin"
LAST = date(2024, 3, 1)
AMOUNTS = st.sampled_from([0.0, 0.1, 7.35, 1e-8, 19.99, 123_456.789, -5.0, 6e6, 2e7])


@st.composite
def events(draw: st.DrawFn) -> list[tuple[str, datetime, float]]:
    one = st.tuples(st.sampled_from("abcd"), st.integers(0, 40 * 24), AMOUNTS)
    return [(who, START + timedelta(hours=hours), amount) for who, hours, amount in draw(st.lists(one, max_size=24))]


def table(rows: list[tuple[str, datetime, float]]) -> pa.Table:
    named = [dict(zip(schemas.EVENTS.names, row, strict=True)) for row in rows]
    return pa.Table.from_pylist(named, schema=schemas.EVENTS)


def counted(rows: list[tuple[str, datetime, float]], day: date) -> pa.Table:
    return rfm(table(rows), Cut(day, NOW), ZONE).read_all()


@settings(max_examples=examples(ci=25, soak=3000), deadline=None)
@given(events(), st.integers(0, 24), st.booleans())
def test_rows_carried_on_are_those_counted_anew(
    rows: list[tuple[str, datetime, float]], known: int, in_order: bool
) -> None:
    rows = sorted(rows, key=lambda row: row[1]) if in_order else rows
    before, after = rows[:known], rows[known:]
    found = carry_on(counted(before, LAST), purchase_days(table(after), LAST, ZONE), LAST)
    whole = counted(rows, LAST)
    anew = pc.is_in(whole.column("customer_id"), value_set=pa.array(found.anew, pa.string()))
    assert found.rows.to_pylist() == whole.filter(pc.invert(anew)).to_pylist()


def test_days_after_the_last_and_before_the_first_need_no_log() -> None:
    before = [("a", START + timedelta(days=day), 10.0) for day in (5, 9)]
    after = [("a", START + timedelta(days=day), 3.0) for day in (1, 5, 9, 12)]
    found = carry_on(counted(before, LAST), purchase_days(table(after), LAST, ZONE), LAST)
    assert found.anew == []
    assert found.rows.to_pylist() == counted(before + after, LAST).to_pylist()


def test_a_day_between_first_and_last_is_for_the_log_to_tell() -> None:
    before = [("a", START + timedelta(days=day), 10.0) for day in (1, 9)]
    news = purchase_days(table([("a", START + timedelta(days=4), 1.0), ("b", START, 1.0)]), LAST, ZONE)
    found = carry_on(counted(before, LAST), news, LAST)
    assert (found.anew, found.rows.column("customer_id").to_pylist()) == (["a"], ["b"])


def test_without_news_customers_only_age() -> None:
    rows = [("a", START + timedelta(days=day), 10.0) for day in (1, 9)]
    found = carry_on(counted(rows, date(2024, 1, 20)), purchase_days(table([]), LAST, ZONE), LAST)
    assert found.rows.to_pylist() == counted(rows, LAST).to_pylist()
