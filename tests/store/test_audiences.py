"""Audiences: stored whole, read page by page."""

from dataclasses import replace

import pyarrow as pa
import pytest
from sqlalchemy.exc import IntegrityError

from farview.core.errors import Conflict, NotFound
from farview.store.audiences import MEMBERS, NewAudience
from farview.store.store import Store

NEW = NewAudience(
    operation_id=17,
    request={"capacity": 3},
    forecast_run_id=2,
    model_version="ltv-revenue/1",
    horizon_days=90,
    seed=5,
    candidates=10,
    barred=1,
    floors=[{"name": "new", "placed": 2}],
    obstacles=["not enough"],
)


def members(*names: str) -> pa.Table:
    rows = [
        {"place": at, "customer_id": name, "cohort": "2024-01", "score": 10.0 - at, "expected_value_mean": 1.5}
        for at, name in enumerate(names, start=1)
    ]
    return pa.Table.from_pylist([row | {"forced": row["place"] == 2} for row in rows], schema=MEMBERS)


def test_an_audience_comes_back_as_it_was_made(store: Store) -> None:
    stored = store.add_audience(NEW, members("a", "b", "c"), who="ada")
    assert (stored.made, stored.customers, stored.who) == (NEW, 3, "ada")
    assert store.audience(stored.audience_id) == store.audience_of(17) == stored
    assert pa.Table.from_batches(store.audience_members(stored.audience_id)).equals(members("a", "b", "c"))


def test_pages_go_on_behind_a_place(store: Store) -> None:
    made = store.add_audience(NEW, members("a", "b", "c"), who="ada").audience_id
    store.add_audience(replace(NEW, operation_id=18), members("x"), who="ada")
    pages = [store.audience_page(made, page_size=2, after=after)["customer_id"].to_pylist() for after in (0, 2, 3)]
    assert pages == [["a", "b"], ["c"], []]


def test_an_operation_makes_one_audience(store: Store) -> None:
    store.add_audience(NEW, members("a"), who="ada")
    with pytest.raises((Conflict, IntegrityError)):
        store.add_audience(NEW, members("b"), who="ada")
    found = store.audience_of(17)
    assert found is not None
    assert store.audience_page(found.audience_id, page_size=9)["customer_id"].to_pylist() == ["a"]


def test_an_unknown_audience_is_not_found(store: Store) -> None:
    assert store.audience_of(1) is None
    with pytest.raises(NotFound, match="audience '1'"):
        store.audience(1)


def test_an_audience_of_nobody_is_stored(store: Store) -> None:
    assert store.add_audience(NEW, members(), who="ada").customers == 0
