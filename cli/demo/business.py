"""The second half of the main job on a simulated business: whom to reach, what to show, and a journey."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from cli.console import out, progress
from cli.database import open_store, who
from cli.demo import business_tables as tables
from cli.demo.audience_table import audience
from cli.demo.journey_truth import journey_customer, present, truth_of
from cli.demo.served import served
from cli.demo.steps import step
from cli.journey_views import journey_model_lines
from cli.views import model_lines, run_lines
from farview.client import (
    Exposure,
    FarviewClient,
    Floor,
    Item,
    JourneyPrices,
    JourneyRules,
    JourneyTiming,
    Objective,
    Order,
)
from farview.simulation.business import World
from farview.simulation.files import write_world
from farview.simulation.world import make_world
from farview.store.migrate import upgrade
from farview.store.store import Store
from farview.store.values import Business
from farview.v1.prioritization_pb2 import PrioritizeCustomersResponse
from jobs.import_file import import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions
from jobs.score import score_ltv
from jobs.train import train_ltv
from jobs.train_journeys import train_journeys

AUDIENCE = 10
ITEMS = 8
RECENT = timedelta(days=30)  # before the log of touches begins
FILES = ("customers", "consents", "transactions", "touchpoints", "items")
RULES = JourneyRules(max_touches=4, caps={"email": 2, "push": 1})


def tell(folder: Path, customers: int) -> str:
    """Runs everything in `folder` on that many customers, says so on the way, and returns the database's URL."""
    database, world = f"sqlite:///{folder / 'farview.db'}", make_world(seed=1)
    out.print("Customers, touches and items are drawn from formulas, so the true chances are known.")
    prepare(database, folder / "world", world, customers)
    ask(database, folder / "server.log", world)
    return database


def prepare(database: str, files: Path, world: World, customers: int) -> None:
    """Simulates, imports, trains both kinds of model, scores and publishes."""
    with progress() as bar:
        with step("Simulate"):
            written = write_world(world, customers, files, advance=bar.advance)
            rows = ", ".join(f"{file.rows:,} {file.path.stem}" for file in written if file.rows)
            out.print(f"{rows}.")
        upgrade(database)
        with open_store(database) as store:
            store.set_business(Business(world.time_zone, world.currency, consent_required=False))
            with step("Import"):
                for name in FILES:
                    path = files / f"{name}.csv"
                    result = import_file(store, KINDS[name], path, FileOptions(), who=who(), progress=bar)
                    out.print(f"{name}: {' '.join(result.lines())}", markup=False)
            with step("Train and score"):
                for line in model_lines(train_ltv(store, who=who(), why="demo", progress=bar)):
                    out.print(line)
                for line in run_lines(score_ltv(store, who=who(), progress=bar)):
                    out.print(line)
                for line in journey_model_lines(train_journeys(store, who=who(), why="demo", progress=bar)):
                    out.print(line)


def ask(database: str, log: Path, world: World) -> None:
    """Starts a server and shows what it answers."""
    with open_store(database) as store, served(database, log) as farview:
        since = world.log_start - RECENT
        recent = Floor("recent", f'first_purchase_date >= "{since:%Y-%m-%d}"', share=0.3)
        reached = farview.prioritize(AUDIENCE, floors=[recent], order=Order(seed=1))
        chosen = journey_customer(store, reached, world)
        items = popular_items(store)
        ranking = farview.rank_items(
            items, [Objective("popularity", weight=2), Objective("margin")], explain=True, seed=1
        )
        prices = JourneyPrices(
            world.currency,
            margin=Decimal(str(chosen.margin)),
            touch_costs={
                name: Decimal(str(cost)) for name, cost in zip(world.channels, world.touch_cost.tolist(), strict=True)
            },
        )
        planned = farview.plan_journey(chosen.customer_id, RULES, prices, JourneyTiming(plan_time=present(world)))
        for shown in (
            audience(reached, recent, f"first bought since {since:%d %B %Y}"),
            tables.ranking(ranking, items, chosen.customer_id, world.currency),
            tables.journey(planned.plan, chosen),
            tables.judged(planned.plan, truth_of(world, chosen, planned.plan, RULES)),
        ):
            out.print()
            out.print(shown)
        out.print()
        report(farview, reached)


def report(farview: FarviewClient, reached: PrioritizeCustomersResponse) -> None:
    """Tells the server which customers of the audience were contacted."""
    now = datetime.now(UTC)
    contacted = [Exposure(customer.place, now, customer_id=customer.customer_id) for customer in reached.customers[:5]]
    recorded = farview.record_exposures(reached.feedback_token, contacted)
    out.print(
        f"Recorded that {recorded.new_count} customers of the audience were contacted; the signed token of the answer "
        "tells from which run and model they came."
    )


def popular_items(store: Store) -> list[Item]:
    """The most popular items in stock."""
    rows = [row | json.loads(row["attributes"]) for row in store.items().to_pylist() if row["stock"]]
    rows.sort(key=lambda row: -row["popularity"])
    return [
        Item(row["item_id"], {name: row[name] for name in ("price", "margin", "popularity")}) for row in rows[:ITEMS]
    ]
