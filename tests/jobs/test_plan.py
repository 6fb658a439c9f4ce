"""Planning for everybody: who gets which plan, once, and what a job that dies leaves behind."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from farview.core.clock import Cut, zone
from farview.core.errors import FailedPrecondition, InvalidInput, NotFound
from farview.features.attributes import attribute_table
from farview.store.batches import CONSENT_BATCH, CUSTOMER_BATCH
from farview.store.store import Store
from farview.store.values import Business, ImportSource, NewPlan, PlanTouch, Touchpoint
from jobs import journey_histories
from jobs.plan import plan_customers
from jobs.plan_terms import PlanOptions
from jobs.progress import Silent
from jobs.train_journeys import JourneyFit, train_journeys
from journeys.model import load
from journeys.plan import PlanRequest
from journeys.planning import histories, plan_journey
from tests.jobs.journey_business import LAST_DAY, WORLD, fill, log
from tests.store import worlds

CUSTOMERS = 150
TOUCHED = {row.customer_id for row in log(CUSTOMERS) if row.interaction != "conversion"}
OPTIONS = PlanOptions(max_touches=4, caps={WORLD.channels[0]: 1}, touch_costs={WORLD.channels[1]: 0.5}, gap_hours=30.0)


@pytest.fixture
def trained(store: Store) -> Store:
    """150 customers' touches, attributes of some, and a chain fitted to them."""
    fill(store, CUSTOMERS)
    train_journeys(store, fit=JourneyFit("markov"), as_of=LAST_DAY, who="test")
    return store


