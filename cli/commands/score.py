"""`farview score`: forecasts everybody with the champion and publishes the run."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import DEFAULT_DATABASE, AsOf, Database, Json, KnownAt, Seed, parse_date, parse_instant
from farview.core.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import date, datetime

    from jobs.backfill import Days


def score(
    *,
    horizon_days: Annotated[
        list[int] | None,
        typer.Option("--horizon-days", min=1, max=3650, help="May be given several times. Default: 30, 90, 365."),
    ] = None,
    as_of: AsOf = None,
    first: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", help="First as-of day of a backfill, before the served run's."),
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last as-of day of a backfill.")] = None,
    every: Annotated[
        int | None, typer.Option("--every", min=1, help="Days from one run of a backfill to the next. Default: 1.")
    ] = None,
    known_at: KnownAt = None,
    effects: Annotated[
        bool, typer.Option("--effects", help="Foresee what actions change for each customer, by the model of uplift.")
    ] = False,
    seed: Seed = 0,
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Forecast every customer with the champion and publish the run.

    The same data, model and options publish once: a rerun finds what is there, and after a kill it goes on.

    --from and --to publish a run for each day between, as the champion of now forecasts it. The served run stays.

    Example: farview score --horizon-days 90 --horizon-days 365
    """
    from cli.console import out, print_json, progress
    from cli.database import open_store, who
    from cli.views import run_as_data, run_lines
    from jobs.backfill import backfill_ltv
    from jobs.score import HORIZONS_DAYS, score_ltv

    day, instant, days = parse_date("--as-of", as_of), parse_instant("--known-at", known_at), _days(first, last, every)
    if days is not None and day is not None:
        raise InvalidInput.of("--as-of", "names one day, --from and --to name many (leave it out)")
    if effects:
        if horizon_days or days is not None:
            other = "--from" if horizon_days is None else "--horizon-days"
            raise InvalidInput.of(other, "is of forecasts; effects are of what was done so far (leave it out)")
        _score_effects(database, day, instant, as_json=as_json)
        return
    horizons = horizon_days or HORIZONS_DAYS
    with open_store(database) as store, progress() as bar:
        if days is None:
            found = [
                score_ltv(
                    store,
                    as_of=day,
                    known_at=instant,
                    horizons_days=horizons,
                    seed=seed,
                    who=who(),
                    progress=bar,
                )
            ]
        else:
            found = backfill_ltv(
                store, days, known_at=instant, horizons_days=horizons, seed=seed, who=who(), progress=bar
            )
    if as_json:
        print_json(run_as_data(found[0]) if days is None else [run_as_data(run) for run in found])
        return
    for run in found:
        for line in run_lines(run):
            out.print(line)
    out.print("Next: farview serve" if days is None else "The served run is as it was. Next: farview runs list")


def _score_effects(database: str, day: "date | None", instant: "datetime | None", *, as_json: bool) -> None:
    from dataclasses import asdict

    from cli.console import out, print_json, progress
    from cli.database import open_store, who
    from jobs.train_uplift import score_effects

    with open_store(database) as store, progress() as bar:
        run = score_effects(store, as_of=day, known_at=instant, who=who(), progress=bar)
    if as_json:
        print_json(asdict(run))
        return
    out.print(f"Effects of {run.customers:,} customers as of {run.as_of}, by {run.model_name}, are published.")
    out.print("Next: farview serve")


def _days(first: str | None, last: str | None, every: int | None) -> "Days | None":
    from jobs.backfill import Days

    start, end = parse_date("--from", first), parse_date("--to", last)
    if start is None and end is None:
        if every is not None:
            raise InvalidInput.of("--every", "is of a backfill, which needs --from and --to")
        return None
    if start is None or end is None:
        raise InvalidInput.of("--from" if start is None else "--to", "is missing; a backfill needs --from and --to")
    return Days(start, end, every or 1)
