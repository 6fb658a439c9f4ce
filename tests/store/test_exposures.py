"""Exposures are told once; signing keys are made once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from secrets import token_bytes
from threading import Barrier, BrokenBarrierError
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from farview.core.errors import InvalidInput
from farview.store.engine import open_engine
from farview.store.store import Store
from farview.store.values import Answered, Exposure, WriteCounts, WriteRequest
from farview.store.writer import Writer
from tests.tiers import examples

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)
AUDIENCE = Answered("x1", "PrioritizeCustomers", 7, "ltv-revenue/2", None)


def shown(place: int, customer: str | None = None, item: str | None = None, time: datetime = NOON) -> Exposure:
    return Exposure(place, time, customer, item)


def record(store: Store, rows: Sequence[Exposure], answered: Answered = AUDIENCE) -> WriteCounts:
    found: list[WriteCounts] = []

    def work(writer: Writer) -> bytes:
        found.append(writer.record_exposures(answered, rows, who="crm"))
        return b""

    store.once(WriteRequest(str(datetime.now(UTC)), "RecordExposures", ""), work)
    return found[0]


def table(url: str, columns: str, name: str = "exposures") -> list[tuple[Any, ...]]:
    engine = open_engine(url)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM {name} ORDER BY 1, 2"))]
    engine.dispose()
    return rows


def test_exposures_carry_the_answer_that_they_came_from(store: Store, url: str) -> None:
    assert record(store, [shown(2, "b"), shown(1, "a")]) == WriteCounts(added=2)
    columns = "place, customer_id, item_id, answer_id, method, forecast_run_id, model_version, plan_id, who"
    answer = ("x1", "PrioritizeCustomers", 7, "ltv-revenue/2", None, "crm")
    assert table(url, columns) == [(1, "a", None, *answer), (2, "b", None, *answer)]


def test_a_resent_exposure_changes_nothing_also_at_another_time(store: Store) -> None:
    record(store, [shown(1, "a"), shown(2, None, "i")])
    again = [shown(1, "a", time=datetime.now(UTC)), shown(2, None, "i"), shown(3, "c")]
    assert record(store, again) == WriteCounts(added=1, unchanged=2)


@pytest.mark.parametrize("other", [shown(2, "a"), shown(1, "b"), shown(1, "a", "i"), shown(1, None, "a")])
def test_another_place_or_id_is_another_exposure(store: Store, other: Exposure) -> None:
    record(store, [shown(1, "a")])
    assert record(store, [other]) == WriteCounts(added=1)


def test_the_same_place_of_another_answer_is_another_exposure(store: Store) -> None:
    record(store, [shown(1, "a")])
    other = Answered("x2", "PlanJourney", None, "journeys/3", 12)
    assert record(store, [shown(1, "a")], other) == WriteCounts(added=1)


@settings(max_examples=examples(ci=15, soak=500), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    requests=st.lists(
        st.lists(st.builds(shown, st.integers(1, 3), st.sampled_from(["a", None]), st.sampled_from(["i", None]))),
        max_size=4,
    )
)
def test_exposures_behave_like_a_set(store: Store, requests: list[list[Exposure]]) -> None:
    answer_id = f"{uuid4()}"  # the examples share a database
    told: set[Exposure] = set()
    for rows in requests:
        counts = record(store, rows, Answered(answer_id, "RankItems", None, None, None))
        assert counts == WriteCounts(added=len({*rows} - told), unchanged=len(rows) - len({*rows} - told))
        told |= {*rows}


@pytest.mark.parametrize(("field", "row"), [("place", shown(0)), ("time", shown(1, time=datetime(2024, 1, 15)))])
def test_what_no_exposure_can_be_is_named(store: Store, field: str, row: Exposure) -> None:
    with pytest.raises(InvalidInput, match=rf"exposures\[1\].{field}"):
        record(store, [shown(1), row])


def test_the_first_key_is_made_once_and_is_not_guessable(store: Store) -> None:
    keys = store.signing_keys()
    assert [len(key) for key in keys] == [32]
    assert store.signing_keys() == keys


def test_two_servers_that_start_at_once_sign_with_the_same_key(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    both_found_none = Barrier(2)

    def wait(size: int) -> bytes:
        with suppress(BrokenBarrierError):  # SQLite lets only one writer come this far
            both_found_none.wait(timeout=0.5)
        return token_bytes(size)

    monkeypatch.setattr("farview.store.signing_keys.secrets.token_bytes", wait)
    with ThreadPoolExecutor(2) as servers:
        found = list(servers.map(lambda _: store.signing_keys(), range(2)))
    assert found == [store.signing_keys()] * 2


def test_keys_come_oldest_first(store: Store, url: str) -> None:
    (first,) = store.signing_keys()
    engine = open_engine(url)
    with engine.begin() as connection:
        now = "1" if "sqlite" in url else "now()"
        insert = f"INSERT INTO signing_keys (key_id, secret, created_at) VALUES (2, :secret, {now})"
        connection.execute(text(insert), {"secret": b"n" * 32})
    engine.dispose()
    assert store.signing_keys() == [first, b"n" * 32]
