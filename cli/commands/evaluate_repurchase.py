"""`farview evaluate repurchase`: who buys nothing for a while, by the gaps between purchases and by BG/NBD."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import CustomerColumn, JsonOut, Seed, TimeColumn, TimeZone, parse_date
from cli.report_files import check_writable, json_path, write_json


def evaluate_repurchase(
    *,
    transactions: Annotated[Path, typer.Option("--transactions", help="CSV, CSV.gz or Parquet.", show_default=False)],
    calibration_end: Annotated[
        str, typer.Option("--calibration-end", metavar="DATE", help="Last day that models see.", show_default=False)
    ],
    holdout_end: Annotated[
        str, typer.Option("--holdout-end", metavar="DATE", help="Last day of the holdout.", show_default=False)
    ],
    customer_column: CustomerColumn = "customer_id",
    time_column: TimeColumn = "time",
    amount_column: Annotated[str, typer.Option("--amount-column")] = "amount",
    time_zone: TimeZone = "UTC",
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="OUT.png", help="Draw the second purchase by cohort.")
    ] = None,
    json_out: JsonOut = None,
    seed: Seed = 0,
) -> None:
    """Forecast which customers without contracts buy nothing in a holdout, and see which did. Needs no database.

    gap_weibull and gap_cox learn the gaps between purchases, the last one still open; bg_nbd is the model of `train
    ltv`.

    Example: farview evaluate repurchase --transactions shop.csv --calibration-end 2025-03-31 --holdout-end 2025-06-30
    """
    from cli.console import print_json, progress
    from farview.core.errors import InvalidInput
    from jobs.backtest_events import read_events
    from jobs.evaluate_repurchase import document
    from jobs.evaluate_repurchase import evaluate_repurchase as run_evaluation
    from jobs.import_reading import FileOptions

    first, last = parse_date("--calibration-end", calibration_end), parse_date("--holdout-end", holdout_end)
    if first is None or last is None:
        raise InvalidInput.of("--calibration-end", "and --holdout-end are needed")
    written = json_path(json_out)
    check_writable("--picture", picture)
    columns = {"customer_id": customer_column, "time": time_column, "amount": amount_column}
    with progress() as bar:
        bar.start(f"read {transactions.name}")
        file = read_events(transactions, FileOptions(columns, unread=["currency"]), time_zone, "")
        bar.done()
        report = document(run_evaluation(file.events, first, last, time_zone, bar, seed=seed))
    if picture is not None:
        _draw(report["protocol"]["cohorts"], picture)
    report["protocol"] |= {"transactions": transactions.name, "rejected_rows": file.rejected_rows}
    if json_out == "-":
        print_json(report)
        return
    if written is not None:
        write_json(written, report)
    _show(report)


def _draw(cohorts: dict[str, Any], picture: Path) -> None:
    from numpy import array

    from farview.pictures.canvas import write
    from farview.pictures.survival import SurvivalLine, draw_survival, some_of

    lines = [
        SurvivalLine(name, *(array(curve[part]) for part in ("days", "survival", "lower", "upper")))
        for name, curve in some_of(cohorts).items()
    ]
    title = "The second purchase, by month of the first; bands: 95 %"
    write(draw_survival({title: lines}, "days since the first purchase", "share without a second purchase"), picture)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _brier(figures: dict[str, Any]) -> str:
    if figures["lower"] is None:
        return f"{figures['brier']:.3f}"
    return f"{figures['brier']:.3f} ({figures['lower']:.3f} - {figures['upper']:.3f})"


def _show(report: dict[str, Any]) -> None:
    from cli.console import out, table

    protocol, models = report["protocol"], report["models"]
    if protocol["rejected_rows"]:
        out.print(f"Rejected rows: {protocol['rejected_rows']:,}")
    people = "1 customer" if protocol["customers"] == 1 else f"{protocol['customers']:,} customers"
    out.print(
        f"{people} with {protocol['gaps']:,} gaps that ended by "
        f"{protocol['calibration_end']}; {protocol['none']:.1%} bought nothing by {protocol['holdout_end']}."
    )
    rows = [
        [
            name,
            _brier(figures),
            f"{figures['ici']:.3f}",
            f"{figures['forecast']:.1%}",
        ]
        for name, figures in models.items()
    ]
    for name, reason in protocol["failures"].items():
        out.print(f"[yellow]{name} was not fitted:[/yellow] {reason}")
    caption = "Brier: mean squared error, 95 % over customers. ICI: mean miscalibration."
    out.print(table("Who buys nothing in the holdout", ["model", "Brier", "ICI", "forecast"], rows, caption=caption))
    groups = ["0", "1", "2", "3", "4 or more"]
    rows = [["customers", *(f"{n:,}" for n in protocol["customers_by_repeats"])]]
    rows += [["bought nothing", *map(_share, protocol["none_by_repeats"])]]
    rows += [[name, *map(_share, figures["by_repeats"])] for name, figures in models.items()]
    out.print(table("The same by repeat purchases before", ["", *groups], rows))
    quartiles = " - ".join(f"{days:.0f}" for days in protocol["median_next_days"][::2])
    out.print(
        f"Of those who buy within the holdout, gap_weibull expects half of a customer's chance within "
        f"{protocol['median_next_days'][1]:.0f} days ({quartiles} for the middle half of customers). "
        f"Shape {protocol['shape']:.2f}: below 1, a purchase grows less likely the longer it has not come."
    )
    out.print(f"Lowest Brier score here: {report['champion']}.")
