"""Plans: written whole, read while their run is published or they have none."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from farview.core.errors import Conflict, NotFound
from farview.store.engine import open_engine
from farview.store.store import Store
from farview.store.values import JOURNEYS, NewPlan, PlanRun, PlanRunSpec, PlanTouch, StoredPlan, WriteRequest
from farview.store.writer import Writer
from tests.store import worlds

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)
SPEC = PlanRunSpec(1, date(2024, 1, 15), NOON, "5" * 64, "c" * 64)


def plan(customer: str = "a", touches: int = 2, **changes: Any) -> NewPlan:
    made = NewPlan(
        customer_id=customer,
        model_version="journeys/1",
        planned_at=NOON + timedelta(microseconds=1),
        request={"max_touches": 5, "channel_caps": {"email": 2}},
        touches=tuple(
            PlanTouch(k, NOON + timedelta(days=k), "email" if k % 2 else "sms", 0.03 * k, 0.9**k, 0.05)
            for k in range(1, touches + 1)
        ),
        probability=0.07,
        probability_low=0.05,
        probability_high=0.1,
        probability_without=0.02,
        expected_value=1.9,
        expected_cost=0.1,
        optimality_gap=None,
        evidence="observational",
    )
    return replace(made, **changes)


@pytest.fixture
def store(store: Store) -> Store:
    """With the first journey model."""
    store.register_model(JOURNEYS, "markov", b"weights", worlds.lineage(), {})
    return store


def add(store: Store, new: NewPlan) -> StoredPlan:
    found: list[StoredPlan] = []

    def work(writer: Writer) -> bytes:
        found.append(writer.add_plan(new, who="crm"))
        return b""

    store.once(WriteRequest(str(datetime.now(UTC)), "PlanJourney", ""), work)
    return found[0]


def published(store: Store, *plans: NewPlan, spec: PlanRunSpec = SPEC) -> PlanRun:
    run = store.begin_plan_run(spec)
    store.stage_plans(run, plans)
    return store.publish_plans(run, who="ada")


def listed(store: Store, customer: str | None = None, page_size: int = 100) -> list[StoredPlan]:
    """Every page."""
    rows: list[StoredPlan] = []
    after = None
    while True:
        page = store.list_plans(customer_id=customer, page_size=page_size, after=after)
        rows.extend(page.rows)
        after = page.after
        if after is None:
            return rows
        assert len(page.rows) == page_size


@pytest.mark.parametrize("new", [plan(), plan(touches=0), plan(optimality_gap=0.25)])
def test_a_plan_comes_back_as_it_was_made(store: Store, new: NewPlan) -> None:
    stored = add(store, new)
    assert (stored.plan, stored.plan_run_id) == (new, None)
    assert store.plan(stored.plan_id) == stored


def test_an_unknown_plan_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="plan '2147483649'"):
        store.plan(2**31 + 1)


@pytest.mark.parametrize("name", ["journeys/9", "journeys", "ltv-revenue/1", "journeys/x"])
def test_a_plan_of_an_unknown_model_is_not_found(store: Store, name: str) -> None:
    with pytest.raises(NotFound, match=name):
        add(store, plan(model_version=name))
    assert listed(store) == []


def test_plans_of_a_run_do_not_exist_before_it_is_published(store: Store) -> None:
    run = store.begin_plan_run(SPEC)
    store.stage_plans(run, [plan()])
    assert (listed(store), store.plan_runs()) == ([], [])
    done = store.publish_plans(run, who="ada")
    (found,) = listed(store)
    assert store.plan(found.plan_id) == found == replace(found, plan_run_id=run.plan_run_id, plan=plan())
    assert (done.plans, done.status, store.plan_runs()) == (1, "published", [done])


def test_an_unpublished_plan_cannot_be_read_by_its_id(store: Store) -> None:
    first = add(store, plan())
    store.stage_plans(store.begin_plan_run(SPEC), [plan()])
    with pytest.raises(NotFound):
        store.plan(first.plan_id + 1)


def test_many_staged_plans_keep_their_touches(store: Store) -> None:
    plans = [
        plan(f"c{k:04}", touches=k % 4, expected_value=float(k)) for k in range(1_100)
    ]  # more than one statement takes
    published(store, *plans)
    assert [found.plan for found in reversed(listed(store))] == plans


def test_pages_are_cut_by_id_newest_first(store: Store) -> None:
    stored = [add(store, plan("ab"[k % 2], expected_value=float(k))) for k in range(5)]
    assert listed(store, page_size=2) == stored[::-1]
    assert listed(store, "a", page_size=2) == [stored[4], stored[2], stored[0]]
    assert listed(store, "nobody") == []


def test_the_last_page_says_so_when_it_is_full(store: Store) -> None:
    add(store, plan())
    assert store.list_plans(customer_id=None, page_size=1, after=None).after is None


def test_the_same_key_gives_the_published_run_again(store: Store) -> None:
    run = published(store, plan())
    assert store.begin_plan_run(replace(SPEC, known_at=NOON + timedelta(days=1))) == run


@pytest.mark.parametrize(
    "other", [{"as_of": date(2024, 1, 16)}, {"snapshot_hash": "6" * 64}, {"config_hash": "d" * 64}]
)
def test_another_key_is_another_run(store: Store, other: dict[str, Any]) -> None:
    run = published(store, plan())
    assert store.begin_plan_run(replace(SPEC, **other)).plan_run_id != run.plan_run_id


def test_beginning_a_dead_run_again_removes_what_it_had_staged(store: Store, url: str) -> None:
    dead = store.begin_plan_run(SPEC)
    store.stage_plans(dead, [plan("a"), plan("b")])
    published(store, plan("c"))
    assert [found.plan.customer_id for found in listed(store)] == ["c"]
    engine = open_engine(url)
    with engine.connect() as connection:
        counts = [connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in ("plans", "plan_touches")]
    engine.dispose()
    assert counts == [1, 2]
    with pytest.raises(Conflict, match="is not open"):
        store.stage_plans(dead, [plan("a")])


def test_nothing_can_be_added_to_a_published_run(store: Store) -> None:
    run = published(store, plan())
    with pytest.raises(Conflict, match="is not open"):
        store.stage_plans(run, [plan("b")])
    assert len(listed(store)) == 1


def test_publishing_is_in_the_audit_log(store: Store) -> None:
    run = published(store, plan())
    entry = store.audit_log()[0]
    assert (entry.action, entry.subject, entry.who) == ("publish", f"plan-runs/{run.plan_run_id}", "ada")


def test_a_run_of_an_unknown_model_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="journeys/5"):
        store.begin_plan_run(replace(SPEC, model_version=5))
