"""Segments, guarantees, and the ledger of their slots."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from time import sleep
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from farview.core.attention import FIRST_PLACE
from farview.core.errors import FailedPrecondition, InvalidInput, NotFound
from farview.store.engine import open_engine, write
from farview.store.promises import AttentionState, GuaranteeTerms, HeldLedger, NewSlot, Reservation, Segment, Settled
from farview.store.sequences import window
from farview.store.store import Store
from farview.store.tables_guarantees import SLOTS
from farview.store.values import Business
from farview.store.writer import Writer
from tests.tiers import examples

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def terms(guarantee_id: str, share: Fraction | str = "1/4", **changed: Any) -> GuaranteeTerms:
    whole = {"ledger": "mail", "cohort_filter": f'cohort = "{guarantee_id}"', "segment_id": None, "window_days": 3650}
    return GuaranteeTerms(guarantee_id, share=Fraction(share), **{**whole, **changed})


def within(store: Store, work: Callable[[Writer], Any]) -> Any:
    return write(store._engine, lambda connection: work(Writer(connection)))


def hold(store: Store, now: datetime = NOW) -> HeldLedger:
    return within(store, lambda writer: writer.hold_ledger("mail", now))


def reserve(
    store: Store, answer_id: str, masks: Sequence[int], now: datetime = NOW, lasts: timedelta = DAY
) -> HeldLedger:
    """Reserves a slot for each mask; customers are called after their place, whose attention is 1 / place."""

    def work(writer: Writer) -> HeldLedger:
        held = writer.hold_ledger("mail", now)
        weigh = FIRST_PLACE if held.by_attention else 0
        slots = [
            NewSlot(place, f"{answer_id}{place}", mask, False, weigh // place)
            for place, mask in enumerate(masks, start=1)
        ]
        writer.reserve(held, slots, Reservation(answer_id, now + lasts, "crm"), now)
        return held

    return within(store, work)


def settle(store: Store, answer_id: str, shown: Sequence[int] = (), released: Sequence[int] | None = ()) -> Settled:
    told = {place: f"{answer_id}{place}" for place in shown}
    return within(store, lambda writer: writer.settle(answer_id, told, released))


def counts(held: HeldLedger) -> tuple[int, list[int]]:
    return held.slots, [floor.kept for floor in held.floors]


def counts_in_rows(url: str) -> list[tuple[Any, ...]]:
    """Slots and attention of each sequence and floor: as they are kept, then as counted from the slots."""
    of_sequence = "FROM exposure_slots s WHERE s.sequence_id = q.sequence_id AND s.state IN ('reserved', 'confirmed')"
    of_floor = f"{of_sequence} AND (s.counts_for >> CAST(f.bit AS INTEGER)) & 1 = 1"
    query = f"""SELECT q.slots, f.kept, q.attention, f.attention,
        (SELECT count(*) {of_sequence}), (SELECT count(*) {of_floor}),
        (SELECT coalesce(sum(s.attention), 0) {of_sequence}), (SELECT coalesce(sum(s.attention), 0) {of_floor})
        FROM exposure_sequences q JOIN exposure_floors f ON f.sequence_id = q.sequence_id"""
    engine = open_engine(url)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return rows


def test_a_segment_is_what_was_set_last(store: Store) -> None:
    store.set_segment(Segment("loyal", "p_alive > 0.5"), who="ada")
    store.set_segment(Segment("loyal", "p_alive > 0.9", "surely there"), who="ben")
    found = store.segment("loyal")
    assert (found.segment, found.who) == (Segment("loyal", "p_alive > 0.9", "surely there"), "ben")
    assert found.created_at <= found.updated_at


def test_segments_are_paged_by_id(store: Store) -> None:
    for name in ("c", "a", "b"):
        store.set_segment(Segment(name, ""), who="ada")
    first = store.segments(page_size=2)
    assert [one.segment.segment_id for one in first] == ["a", "b"]
    assert [one.segment.segment_id for one in store.segments(page_size=2, after="b")] == ["c"]


def test_a_segment_that_is_a_cohort_cannot_be_deleted(store: Store) -> None:
    store.set_segment(Segment("new", 'cohort = "2024-03"'), who="ada")
    store.set_guarantee(terms("g", cohort_filter=None, segment_id="new"), who="ada")
    with pytest.raises(FailedPrecondition, match="cohort of g"):
        store.delete_segment("new", who="ada")
    store.delete_guarantee("g", who="ada")
    store.delete_segment("new", who="ada")
    with pytest.raises(NotFound):
        store.segment("new")


def test_a_guarantee_of_a_segment_has_its_filter(store: Store) -> None:
    store.set_segment(Segment("new", 'cohort = "2024-03"'), who="ada")
    assert store.set_guarantee(terms("g", cohort_filter=None, segment_id="new"), who="ada").filter == (
        'cohort = "2024-03"'
    )


def test_a_guarantee_needs_a_segment_that_exists(store: Store) -> None:
    with pytest.raises(NotFound, match="segment 'nowhere'"):
        store.set_guarantee(terms("g", cohort_filter=None, segment_id="nowhere"), who="ada")


def test_shares_of_a_ledger_sum_to_at_most_one(store: Store) -> None:
    store.set_guarantee(terms("a", "1/2"), who="ada")
    store.set_guarantee(terms("b", "1/2"), who="ada")
    with pytest.raises(FailedPrecondition, match=r"sum to 1.1, above 1: it has a \(0.5\), b \(0.5\)"):
        store.set_guarantee(terms("c", "1/10"), who="ada")
    store.set_guarantee(terms("b", "2/5"), who="ada")  # its own former share is not counted
    store.set_guarantee(terms("c", "1/10"), who="ada")
    store.set_guarantee(terms("d", "1", ledger="calls"), who="ada")


def test_a_guarantee_that_has_ended_makes_room(store: Store) -> None:
    store.set_guarantee(terms("a", "1", end_time=datetime.now(UTC) + timedelta(seconds=0.3)), who="ada")
    with pytest.raises(FailedPrecondition):
        store.set_guarantee(terms("b", "1"), who="ada")
    sleep(0.3)
    store.set_guarantee(terms("b", "1"), who="ada")


def test_a_ledger_whose_guarantees_have_all_ended_cannot_be_held(store: Store) -> None:
    store.set_guarantee(terms("a", end_time=NOW + DAY), who="ada")
    with pytest.raises(FailedPrecondition, match="no guarantee that still runs"):
        hold(store, NOW + DAY)


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("share", {"share": Fraction(0)}),
        ("share", {"share": Fraction(11, 10)}),
        ("share", {"share": Fraction(1, 10**6 + 3)}),
        ("end_time", {"end_time": NOW - DAY}),
        ("window_days", {"window_days": 7}),
        ("exposure_unit", {"by_attention": True}),
    ],
)
def test_what_no_guarantee_can_be_is_named(store: Store, field: str, changed: dict[str, Any]) -> None:
    store.set_guarantee(terms("first"), who="ada")
    with pytest.raises(InvalidInput, match=f"guarantee.{field}"):
        store.set_guarantee(terms("g", **changed), who="ada")


def test_reserved_slots_count_at_once(store: Store) -> None:
    store.set_guarantee(terms("a"), who="ada")
    store.set_guarantee(terms("b"), who="ada")
    reserve(store, "x", [0b01, 0b11, 0b00])
    assert counts(hold(store)) == (3, [2, 1])


def test_a_released_slot_counts_no_more(store: Store) -> None:
    store.set_guarantee(terms("a"), who="ada")
    reserve(store, "x", [1, 0, 1])
    assert settle(store, "x", shown=[1], released=[2, 3]) == Settled(confirmed=1, released=2)
    assert counts(hold(store)) == (1, [1])


def test_all_that_was_not_shown_can_be_released_at_once(store: Store) -> None:
    store.set_guarantee(terms("a"), who="ada")
    reserve(store, "x", [1, 1, 1, 0])
    assert settle(store, "x", shown=[2], released=None) == Settled(confirmed=1, released=3)
    assert counts(hold(store)) == (1, [1])


def test_a_reservation_expires_and_a_confirmed_slot_does_not(store: Store) -> None:
    store.set_guarantee(terms("a"), who="ada")
    reserve(store, "x", [1, 1, 1], lasts=timedelta(hours=1))
    settle(store, "x", shown=[1])
    assert counts(hold(store, NOW + timedelta(minutes=59))) == (3, [3])
    assert counts(hold(store, NOW + timedelta(hours=1))) == (1, [1])


def test_a_slot_shown_after_its_reservation_ended_counts_again(store: Store) -> None:
    store.set_guarantee(terms("a"), who="ada")
    reserve(store, "x", [1, 1], lasts=timedelta(hours=1))
    hold(store, NOW + DAY)
    assert settle(store, "x", shown=[1]) == Settled(confirmed=1, released=0)
    assert counts(hold(store, NOW + DAY)) == (1, [1])


def test_a_slot_that_was_shown_is_not_released_and_a_repeat_changes_nothing(store: Store) -> None:
    store.set_guarantee(terms("a"), who="ada")
    reserve(store, "x", [1])
    settle(store, "x", shown=[1])
    assert settle(store, "x", shown=[1], released=None) == settle(store, "x", released=[1]) == Settled(0, 0)
    assert counts(hold(store)) == (1, [1])


def test_another_customer_than_the_one_at_the_place_is_refused(store: Store) -> None:
    store.set_guarantee(terms("a"), who="ada")
    reserve(store, "x", [1])
    with pytest.raises(InvalidInput, match="place 1 of the answer is of 'x1', not of 'eve'"):
        within(store, lambda writer: writer.settle("x", {1: "eve"}, ()))


def test_an_answer_without_guarantees_has_nothing_to_settle(store: Store) -> None:
    assert settle(store, "unknown", shown=[1]) == Settled(0, 0)


def test_a_change_of_the_guarantees_carries_over_what_is_owed(store: Store) -> None:
    store.set_guarantee(terms("a", "1/2"), who="ada")
    reserve(store, "x", [0] * 6)
    store.set_guarantee(terms("b", "1/4"), who="ada")
    held = hold(store)
    assert held.slots == 0
    assert [(floor.guarantee_id, floor.carried, floor.kept) for floor in held.floors] == [("a", 3, 0), ("b", 0, 0)]


def closed_with_two_confirmed(store: Store) -> None:
    """Four slots, two of them of "a" and reserved still, where the ledger's guarantees then change: nothing is owed."""
    store.set_guarantee(terms("a", "1/2"), who="ada")
    reserve(store, "x", [1, 1, 0, 0])
    settle(store, "x", shown=[3, 4])
    store.set_guarantee(terms("b", "1/4"), who="ada")
    assert carried(hold(store)) == {"a": 0, "b": 0}


