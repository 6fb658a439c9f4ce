"""`farview backtest ltv`: how well each value model would have forecast a past that is known."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import CustomerColumn, JsonOut, Seed, TimeColumn, TimeZone, parse_date
from cli.report_files import check_folder, check_writable, json_path, write_json

if TYPE_CHECKING:
    from pyarrow import Table

    from jobs.backtest import Backtest
    from jobs.backtest_models import Candidate
    from jobs.progress import Progress

app = typer.Typer(help="Hold forecasts of a known past against what came.", no_args_is_help=True)


@app.callback()
def backtest() -> None:
    """Hold forecasts of a known past against what came."""


@app.command("ltv")
def backtest_ltv(
    *,
    transactions: Annotated[Path, typer.Option("--transactions", help="CSV, CSV.gz or Parquet.", show_default=False)],
    calibration_end: Annotated[
        str, typer.Option("--calibration-end", metavar="DATE", help="Last day that models see.", show_default=False)
    ],
    holdout_end: Annotated[
        str,
        typer.Option(
            "--holdout-end",
            metavar="DATE",
            help="Last day of the holdout, which begins a day later.",
            show_default=False,
        ),
    ],
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--models",
            metavar="NAMES",
            help="Models to judge, separated by commas, of those that are asked for (bg_nbd+first_spend, "
            "mbg_nbd+first_spend, pareto_nbd+first_spend, bg_bb, bg_bb+first_spend, boost, gru, transformer, "
            "combination). Default: all. The standing ones (bg_nbd, mbg_nbd, pareto_nbd, past_rate, past_spend, zero) "
            "are always beside them, on the same rows.",
        ),
    ] = None,
    json_out: JsonOut = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", metavar="OUT.parquet", help="Write every customer's forecasts.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", metavar="DIR", help="Draw the champion beside the baselines, as PNG.")
    ] = None,
    drop_zero: Annotated[
        bool, typer.Option("--drop-zero", help="Leave zero amounts out. Default: they are purchases.")
    ] = False,
    customer_column: CustomerColumn = "customer_id",
    time_column: TimeColumn = "time",
    amount_column: Annotated[str, typer.Option("--amount-column")] = "amount",
    decimal: Annotated[str, typer.Option("--decimal", help="Decimal mark of amounts.")] = ".",
    time_zone: TimeZone = "UTC",
    currency: Annotated[
        str, typer.Option("--currency", help="ISO 4217 code; matters only where the file has a currency column.")
    ] = "USD",
    seed: Seed = 0,
) -> None:
    """Fit on what was known by a day, forecast what came after, and see how well each model did. Needs no database.

    The champion is chosen on earlier days alone (rolling origins before the calibration end): by value CRPS, and by
    value Gini among models as good by that.

    Example: farview backtest ltv --transactions cdnow.csv.gz --calibration-end 1997-09-30 --holdout-end 1998-06-30
    """
    from cli.backtest_views import show
    from cli.console import out, print_json, progress
    from jobs.backtest import BacktestSpec
    from jobs.backtest import backtest as run_backtest
    from jobs.backtest_events import read_events
    from jobs.backtest_models import candidates
    from jobs.backtest_report import document, write_predictions
    from jobs.import_reading import FileOptions

    windows = _day("--calibration-end", calibration_end), _day("--holdout-end", holdout_end)
    spec = BacktestSpec(*windows, time_zone, drop_zero, seed)
    known = _asked(models, candidates(seed))
    check_writable("--predictions", predictions)
    written = json_path(json_out)
    check_folder("--pictures", pictures)
    columns = {"customer_id": customer_column, "time": time_column, "amount": amount_column}
    with progress() as bar:
        bar.start(f"read {transactions.name}")
        file = read_events(transactions, FileOptions(columns, decimal), time_zone, currency)
        bar.done()
        result = run_backtest(file.events, spec, known, bar)
        bar.start("figures")
        report = document(result, known)
        report["protocol"] |= {"transactions": transactions.name, "rejected_rows": file.rejected_rows}
        bar.done()
        drawn = [] if pictures is None else _draw(result, file.events, pictures, bar)
    if predictions is not None:
        write_predictions(result, predictions)
    if json_out == "-":
        print_json(report)
        return
    if written is not None:
        write_json(written, report)
    show(report, file)
    if drawn:
        out.print(f"{len(drawn)} pictures of {report['champion'] or 'the first model'} in {pictures}", markup=False)
    out.print("Next: farview train ltv")


def _draw(result: "Backtest", events: "Table", folder: Path, bar: "Progress") -> list[Path]:
    from jobs.backtest_pictures import write_pictures

    return write_pictures(result, events, folder, bar)


def _day(option: str, text: str) -> date:
    day = parse_date(option, text)
    assert day is not None, "a required option has a text"
    return day


def _asked(models: list[str] | None, known: "Mapping[str, Candidate]") -> "Mapping[str, Candidate]":
    """All models, or where some were named these and the standing ones."""
    from farview.core.errors import InvalidInput

    if not models:
        return known
    asked = {name.strip() for names in models for name in names.split(",")}
    for name in sorted(asked - known.keys()):
        raise InvalidInput.of("--models", f"no model named {name!r} (known: {', '.join(known)})")
    return {name: model for name, model in known.items() if model.standing or name in asked}
