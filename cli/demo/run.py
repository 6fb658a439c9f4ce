"""The main job on CDNOW, step by step: a file becomes forecasts, a server answers with an audience."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path

from rich.rule import Rule

from cli.console import duration, out, progress
from cli.database import open_store, who
from cli.demo import tables
from cli.demo.outcome import totals_after
from cli.server_process import server_process
from cli.views import model_lines, run_lines
from farview.client import FarviewClient, Floor
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


def run_demo(folder: Path, *, kept: bool) -> None:
    """Runs everything in `folder`, and says so on the way."""
    database = f"sqlite:///{folder / 'farview.db'}"
    out.print("[bold]Farview demo[/bold]: who comes next at CDNOW, a shop whose customers of 1997 are known by number.")
    out.print(f"Models see purchases up to {AS_OF:%d %B %Y}; what came after is kept to check them.")
    with as_file(files("cli") / "demo_data" / "cdnow_master.csv.gz") as transactions:
        prepare(database, transactions)
        ask(database, folder / "server.log", transactions)
    out.print()
    if kept:
        out.print(f"The database is kept. Next: farview serve --database {database}")
    else:
        out.print("Next, with your own transactions: farview init; farview import transactions FILE")


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
    started = time.perf_counter()
    with server_process(database, log) as (process_id, address), FarviewClient(address) as farview:
        out.print(Rule("Serve", align="left", style="dim"))
        ready = duration(time.perf_counter() - started)
        out.print(f"Server process {process_id} answers on {address}, ready in {ready}. All that follows came from it.")
        horizon = HORIZONS_DAYS[-1]
        chosen = tables.chosen_customers(farview, horizon)
        loyal = farview.forecast(chosen[0][1].forecast.customer_id)
        audience = farview.prioritize(AUDIENCE, floors=[NEW_COHORT], seed=1)
        came = totals_after(transactions, AS_OF, horizon)
        for shown in (
            tables.forecasts(chosen, horizon),
            tables.one_customer(loyal),
            tables.audience(audience, NEW_COHORT),
            tables.totals(farview.totals(horizon), came, horizon),
        ):
            out.print()
            out.print(shown)


@contextmanager
def step(name: str) -> Iterator[None]:
    """A heading before and the time after a step."""
    out.print(Rule(name, align="left", style="dim"))
    started = time.perf_counter()
    yield
    out.print(f"[dim]{duration(time.perf_counter() - started)}[/dim]")