def carried(held: HeldLedger) -> dict[str, int]:
    return {floor.guarantee_id: floor.carried for floor in held.floors}


def test_what_expires_in_a_closed_stretch_is_owed_by_the_next_one(store: Store) -> None:
    closed_with_two_confirmed(store)
    held = hold(store, NOW + 2 * DAY)
    assert (held.slots, carried(held)) == (0, {"a": 1, "b": 0})


def test_what_is_released_in_a_closed_stretch_is_owed_by_the_next_one(store: Store) -> None:
    closed_with_two_confirmed(store)
    settle(store, "x", released=[1, 2])
    assert [state.deficit for state in store.floor_states("a")] == [1, 1]
    assert carried(hold(store)) == {"a": 1, "b": 0}


def test_a_debt_is_handed_on_through_every_stretch_of_the_window(store: Store) -> None:
    closed_with_two_confirmed(store)
    store.set_guarantee(terms("b", "1/3"), who="ada")
    hold(store)
    assert carried(hold(store, NOW + 2 * DAY)) == {"a": 1, "b": 0}
    assert [state.deficit for state in store.floor_states("a")] == [1, 1, 1]


def test_a_place_that_was_shown_after_all_is_owed_no_longer(store: Store) -> None:
    closed_with_two_confirmed(store)
    hold(store, NOW + 2 * DAY)
    settle(store, "x", shown=[1])
    assert carried(hold(store, NOW + 2 * DAY)) == {"a": 0, "b": 0}


