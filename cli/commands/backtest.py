"""`farview backtest ltv`: how well each value model would have forecast a past that is known."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Seed, parse_date

if TYPE_CHECKING:
    from jobs.backtest_events import FileEvents
    from jobs.backtest_models import Candidate

app = typer.Typer(help="Hold forecasts of a known past against what came.", no_args_is_help=True)

_FIGURES = {
    "ratio": ("ratio", 3),
    "mae": ("MAE", 2),
    "rmse": ("RMSE", 2),
    "normalized_gini": ("Gini", 3),
    "crps": ("CRPS", 3),
    "coverage_80": ("in 80 %", 1),
    "coverage_95": ("in 95 %", 1),
}
_UNITS = {"purchases": "purchase days per customer", "value": "currency units of the file per customer, net of returns"}


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
            help="Models to judge, separated by commas; the standing ones (bg_nbd, past_rate, past_spend, zero) always "
            "stand beside them on the same rows.",
        ),
    ] = None,
    json_out: Annotated[
        str | None, typer.Option("--json", metavar="OUT", help="Write the figures as JSON; - prints them instead.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", metavar="OUT.parquet", help="Write every customer's forecasts.")
    ] = None,
    drop_zero: Annotated[
        bool, typer.Option("--drop-zero", help="Leave zero amounts out. Default: they are purchases.")
    ] = False,
    customer_column: Annotated[str, typer.Option("--customer-column")] = "customer_id",
    time_column: Annotated[str, typer.Option("--time-column")] = "time",
    amount_column: Annotated[str, typer.Option("--amount-column")] = "amount",
    decimal: Annotated[str, typer.Option("--decimal", help="Decimal mark of amounts.")] = ".",
    time_zone: Annotated[
        str, typer.Option("--time-zone", help="IANA zone of days, and of times that name no offset.")
    ] = "UTC",
    currency: Annotated[
        str, typer.Option("--currency", help="ISO 4217 code; matters only where the file has a currency column.")
    ] = "USD",
    seed: Seed = 0,
) -> None:
    """Fit on what was known by a day, forecast what came after, and see how well each model did. Needs no database.

    The champion is chosen on earlier days alone (rolling origins before the calibration end), by value CRPS.

    Example: farview backtest ltv --transactions cdnow.csv.gz --calibration-end 1997-09-30 --holdout-end 1998-06-30
    """
    from cli.console import print_json, progress
    from jobs.backtest import BacktestSpec
    from jobs.backtest import backtest as run_backtest
    from jobs.backtest_events import read_events
    from jobs.backtest_models import candidates
    from jobs.backtest_report import document, write_predictions
    from jobs.import_reading import FileOptions

    windows = _day("--calibration-end", calibration_end), _day("--holdout-end", holdout_end)
    spec = BacktestSpec(*windows, time_zone, drop_zero, seed)
    known = candidates(seed)
    _check_models(models or [], known)
    _check_writable("--predictions", predictions)
    _check_writable("--json", Path(json_out) if json_out not in (None, "-") else None)
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
    if predictions is not None:
        write_predictions(result, predictions)
    if json_out == "-":
        print_json(report)
        return
    if json_out is not None:
        _write_json(Path(json_out), report)
    _show(report, file)


def _day(option: str, text: str) -> date:
    day = parse_date(option, text)
    assert day is not None, "a required option has a text"
    return day


def _check_models(asked: list[str], known: "Mapping[str, Candidate]") -> None:
    from farview.core.errors import InvalidInput

    for name in (name.strip() for names in asked for name in names.split(",")):
        if name not in known:
            raise InvalidInput.of("--models", f"no model named {name!r} (known: {', '.join(known)})")


def _check_writable(option: str, path: Path | None) -> None:
    """Before the work, not after it."""
    from farview.core.errors import InvalidInput

    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise InvalidInput.of(option, f"{path} cannot be written (its folder must exist)")


def _write_json(path: Path, report: dict[str, Any]) -> None:
    import json

    path.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")


def _show(report: dict[str, Any], file: "FileEvents") -> None:
    from rich.markup import escape

    from cli.console import out, table

    protocol, champion = report["protocol"], report["champion"]
    if file.first_reject is not None:
        where = f"{protocol['transactions']}, line {file.first_reject.line}: {file.first_reject}"
        out.print(f"Rejected rows: {file.rejected_rows:,}, the first: {escape(where)}")
    out.print(
        f"{protocol['customers']:,} customers who had bought by {protocol['calibration_end']}; "
        f"holdout of {protocol['horizon_days']:,} days to {protocol['holdout_end']}: "
        f"{protocol['holdout_purchases']:,} purchases worth {protocol['holdout_value']:,.2f}."
    )
    if protocol["last_event_day"] < protocol["holdout_end"]:
        seen = "not wholly" if protocol["last_event_day"] > protocol["calibration_end"] else "not at all"
        out.print(f"The file ends on {protocol['last_event_day']}: the holdout is {seen} observed.")
    for name, details in report["details"].items():
        for warning in details["warnings"]:
            out.print(f"[yellow]Note:[/yellow] {name}: {escape(warning)}")
    for quantity, unit in _UNITS.items():
        rows = [
            [f"{name} (champion)" if name == champion else name, *_cells(figures[quantity])]
            for name, figures in report["models"].items()
        ]
        out.print(
            table(f"{quantity.capitalize()}, {unit}", ["model", *(title for title, _ in _FIGURES.values())], rows)
        )
    out.print(
        "ratio: forecast / actual total. Gini: 1 is the perfect order of customers, 0 a random one. CRPS: distance of "
        "the forecast law from what came, lower is better. in 80 %, in 95 %: what the central intervals held."
    )
    if champion is None:
        out.print("No champion: the calibration window is too short for an origin inside it.")
    else:
        out.print(f"Champion by earlier origins: {champion} ({protocol['champion_rule']}).")
    if protocol["extrapolation"] is not None and champion is not None:
        out.print(
            f"The horizon of {protocol['horizon_days']:,} days is beyond the longest inner target of "
            f"{protocol['longest_inner_target_days']:,} days; what carries {champion} there: "
            f"{protocol['extrapolation'][champion]}."
        )
    out.print("Next: farview train ltv")


def _cells(figures: dict[str, float | None]) -> list[str]:
    cells = []
    for name, (_, digits) in _FIGURES.items():
        figure = figures[name]
        if figure is None:
            cells.append("-")
        elif name.startswith("coverage"):
            cells.append(f"{100 * figure:.{digits}f} %")
        else:
            cells.append(f"{figure:,.{min(digits, 2 if figure >= 10 else 3)}f}")
    return cells