@pytest.fixture(scope="session")
def small_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in a SQLite file to copy."""
    path = Path(shutil.copy(sqlite_template, tmp_path_factory.mktemp("plan") / "template.db"))
    store = Store.open(f"sqlite:///{path}")
    store.set_business(Business("Europe/Berlin", "EUR", consent_required=False))
    fill(store, CUSTOMERS)
    train_journeys(store, fit=JourneyFit("markov"), as_of=LAST_DAY, who="test")
    store.close()
    return path


@pytest.fixture
def small(small_template: Path, tmp_path: Path) -> Iterator[Store]:
    """For what does not depend on the database."""
    store = Store.open(f"sqlite:///{shutil.copy(small_template, tmp_path / 'small.db')}")
    yield store
    store.close()


def plans_of(store: Store) -> dict[str, NewPlan]:
    """All plans that can be read, by customer; of several the newest."""
    newest_first = store.list_plans(customer_id=None, page_size=10_000, after=None).rows
    return {stored.plan.customer_id: stored.plan for stored in reversed(newest_first)}


def deny(store: Store, customer_id: str, channel: str, *, allowed: bool = False, day: int = 1) -> None:
    """One record of consent."""
    row = {"customer_id": customer_id, "channel": channel, "purpose": "marketing", "allowed": allowed}
    _import(store, "consents", [row | {"time": datetime(2025, 1, day, tzinfo=UTC)}], CONSENT_BATCH)


def describe(store: Store, attributes: Mapping[str, str], time_zone: str | None = None) -> None:
    """Attributes by customer, as JSON."""
    rows = [{"customer_id": name, "time_zone": time_zone, "attributes": text} for name, text in attributes.items()]
    _import(store, "customers", rows, CUSTOMER_BATCH)


def _import(store: Store, kind: str, rows: list[dict[str, object]], schema: pa.Schema) -> None:
    source = ImportSource(f"{kind}.csv", f"{hash(str(rows)):064x}"[-64:], {})
    store.import_file(kind, source, [pa.RecordBatch.from_pylist(rows, schema=schema)], lambda: 0, who="test")


def test_every_customer_with_a_touch_gets_one_plan(trained: Store) -> None:
    planned = plan_customers(trained, options=OPTIONS, who="ada")
    assert planned.run.status == "published"
    assert planned.run.plans == len(TOUCHED)
    assert set(plans_of(trained)) == TOUCHED


def test_a_plan_is_that_of_the_customer_alone(trained: Store) -> None:
    plan_customers(trained, options=OPTIONS, who="ada")
    version = trained.model_version("journeys", 1)
    model = load(trained.artifact(version))
    present = Cut(LAST_DAY, datetime.now(UTC)).before(zone("Europe/Berlin"))
    for customer_id, stored in list(plans_of(trained).items())[:20]:
        steps = histories(model.about, trained.touchpoints_of([customer_id], present), present)
        attributes = attribute_table(trained.attributes([customer_id]), model.about.context.kinds)
        request = PlanRequest.from_data(customer_id, stored.request)
        alone = plan_journey(model, steps, attributes, request)
        assert stored.planned_at == present
        assert stored.probability == alone.probability
        assert stored.expected_value == alone.expected_value
        assert [touch.channel for touch in stored.touches] == [touch.channel for touch in alone.touches]
        assert stored.request["margin"] == version.metrics["mean_conversion_value"]


def test_batches_change_no_plan(small: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    plan_customers(small, options=OPTIONS, who="ada")
    whole = plans_of(small)
    monkeypatch.setattr(journey_histories.by_customer, "__defaults__", (50,))
    plan_customers(small, options=replace(OPTIONS, margin=whole[min(whole)].request["margin"] + 1e-9), who="ada")
    in_pieces = plans_of(small)
    assert {name: plan.touches for name, plan in whole.items()} == {
        name: plan.touches for name, plan in in_pieces.items()
    }


def test_quiet_hours_are_those_of_the_customers_day(small: Store) -> None:
    customer_id = min(TOUCHED)
    describe(small, {customer_id: "{}"}, time_zone="Asia/Tokyo")
    plan_customers(small, options=replace(OPTIONS, quiet="20:00-10:00", margin=1_000.0), who="ada")
    mine = plans_of(small)[customer_id]
    assert mine.touches
    assert all(10 <= touch.time.astimezone(ZoneInfo("Asia/Tokyo")).hour < 20 for touch in mine.touches)


def test_quiet_hours_that_are_none_are_refused(small: Store) -> None:
    for text in ("21-8", "21:00", "25:00-08:00"):
        with pytest.raises(InvalidInput, match=f"--quiet: '{text}' is not of the form 21:00-08:00"):
            plan_customers(small, options=replace(OPTIONS, quiet=text), who="ada")


def test_planning_again_gives_the_published_run(trained: Store) -> None:
    first, second = (plan_customers(trained, options=OPTIONS, who="ada") for _ in range(2))
    assert second.run == first.run
    assert first.summary is not None
    assert second.summary is None


def test_whatever_changes_a_plan_makes_a_new_run(small: Store) -> None:
    def run_id(options: PlanOptions = OPTIONS) -> int:
        return plan_customers(small, options=options, as_of=LAST_DAY, who="ada").run.plan_run_id

    customer_id = min(TOUCHED)
    ids = [run_id(), run_id(replace(OPTIONS, max_touches=3)), run_id(replace(OPTIONS, margin=40.0))]
    deny(small, customer_id, WORLD.channels[2])
    ids.append(run_id())
    describe(small, {customer_id: '{"age": 30}'})
    ids.append(run_id())
    click = Touchpoint(customer_id, datetime(2025, 3, 1, tzinfo=UTC), "click", WORLD.channels[0])
    small.record_touchpoints([click], who="test")
    ids.append(run_id())
    assert len(set(ids)) == 6


def test_denied_channels_are_never_planned(trained: Store) -> None:
    customer_id = min(TOUCHED)
    kept = WORLD.channels[2]
    for channel in WORLD.channels:
        if channel != kept:
            deny(trained, customer_id, channel)
    plan_customers(trained, options=replace(OPTIONS, margin=1_000.0), who="ada")
    plans = plans_of(trained)
    assert {touch.channel for touch in plans[customer_id].touches} == {kept}
    assert set(plans[customer_id].request["constraints"]["denied"]) == set(WORLD.channels) - {kept}
    assert len({touch.channel for plan in plans.values() for touch in plan.touches}) > 1


def test_plans_keep_to_the_caps(small: Store) -> None:
    plan_customers(small, options=replace(OPTIONS, caps=dict.fromkeys(WORLD.channels, 1), margin=1_000.0), who="ada")
    for plan in plans_of(small).values():
        channels = [touch.channel for touch in plan.touches]
        assert len(channels) == len(set(channels)) <= 4


def test_touches_are_planned_from_the_end_of_the_day_on(small: Store) -> None:
    plan_customers(small, options=replace(OPTIONS, margin=1_000.0), as_of=LAST_DAY, who="ada")
    plan = next(iter(plans_of(small).values()))
    midnight = datetime(2025, 3, 31, 22, tzinfo=UTC)  # in Berlin
    assert [touch.time for touch in plan.touches] == [midnight + n * timedelta(hours=30) for n in range(4)]


@pytest.fixture
def forecast(small: Store) -> list[str]:
    """Customers of a published forecast run: three with touches, two never touched; cohorts alternate."""
    ids = sorted([*sorted(TOUCHED)[:3], "never1", "never2"])
    run = small.begin_run(worlds.spec(worlds.register(small)))
    worlds.publish(small, run, worlds.forecasts(ids))
    return ids


def test_a_filter_chooses_among_the_customers_of_the_latest_forecast(small: Store, forecast: list[str]) -> None:
    planned = plan_customers(small, options=replace(OPTIONS, where='cohort = "2023-12"'), who="ada")
    assert planned.run.plans == 3
    assert sorted(plans_of(small)) == forecast[::2]


def test_chosen_customers_without_a_touch_are_planned_for(small: Store, forecast: list[str]) -> None:
    options = replace(OPTIONS, where='cohort >= "2000"', margin=1_000.0)
    plan_customers(small, options=options, who="ada")
    plans = plans_of(small)
    assert sorted(plans) == forecast
    assert plans["never1"].touches == plans["never2"].touches != ()


def test_a_filter_without_a_forecast_names_the_commands(small: Store) -> None:
    with pytest.raises(FailedPrecondition, match=r"farview train ltv.*farview score"):
        plan_customers(small, options=replace(OPTIONS, where="p_alive > 0.5"), who="ada")


def test_what_to_sell_next_is_planned_for_who_has_just_bought(small: Store) -> None:
    days = 20.0
    since = Cut(LAST_DAY, datetime.now(UTC)).before(zone("Europe/Berlin")) - timedelta(days=days)
    bought = {row.customer_id for row in log(CUSTOMERS) if row.interaction == "conversion" and row.time >= since}
    plan_customers(small, options=replace(OPTIONS, after_purchase_days=days), as_of=LAST_DAY, who="ada")
    assert set(plans_of(small)) == bought & TOUCHED
    assert 0 < len(bought) < len(TOUCHED)


def test_nobody_who_has_just_bought_is_a_run_of_no_plan(small: Store) -> None:
    options = replace(OPTIONS, after_purchase_days=1e-9)
    assert plan_customers(small, options=options, as_of=LAST_DAY, who="ada").run.plans == 0
    with pytest.raises(InvalidInput, match="--after-purchase"):
        plan_customers(small, options=replace(OPTIONS, after_purchase_days=0.0), as_of=LAST_DAY, who="ada")


def test_a_conversion_brings_what_the_forecast_says_of_a_purchase(small: Store, forecast: list[str]) -> None:
    plan_customers(small, options=replace(OPTIONS, margin_by_forecast=True, margin=7.0), who="ada")
    run = small.latest_run()
    assert run is not None
    horizon = max(run.spec.horizons_days)
    rows = small.run_table(run.run_id, horizon, ["customer_id", "value_mean", "purchases_mean"])
    table = {name: figures.to_pylist() for name, figures in zip(rows.column_names, rows.columns, strict=True)}
    worth = {
        name: max(value / purchases, 0.0) if purchases > 0 else 0.0
        for name, value, purchases in zip(*table.values(), strict=True)
    }
    for name, plan in plans_of(small).items():
        assert plan.request["margin"] == pytest.approx(worth.get(name, 7.0))
    assert any(name in worth for name in plans_of(small))


def test_a_conversion_takes_no_more_of_what_comes_after_it_than_it_brings(small: Store, forecast: list[str]) -> None:
    options = replace(OPTIONS, margin_by_forecast=True, margin=1e6, residual_change=-1e5)
    plan_customers(small, options=options, who="ada")
    asked = [plan.request for plan in plans_of(small).values()]
    assert {each["residual_change"] for each in asked if each["margin"] == 1e6} <= {-1e5}
    some = [each for each in asked if each["margin"] != 1e6]
    assert some
    assert all(each["residual_change"] == -each["margin"] for each in some)


def test_a_margin_by_a_forecast_that_there_is_not_names_the_commands(small: Store) -> None:
    with pytest.raises(FailedPrecondition, match=r"farview train ltv.*farview score"):
        plan_customers(small, options=replace(OPTIONS, margin_by_forecast=True), who="ada")


def test_planning_before_the_log_publishes_nothing(small: Store) -> None:
    with pytest.raises(FailedPrecondition, match="is --as-of before the log"):
        plan_customers(small, as_of=LAST_DAY.replace(year=2020), who="ada")
    assert not small.plan_runs()


def test_planning_without_a_model_says_so(sqlite_store: Store) -> None:
    fill(sqlite_store, 5)
    with pytest.raises(NotFound, match="farview train"):
        plan_customers(sqlite_store, who="ada")


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"max_touches": 0}, "--max-touches: 0 is outside"),
        ({"caps": {"fax": 1}}, "--cap: no channel 'fax'"),
        ({"touch_costs": {"fax": 1.0}}, "--cost: no channel 'fax'"),
        ({"touch_costs": {WORLD.channels[0]: -1.0}}, "--cost: -1.0 is not an amount of at least 0"),
        ({"margin": float("nan")}, "--margin: nan is not an amount"),
        ({"gap_hours": 0.0}, "--gap-hours: 0.0 is not"),
        ({"margin": 5.0, "residual_change": -6.0}, "--residual-change: -6.0 takes more than the margin of 5.0"),
        ({"consent_purpose": ""}, "--consent-purpose: '' is not the name of a purpose"),
        ({"consent_purpose": "marketing "}, "--consent-purpose: 'marketing ' is not the name of a purpose"),
        ({"where": "cohort ="}, "--where: position"),
        ({"where": "shoe_size > 4"}, "--where: position"),
    ],
)
def test_impossible_options_are_refused(small: Store, changed: dict[str, object], wrong: str) -> None:
    with pytest.raises(InvalidInput, match=wrong):
        plan_customers(small, options=replace(OPTIONS, **changed), who="ada")  # type: ignore[arg-type]


def test_a_log_without_values_asks_for_the_margin(sqlite_store: Store) -> None:
    at = datetime(2025, 2, 1, tzinfo=UTC)
    sqlite_store.record_touchpoints(
        [Touchpoint(f"c{n}", at + timedelta(days=n), "click", "email") for n in range(9)], who="test"
    )
    train_journeys(sqlite_store, fit=JourneyFit("markov"), who="test")
    with pytest.raises(InvalidInput, match="--margin: the log behind the model told no conversion value"):
        plan_customers(sqlite_store, who="ada")


def test_the_summary_adds_up(small: Store) -> None:
    summary = plan_customers(small, options=OPTIONS, who="ada").summary
    plans = plans_of(small).values()
    assert summary is not None
    assert summary.plans == len(plans)
    assert summary.probability == pytest.approx(sum(plan.probability for plan in plans))
    assert summary.expected_value == pytest.approx(sum(plan.expected_value for plan in plans))
    assert summary.without_touch == sum(not plan.touches for plan in plans)
    assert summary.first_channels.total() == len(plans) - summary.without_touch


def test_a_plan_keeps_its_step_table(small: Store) -> None:
    plan_customers(small, options=replace(OPTIONS, margin=1_000.0), who="ada")
    plan = next(iter(plans_of(small).values()))
    assert [touch.position for touch in plan.touches] == [1, 2, 3, 4]
    reached = [touch.reached for touch in plan.touches]
    assert reached == sorted(reached, reverse=True)
    assert isinstance(plan.touches[0], PlanTouch)


class Dying(Silent):
    """Watches a job that dies when the first batch has been staged."""

    def advance(self, units: int = 1) -> None:
        raise RuntimeError("killed")


def test_a_job_that_dies_leaves_no_plan_and_the_rerun_publishes(trained: Store) -> None:
    with pytest.raises(RuntimeError, match="killed"):
        plan_customers(trained, options=OPTIONS, who="ada", progress=Dying())
    assert plans_of(trained) == {}
    assert plan_customers(trained, options=OPTIONS, who="ada").run.plans == len(TOUCHED)
    assert [run.plans for run in trained.plan_runs()] == [len(TOUCHED)]
    assert [record.state for record in trained.operations() if record.kind == "plan"] == ["done", "failed"]
