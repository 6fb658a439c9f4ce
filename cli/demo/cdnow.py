"""The main job on CDNOW, step by step: a file becomes forecasts, a server answers with an audience."""

from datetime import date
from importlib.resources import as_file, files
from pathlib import Path

from cli.console import out, progress
from cli.database import open_store, who
from cli.demo import cdnow_tables as tables
from cli.demo.audience_table import audience
from cli.demo.cdnow_outcome import totals_after
from cli.demo.served import served
from cli.demo.steps import step
from cli.views import model_lines, run_lines
from farview.client import Floor, Order
from farview.store.migrate import head, upgrade
from farview.store.values import Business
from jobs.import_file import import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions
from jobs.score import score_ltv
from jobs.train import train_ltv

AS_OF = date(1997, 9, 30)
HORIZONS_DAYS = (91, 182, 273)
AUDIENCE = 12
NEW_COHORT = Floor("march", 'cohort = "1997-03"', share=0.5)


def tell(folder: Path, file: str) -> str:
    """Runs the whole job on a file of cli/demo_data in `folder`, says so on the way, and returns the database's URL."""
    database = f"sqlite:///{folder / 'farview.db'}"
    out.print(f"Models see purchases up to {AS_OF:%d %B %Y}; what came after is kept to check them.")
    with as_file(files("cli") / "demo_data" / file) as transactions:
        prepare(database, transactions)
        ask(database, folder / "server.log", transactions)
    return database


def prepare(database: str, transactions: Path) -> None:
    """Migrates, imports, trains, scores and publishes."""
    with step("Migrate"):
        upgrade(database)
        with open_store(database) as store:
            store.set_business(Business("America/New_York", "USD", consent_required=False))
        out.print(f"A new SQLite database with schema {head()}.")
    with open_store(database) as store, progress() as bar:
        with step("Import"):
            imported = import_file(store, KINDS["transactions"], transactions, FileOptions(), who=who(), progress=bar)
            for line in imported.lines():
                out.print(line, markup=False)
        with step("Train"):
            model = train_ltv(store, as_of=AS_OF, who=who(), why="demo", progress=bar)
            for line in model_lines(model):
                out.print(line)
        with step("Score"):
            run = score_ltv(store, as_of=AS_OF, horizons_days=HORIZONS_DAYS, who=who(), progress=bar)
            for line in run_lines(run):
                out.print(line)


def ask(database: str, log: Path, transactions: Path) -> None:
    """Starts a server and shows what it answers."""
    with served(database, log) as farview:
        horizon = HORIZONS_DAYS[-1]
        chosen = tables.chosen_customers(farview, horizon)
        loyal = farview.forecast(chosen[0][1].forecast.customer_id)
        chosen_ones = farview.prioritize(AUDIENCE, floors=[NEW_COHORT], order=Order(seed=1))
        came = totals_after(transactions, AS_OF, horizon)
        for shown in (
            tables.forecasts(chosen, horizon),
            tables.one_customer(loyal),
            audience(chosen_ones, NEW_COHORT, "first bought in March 1997"),
            tables.totals(farview.totals(horizon), came, horizon),
        ):
            out.print()
            out.print(shown)
