"""Touchpoints: the ledger's rules hold for them, and one customer's history is found by index."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.core.schemas import TOUCHPOINTS
from farview.store.engine import open_engine
from farview.store.store import Store
from farview.store.values import Business, Touchpoint, WriteCounts
from tests.store.files import imported
from tests.tiers import examples

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)


def touch(customer: str = "a", time: datetime = NOON, touchpoint_id: str | None = None, **changes: Any) -> Touchpoint:
    return replace(Touchpoint(customer, time, "impression", "email", touchpoint_id=touchpoint_id), **changes)


def conversion(customer: str = "a", value: str | None = "19.9", touchpoint_id: str | None = None) -> Touchpoint:
    amount = None if value is None else Decimal(value)
    return Touchpoint(customer, NOON + timedelta(hours=1), "conversion", None, amount, touchpoint_id=touchpoint_id)


def now() -> Cut:
    return Cut(date(2024, 12, 31), datetime.now(UTC))


def read(store: Store, cut: Cut) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = store.touchpoints(cut).read_all().to_pylist()
    return sorted(rows, key=lambda row: (row[c.CUSTOMER_ID], row[c.TIME], row[c.CONVERSION_VALUE] or 0))


def test_touches_and_conversions_come_back_as_they_went_in(store: Store) -> None:
    store.record_touchpoints([touch(propensity=0.25, time=NOON + timedelta(microseconds=1)), conversion()], who="crm")
    table = store.touchpoints(now()).read_all()
    assert table.schema == TOUCHPOINTS
    assert read(store, now()) == [
        {
            "customer_id": "a",
            "time": NOON + timedelta(microseconds=1),
            "interaction": "impression",
            "channel": "email",
            "conversion_value": None,
            "propensity": 0.25,
        },
        {
            "customer_id": "a",
            "time": NOON + timedelta(hours=1),
            "interaction": "conversion",
            "channel": None,
            "conversion_value": 19.9,
            "propensity": None,
        },
    ]


def test_a_resent_touch_is_a_no_op_and_rows_without_an_id_are_all_kept(store: Store) -> None:
    rows = [touch(touchpoint_id="t1"), touch()]
    store.record_touchpoints(rows, who="crm")
    assert store.record_touchpoints(rows, who="crm") == WriteCounts(added=1, unchanged=1)
    assert len(read(store, now())) == 3


def test_a_correction_is_audited_and_leaves_the_past_readable(store: Store) -> None:
    store.record_touchpoints([conversion(value="5", touchpoint_id="t1")], who="crm")
    before = now()
    identity = store.touchpoints_hash(before)
    assert store.record_touchpoints([conversion(value="7", touchpoint_id="t1")], who="till") == WriteCounts(corrected=1)
    assert [row[c.CONVERSION_VALUE] for row in read(store, before)] == [5.0]
    assert [row[c.CONVERSION_VALUE] for row in read(store, now())] == [7.0]
    assert store.touchpoints_hash(before) == identity != store.touchpoints_hash(now())
    entry = store.audit_log()[0]
    assert (entry.action, entry.subject, entry.who) == ("correct", "touchpoints/t1", "till")


@pytest.mark.parametrize(
    "change", [{"channel": "sms"}, {"interaction": "click"}, {"propensity": 0.5}, {"time": NOON + timedelta(seconds=1)}]
)
def test_every_part_of_a_touch_can_be_corrected(store: Store, change: dict[str, Any]) -> None:
    store.record_touchpoints([touch(touchpoint_id="t1")], who="crm")
    assert store.record_touchpoints([touch(touchpoint_id="t1", **change)], who="crm") == WriteCounts(corrected=1)


def test_the_history_of_a_customer_ends_strictly_before_the_time_asked(store: Store) -> None:
    times = [NOON - timedelta(microseconds=1), NOON, NOON + timedelta(days=1)]
    store.record_touchpoints([touch(time=time) for time in times] + [touch("b", times[0])], who="crm")
    found = store.touchpoints_of(["a", "nobody"], NOON)
    assert (found.schema, found[c.TIME].to_pylist()) == (TOUCHPOINTS, times[:1])


def test_a_history_holds_corrections_and_not_what_they_corrected(store: Store) -> None:
    store.record_touchpoints([touch(touchpoint_id="t1"), touch(touchpoint_id="t1", channel="sms")], who="crm")
    assert store.touchpoints_of(["a"], NOON + timedelta(days=1))[c.CHANNEL].to_pylist() == ["sms"]


def test_a_history_is_read_by_index(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    store = Store(engine)
    asked: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    store.touchpoints_of(["a"], NOON)
    statement, parameters = asked[-1]
    with engine.connect() as connection:
        (step,) = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    assert "USING INDEX ix_touchpoints_customer_id_time (customer_id=? AND time<?)" in step[-1]
    store.close()


def test_an_import_looks_for_new_customers_among_its_own_rows_only(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)
    store = Store(engine)
    asked: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
    row = {"customer_id": "a", "time": NOON, "interaction": "click", "channel": "email"}
    imported(store, "touchpoints", [row])
    statement, parameters = next(call for call in asked if call[0].startswith("INSERT INTO customers"))
    with engine.connect() as connection:
        steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    assert any("touchpoints USING INTEGER PRIMARY KEY (rowid>?)" in step[-1] for step in steps), steps
    store.close()


def test_touches_make_their_customers_known(store: Store) -> None:
    store.record_touchpoints([touch("b"), touch("a"), conversion("a")], who="crm")
    assert store.attributes()[c.CUSTOMER_ID].to_pylist() == ["a", "b"]


def test_the_log_ends_on_the_business_day_of_its_last_row(store: Store) -> None:
    assert store.last_touch_day() is None
    store.record_touchpoints([touch(time=datetime(2024, 1, 15, 23, 30, tzinfo=UTC))], who="crm")  # 00:30 in Berlin
    assert store.last_touch_day() == date(2024, 1, 16)


@pytest.mark.parametrize(
    ("field", "row"),
    [
        ("time", touch(time=datetime(2024, 1, 15))),
        ("channel", touch(channel=None)),
        ("conversion_value", touch(conversion_value=Decimal(1))),
        ("conversion_value", conversion(value="NaN")),
        ("conversion_value", conversion(value="1e12")),
        ("propensity", touch(propensity=0.0)),
        ("propensity", touch(propensity=float("nan"))),
    ],
)
def test_what_no_touchpoint_can_be_is_named(store: Store, field: str, row: Touchpoint) -> None:
    with pytest.raises(InvalidInput, match=rf"touchpoints\[1\].{field}"):
        store.record_touchpoints([touch(), row], who="crm")
    assert read(store, now()) == []


def test_a_log_has_the_same_hash_in_another_database_and_order(sqlite_url: str, postgres_url: str) -> None:
    rows = [touch(propensity=0.1), touch(propensity=0.1), conversion(), touch("b", touchpoint_id="t1")]
    hashes = set()
    for url, order in ((sqlite_url, rows), (postgres_url, rows[::-1])):
        store = Store.open(url)
        store.set_business(Business("Europe/Berlin", "EUR", consent_required=False))
        store.record_touchpoints(order, who="crm")
        hashes.add(store.touchpoints_hash(now()))
        store.close()
    assert len(hashes) == 1


@st.composite
def writes(draw: st.DrawFn) -> list[list[Touchpoint]]:
    """Requests with few ids and contents, so that they collide."""
    rows = st.builds(
        touch,
        st.sampled_from("ab"),
        touchpoint_id=st.none() | st.sampled_from(["t1", "t2"]),
        channel=st.sampled_from(["email", "sms"]),
    )
    return draw(st.lists(st.lists(rows, max_size=5), max_size=5))


@settings(max_examples=examples(ci=15, soak=1000), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=writes())
def test_ids_behave_like_a_dictionary_and_the_rest_like_a_list(store: Store, requests: list[list[Touchpoint]]) -> None:
    prefix = f"{uuid4()}"  # the examples share a database
    current: dict[str, tuple[str, str | None]] = {}
    loose: list[tuple[str, str | None]] = []
    for request in requests:
        own = [
            replace(
                row,
                customer_id=prefix + row.customer_id,
                touchpoint_id=row.touchpoint_id and prefix + row.touchpoint_id,
            )
            for row in request
        ]
        counts = store.record_touchpoints(own, who="crm")
        assert counts.added + counts.unchanged + counts.corrected == len(own)
        for row in own:
            if row.touchpoint_id is None:
                loose.append((row.customer_id, row.channel))
            else:
                current[row.touchpoint_id] = (row.customer_id, row.channel)
    found = store.touchpoints_of([f"{prefix}a", f"{prefix}b"], datetime.now(UTC))
    rows = zip(found[c.CUSTOMER_ID].to_pylist(), found[c.CHANNEL].to_pylist(), strict=True)
    assert sorted(rows) == sorted([*current.values(), *loose])
