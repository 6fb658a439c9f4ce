"""`farview simulate world`: a synthetic business with known truth, as files."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cli.commands.simulate_journeys import simulate_journeys
from cli.commands.simulate_scenario import simulate_scenario
from cli.options import Json, Seed

app = typer.Typer(help="Make data whose truth is known, or ask what if.", no_args_is_help=True)
app.command("scenario")(simulate_scenario)
app.command("journeys")(simulate_journeys)


@app.callback()
def simulate() -> None:
    """Make data whose truth is known, or ask what if."""


@app.command()
def world(
    *,
    customers: Annotated[int, typer.Option("--customers", min=1, help="How many customers.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="Folder to write to: new or empty.", show_default=False)],
    seed: Seed = 0,
    file_format: Annotated[Literal["csv", "parquet"], typer.Option("--format", help="Of the files.")] = "csv",
    channels: Annotated[int, typer.Option("--channels", min=2, max=12, help="How many channels touch customers.")] = 6,
    confounded: Annotated[
        bool, typer.Option("--confounded", help="A hidden intent drives both who is touched how and who converts.")
    ] = False,
    messy: Annotated[
        bool, typer.Option("--messy", help="Add the faults of real exports: no order, ties, repeats, returns.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a consistent synthetic business: six tables and the truth behind them.

    One set of ids runs through all tables; truth.json holds every number used.
    The same seed gives the same customers, however many are asked for.
    The model is described in docs/synthetic-business.md.

    Example: farview simulate world --customers 1000 --seed 7 --out world
    """
    from time import perf_counter

    from cli import console
    from farview.simulation.files import write_world
    from farview.simulation.world import make_world

    began = perf_counter()
    business = make_world(seed, channels=channels, confounded=confounded)
    with console.progress() as bar:
        bar.start("Simulating customers", customers)
        files = write_world(business, customers, out, file_format=file_format, messy=messy, advance=bar.advance)
        bar.done()
    if as_json:
        console.print_json(
            {"files": [{"path": str(f.path), "rows": f.rows, "size_bytes": f.size_bytes} for f in files]}
        )
        return
    rows = [(f.path.name, "" if f.rows is None else f"{f.rows:,}", _size(f.size_bytes)) for f in files]
    console.out.print(console.table(f"World {seed} in {out}", ("file", "rows", "size"), rows))
    console.out.print(f"{customers:,} customers in {console.duration(perf_counter() - began)}.")
    init = f"farview init --time-zone {business.time_zone} --currency {business.currency}"
    console.out.print(f"Next: {init}", soft_wrap=True)
    console.out.print(f"      farview import transactions {out / f'transactions.{file_format}'}", soft_wrap=True)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e3:,.1f} kB"
