"""`farview recalibrate`: probabilities brought up to date without fitting a model again."""

from typing import Annotated

import typer

from cli.options import DEFAULT_DATABASE, AsOf, Database, Json, KnownAt, parse_date, parse_instant

app = typer.Typer(help="Bring a model's probabilities up to date without fitting it again.", no_args_is_help=True)


@app.callback()
def recalibrate() -> None:
    """Bring a model's probabilities up to date without fitting it again."""


@app.command("journeys")
def journeys(
    *,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    why: Annotated[str, typer.Option("--why", help="A reason, for the lineage.")] = "",
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Fit the champion's calibration to what came since its last day, register it, and hold it against the champion.

    A temperature and a shift are learnt; what the model knows of order, channels and customers stays.

    Example: farview recalibrate journeys --why "autumn prices"
    """
    from cli.console import out, print_json, progress
    from cli.database import open_store, who
    from cli.gate_views import next_after, report_as_data, report_view
    from cli.recalibration_views import recalibration_as_data, recalibration_lines
    from cli.views import model_as_data
    from jobs.gate import gate
    from jobs.recalibrate_journeys import recalibrate_journeys

    day, instant = parse_date("--as-of", as_of), parse_instant("--known-at", known_at)
    with open_store(database) as store, progress() as bar:
        done = recalibrate_journeys(store, as_of=day, known_at=instant, who=who(), why=why, progress=bar)
        report = gate(store, done.version.kind, done.version.version, who=who(), progress=bar)
    if as_json:
        data = {"recalibration": recalibration_as_data(done), "gate_report": report_as_data(report)}
        print_json(model_as_data(done.version) | data)
        return
    for line in recalibration_lines(done):
        out.print(line)
    out.print(report_view(report, whole=False))
    out.print(next_after(report))
