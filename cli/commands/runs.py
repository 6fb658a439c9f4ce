"""`farview runs`: published forecast runs, and how many of them to keep."""

from typing import Annotated

import typer

from cli.options import DEFAULT_DATABASE, Database, Json

app = typer.Typer(help="List and prune published forecast runs.", no_args_is_help=True)


@app.callback()
def runs() -> None:
    """List and prune published forecast runs."""


@app.command("list")
def list_runs(database: Database = DEFAULT_DATABASE, as_json: Json = False) -> None:
    """List published runs, last published first.

    Example: farview runs list
    """
    from cli.console import out, print_json
    from cli.database import open_store
    from cli.views import run_as_data, runs_table

    with open_store(database) as store:
        found, served = store.runs(), store.latest_run()
    if as_json:
        print_json([{**run_as_data(run), "served": run == served} for run in found])
    elif not found:
        out.print("No forecast runs yet. Next: farview score")
    else:
        out.print(runs_table(found, served))


@app.command("prune")
def prune(
    *,
    keep: Annotated[int, typer.Option("--keep", min=1, help="How many to keep: those published last.")],
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Delete all but the runs published last. The served run is never deleted.

    Models, plans and exposures stay. SQLite keeps the space for what comes next.

    Example: farview runs prune --keep 30
    """
    from cli.console import out, print_json
    from cli.database import open_store, who
    from cli.views import run_as_data

    with open_store(database) as store:
        pruned = store.prune_runs(keep, who=who())
        left = len(store.runs())
    if as_json:
        print_json([run_as_data(run) for run in pruned])
        return
    rows = sum(run.forecasts for run in pruned)
    what = "run" if len(pruned) == 1 else "runs"
    out.print(f"{len(pruned):,} {what} deleted with {rows:,} forecasts; {left:,} kept.")
    out.print("Next: farview runs list")
