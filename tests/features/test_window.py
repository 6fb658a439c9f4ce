"""What customers did in a window, and who they are, on hand-made logs and CDNOW."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.features.window import window
from tests.features.test_rfm import ZONES, Event, logs, table
from tests.tiers import examples


def by_hand(
    events: list[Event], after: date | None, through: date, zone: str
) -> dict[str, tuple[int, float, float, bool]]:
    own = defaultdict(list)
    for customer, time, amount in events:
        day = time.astimezone(ZoneInfo(zone)).date()
        if day <= through and (after is None or day > after):
            own[customer].append((day, amount))
    return {
        customer: (
            len({day for day, amount in rows if amount >= 0}),
            sum(amount for _, amount in rows),
            sum(amount for _, amount in rows if amount >= 0),
            any(amount > 0 for _, amount in rows),
        )
        for customer, rows in own.items()
    }


@settings(max_examples=examples(ci=25, soak=3000))
@given(logs(), st.none() | st.dates(date(2004, 1, 1), date(2008, 1, 1)), st.sampled_from(ZONES))
def test_a_window_is_what_a_loop_over_its_events_finds(events, after, zone) -> None:  # type: ignore[no-untyped-def]
    through = date(2012, 1, 1)
    rows = window(table(events), after, through, zone).read_all().to_pylist()
    found = {row["customer_id"]: tuple(row.values())[1:] for row in rows}
    expected = by_hand(events, after, through, zone)
    assert list(found) == sorted(expected)
    for customer, figures in expected.items():
        assert found[customer] == pytest.approx(figures, rel=1e-12, abs=1e-6)


def test_the_window_excludes_its_first_day_and_includes_its_last() -> None:
    first = datetime(2024, 5, 1, tzinfo=UTC)
    events = [("a", first + timedelta(days=k), float(10**k)) for k in range(4)]
    (row,) = window(table(events), first.date(), date(2024, 5, 3), "UTC").read_all().to_pylist()
    assert (row["purchases"], row["value"]) == (2, 110.0)
