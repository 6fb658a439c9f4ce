"""`farview score`: forecasts everybody with the champion and publishes the run."""

from typing import Annotated

import typer

from cli.options import DEFAULT_DATABASE, AsOf, Database, Json, KnownAt, Seed, parse_date, parse_instant


def score(
    *,
    horizon_days: Annotated[
        list[int] | None,
        typer.Option("--horizon-days", min=1, max=3650, help="May be given several times. Default: 30, 90, 365."),
    ] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    seed: Seed = 0,
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Forecast every customer with the champion and publish the run.

    The same data, model and options publish once: a rerun finds what is there.

    Example: farview score --horizon-days 90 --horizon-days 365
    """
    from cli.console import out, print_json, progress
    from cli.database import open_store, who
    from cli.views import run_as_data, run_lines
    from jobs.score import HORIZONS_DAYS, score_ltv

    day, instant = parse_date("--as-of", as_of), parse_instant("--known-at", known_at)
    with open_store(database) as store, progress() as bar:
        run = score_ltv(
            store,
            as_of=day,
            known_at=instant,
            horizons_days=horizon_days or HORIZONS_DAYS,
            seed=seed,
            who=who(),
            progress=bar,
        )
    if as_json:
        print_json(run_as_data(run))
        return
    for line in run_lines(run):
        out.print(line)
    out.print("Next: farview serve")
