"""Random lists of items for tests: few customers, items and days, so that everything recurs."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from farview.core.schemas import IMPRESSIONS, ITEMS

FIRST_DAY = date(2025, 3, 28)  # clocks of Berlin change on the 30th
CATALOGUE = pa.Table.from_pylist(
    [
        {"item_id": "i0", "price": 10.0, "category": "books", "brand": "A", "margin": 2.0, "added": date(2025, 1, 1)},
        {"item_id": "i1", "price": 20.0, "category": "books", "brand": "B", "margin": 9.0, "added": date(2025, 3, 1)},
        {"item_id": "i2", "price": 0.0, "category": "toys", "brand": "A"},
        {"item_id": "i3", "price": 5.0},
    ],
    schema=pa.schema([field.with_nullable(True) for field in ITEMS]),
)
ITEM_IDS = ("i0", "i1", "i2", "i3", "gone")  # the last is not in the catalogue


def shown(query: str, customer: str, time: datetime, grades: dict[str, int]) -> list[dict[str, Any]]:
    """A list: items from the top, with what came of each."""
    row = {"query_id": query, "customer_id": customer, "time": time}
    return [
        row | {"position": place, "item_id": item_id, "grade": grade}
        for place, (item_id, grade) in enumerate(grades.items(), 1)
    ]


def as_log(rows: list[dict[str, Any]]) -> pa.Table:
    """schemas.IMPRESSIONS of rows."""
    return pa.Table.from_pylist(rows, schema=IMPRESSIONS)


@st.composite
def logs(draw: st.DrawFn) -> pa.Table:
    """Up to twelve lists within six days, at any hour."""
    rows = []
    for number in range(draw(st.integers(1, 12))):
        minutes = draw(st.integers(0, 6 * 24 * 60 - 1))
        time = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC) + timedelta(minutes=minutes)
        items = draw(st.lists(st.sampled_from(ITEM_IDS), min_size=1, max_size=5, unique=True))
        grades = {item_id: draw(st.sampled_from([0, 0, 1, 2, 4])) for item_id in items}
        rows += shown(f"q{number}", draw(st.sampled_from(["ann", "bob", "eve"])), time, grades)
    return as_log(rows)