def test_what_expires_in_a_window_that_is_over_is_owed_by_nobody(store: Store) -> None:
    store.set_guarantee(terms("a", "1/2", window_days=1), who="ada")
    reserve(store, "x", [1, 1, 0, 0], lasts=3 * DAY)
    settle(store, "x", shown=[3, 4])
    hold(store, NOW + DAY)
    settle(store, "x", released=[1, 2])
    assert carried(hold(store, NOW + DAY)) == {"a": 0}


def test_a_change_of_a_cohort_goes_on_counting(store: Store) -> None:
    store.set_guarantee(terms("a", "1/2"), who="ada")
    reserve(store, "x", [0] * 6)
    store.set_guarantee(terms("a", "1/2", cohort_filter="p_alive > 0.5"), who="ada")
    held = hold(store)
    assert (held.slots, held.floors[0].filter) == (6, "p_alive > 0.5")


def test_a_caller_who_waited_over_midnight_does_not_open_the_window_before_again(store: Store) -> None:
    store.set_guarantee(terms("a", "1/2", window_days=1), who="ada")
    midnight = window(NOW, 1, "Europe/Berlin")[1]
    reserve(store, "x", [0] * 6, now=midnight + timedelta(seconds=1))
    late = hold(store, midnight - timedelta(seconds=1))
    assert (late.window_start, late.slots) == (midnight, 6)


def test_a_longer_window_is_the_one_that_the_view_shows(store: Store) -> None:
    store.set_guarantee(terms("a", "1/2", window_days=30_000), who="ada")
    reserve(store, "x", [0] * 6)
    store.set_guarantee(terms("a", "1/2", window_days=40_000), who="ada")  # begins as that one does
    reserve(store, "y", [0])
    assert store.floor_states()[0].window_end == window(NOW, 40_000, "Europe/Berlin")[1]


def test_two_guarantees_set_at_once_do_not_promise_more_than_there_is(postgres_url: str) -> None:
    store = Store.open(postgres_url)
    store.set_business(Business("Europe/Berlin", "EUR", consent_required=False))
    with ThreadPoolExecutor(8) as callers:
        told = [callers.submit(store.set_guarantee, terms(f"g{n}", "3/5"), who="ada") for n in range(8)]
        refused = [isinstance(one.exception(), FailedPrecondition) for one in told]
    store.close()
    assert refused.count(False) == 1


def test_a_new_window_owes_nothing(store: Store) -> None:
    store.set_guarantee(terms("a", "1/2", window_days=7), who="ada")
    reserve(store, "x", [0] * 6)
    held = hold(store, NOW + 7 * DAY)
    assert (held.slots, held.floors[0].carried) == (0, 0)


def test_weeks_begin_on_monday_at_midnight_of_the_business() -> None:
    start, end = window(datetime(2024, 3, 28, 12, tzinfo=UTC), 7, "Europe/Berlin")
    assert start == datetime(2024, 3, 24, 23, tzinfo=UTC)  # Monday 25th, winter time
    assert end == datetime(2024, 3, 31, 22, tzinfo=UTC)  # Monday 1st, summer time


def test_the_view_takes_off_what_has_expired_before_anybody_writes(store: Store) -> None:
    store.set_guarantee(terms("a", "1/2"), who="ada")
    reserve(store, "old", [1, 1], now=NOW - 2 * DAY, lasts=DAY)
    assert [(state.slots, state.kept, state.promised) for state in store.floor_states()] == [(0, 0, 0)]


def test_the_view_tells_promise_kept_and_deficit(store: Store) -> None:
    store.set_guarantee(terms("a", "29/100"), who="ada")
    reserve(store, "x", [1] * 20 + [0] * 80)  # 29 in exact arithmetic, 28 in doubles
    settle(store, "x", shown=range(1, 11))
    (state,) = store.floor_states("a")
    assert (state.slots, state.promised, state.kept, state.deficit, state.reserved) == (100, 29, 20, 9, 10)
    assert state.is_open


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.lists(st.integers(0, 3), min_size=1, max_size=4)),
        st.tuples(st.just("settle"), st.integers(0, 5), st.sets(st.integers(1, 4)), st.sets(st.integers(1, 4))),
        st.tuples(st.just("wait"), st.integers(1, 30)),
        st.tuples(st.just("change"), st.sampled_from(["1/4", "1/3"])),
    ),
    max_size=12,
)


EXPIRES_AFTER_A_CHANGE = [
    ("reserve", [1, 0, 0, 0]),
    ("settle", 0, {2, 3, 4}, set()),
    ("reserve", [0]),
    ("settle", 1, {1}, set()),
    ("change", "1/3"),
    ("wait", 1),
    ("wait", 30),
]


@settings(max_examples=examples(ci=15, soak=1_000), suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(changes=EXPIRES_AFTER_A_CHANGE, by_attention=False)
@example(changes=EXPIRES_AFTER_A_CHANGE, by_attention=True)
@given(changes=CHANGES, by_attention=st.booleans())
def test_what_is_counted_is_what_is_reserved_or_confirmed(
    store: Store, url: str, changes: list[Any], *, by_attention: bool
) -> None:
    for name in ("a", "b"):  # the examples share a database
        with suppress(NotFound):
            store.delete_guarantee(name, who="ada")
    store.set_guarantee(terms("a", by_attention=by_attention), who="ada")
    store.set_guarantee(terms("b", by_attention=by_attention), who="ada")
    now, run = NOW, datetime.now(UTC).isoformat()  # the examples share a database
    answers: list[str] = []
    for kind, *change in changes:
        if kind == "reserve":
            answers.append(f"{run} {len(answers)} ")
            reserve(store, answers[-1], change[0], now=now)
        elif kind == "settle" and change[0] < len(answers):
            of_answer = text("SELECT count(*) FROM exposure_slots WHERE answer_id = :answer")
            with store._engine.connect() as connection:
                places = connection.execute(of_answer, {"answer": answers[change[0]]}).scalar_one()
            settle(store, answers[change[0]], [p for p in change[1] if p <= places], sorted(change[2]))
        elif kind == "wait":
            now += timedelta(hours=change[0])
            hold(store, now)
        elif kind == "change":
            store.set_guarantee(terms("a", change[0], by_attention=by_attention), who="ada")
    hold(store, now)
    assert all(row[:4] == row[4:] for row in counts_in_rows(url))
    assert_debts_are_handed_on(store)
    late = select(func.count()).where(SLOTS.c.state == "reserved", SLOTS.c.expires_at <= now)
    with store._engine.connect() as connection:
        assert connection.execute(late).scalar_one() == 0


def assert_debts_are_handed_on(store: Store) -> None:
    """Each stretch takes over what the one before it owes in its unit; written from the definition, over rows."""
    query = """SELECT f.*, q.slots, q.attention AS given, q.by_attention FROM exposure_floors f
        JOIN exposure_sequences q ON q.sequence_id = f.sequence_id ORDER BY q.sequence_id"""
    owed: dict[tuple[str, bool], int] = {}
    with store._engine.connect() as connection:
        for row in connection.execute(text(query)):
            share, unit = Fraction(row.share_numerator, row.share_denominator), bool(row.by_attention)
            assert row.carried == owed.get((row.guarantee_id, unit), 0)
            if unit:
                behind = share * row.given + row.carried - row.attention
                owed = {key: debt for key, debt in owed.items() if key[1]}
                owed[row.guarantee_id, unit] = int(behind) if behind >= FIRST_PLACE else 0
            else:
                owed = {key: debt for key, debt in owed.items() if not key[1]}
                owed[row.guarantee_id, unit] = max(0, share * row.slots // 1 + row.carried - row.kept)


def test_attention_counts_with_the_slots_that_get_it(store: Store) -> None:
    store.set_guarantee(terms("a", "1/2", by_attention=True), who="ada")
    reserve(store, "x", [1, 0, 1], lasts=timedelta(hours=1))
    reserve(store, "y", [0, 1])
    held = hold(store)
    assert (held.attention, held.floors[0].attention) == (1_000_000 + 500_000 + 333_333 + 1_500_000, 1_833_333)
    settle(store, "x", shown=[1])
    settle(store, "y", released=[2])
    late = hold(store, NOW + timedelta(hours=1))
    assert (late.slots, late.attention, late.floors[0].attention) == (2, 2_000_000, 1_000_000)


def test_a_change_of_the_guarantees_carries_over_the_attention_that_is_owed(store: Store) -> None:
    store.set_guarantee(terms("a", "1/2", by_attention=True), who="ada")
    reserve(store, "x", [0] * 4)  # 2.083333 of attention
    reserve(store, "y", [0])
    store.set_guarantee(terms("b", "1/4", by_attention=True), who="ada")
    assert carried(hold(store)) == {"a": 1_541_666, "b": 0}


def test_less_than_a_first_place_is_not_owed(store: Store) -> None:
    store.set_guarantee(terms("a", "1/2", by_attention=True), who="ada")
    reserve(store, "x", [0])
    store.set_guarantee(terms("b", "1/4", by_attention=True), who="ada")
    assert carried(hold(store)) == {"a": 0, "b": 0}


def test_a_debt_in_places_is_none_in_attention(store: Store) -> None:
    store.set_guarantee(terms("a", "1/2"), who="ada")
    reserve(store, "x", [0] * 6)
    store.set_guarantee(terms("a", "1/2", by_attention=True), who="ada")
    held = hold(store)
    assert (held.by_attention, held.slots, carried(held)) == (True, 0, {"a": 0})


def test_the_view_tells_attention_promised_kept_and_missing(store: Store) -> None:
    store.set_guarantee(terms("a", "1/2", by_attention=True), who="ada")
    reserve(store, "x", [0, 0, 0, 1])
    reserve(store, "y", [0, 0])
    reserve(store, "old", [1, 1], now=NOW - 2 * DAY, lasts=DAY)  # has expired, though nobody took it off yet
    (state,) = store.floor_states("a")
    assert (state.slots, state.promised, state.kept, state.deficit) == (6, None, 1, None)
    assert state.attention == AttentionState(total=3.583333, promised=0.791666, kept=0.25, deficit=0.541667)


def test_the_view_tells_no_attention_where_places_are_counted(store: Store) -> None:
    store.set_guarantee(terms("a"), who="ada")
    reserve(store, "x", [1])
    assert store.floor_states("a")[0].attention is None
