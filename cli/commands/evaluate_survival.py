"""`farview evaluate survival`: how long contracts last, and how well models say which ones end."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import JsonOut, Seed
from cli.report_files import check_writable, json_path, write_json

if TYPE_CHECKING:
    from rich.console import Group

    from jobs.evaluate_survival import SurvivalEvaluation

_READINGS = {"plain_follow_up": "plain follow-up", "delayed_entry": "delayed entry"}


def evaluate_survival(
    *,
    contracts: Annotated[Path, typer.Option("--contracts", help="CSV, CSV.gz or Parquet.", show_default=False)],
    duration_column: Annotated[
        str, typer.Option("--duration-column", help="Age when it ended or was last seen.", show_default=False)
    ],
    event_column: Annotated[str, typer.Option("--event-column", help="Whether it ended then.", show_default=False)],
    event_value: Annotated[
        str | None,
        typer.Option("--event-value", help="Text that means it ended.", show_default="yes, true or 1"),
    ] = None,
    entry_column: Annotated[
        str | None, typer.Option("--entry-column", help="Age from which a contract was watched.")
    ] = None,
    watched_last: Annotated[
        float | None,
        typer.Option("--watched-last", help="Each contract was watched for its last so much only."),
    ] = None,
    covariates: Annotated[
        str | None, typer.Option("--covariates", metavar="NAMES", help="Columns to learn from, separated by commas.")
    ] = None,
    group_column: Annotated[str | None, typer.Option("--group-column", help="Show survival by this column.")] = None,
    horizons: Annotated[
        str | None,
        typer.Option(
            "--horizons",
            metavar="NUMBERS",
            help="Forecast over so much since entry, separated by commas.",
            show_default="quartiles of how long contracts were watched",
        ),
    ] = None,
    time_step: Annotated[
        float | None,
        typer.Option(
            "--time-step",
            min=0.0,
            help="Durations are rounded up to this; 0 takes them as exact.",
            show_default="1 if all are whole, else 0",
        ),
    ] = None,
    unit: Annotated[str, typer.Option("--unit", help="What durations are in.")] = "months",
    folds: Annotated[int, typer.Option("--folds", min=2, help="Of the cross-validation.")] = 5,
    picture: Annotated[Path | None, typer.Option("--picture", metavar="OUT.png", help="Draw the curves.")] = None,
    json_out: JsonOut = None,
    seed: Seed = 0,
) -> None:
    """Fit survival models to contracts and judge them on contracts they have not seen. Needs no database.

    Kaplan-Meier, Weibull AFT and Cox. Where contracts were watched from some age on only, as in a file of last month's
    contracts, say so by --watched-last 1 or --entry-column: plain follow-up, which misleads, then stands beside it.

    Example: farview evaluate survival --contracts telco.csv --duration-column tenure --event-column Churn
    """
    from cli.console import print_json, progress
    from jobs.contract_file import ContractColumns, read_contracts
    from jobs.evaluate_survival import SurvivalSpec
    from jobs.evaluate_survival import evaluate_survival as run_evaluation
    from jobs.evaluate_survival_report import document

    written = json_path(json_out)
    check_writable("--picture", picture)
    names = [] if covariates is None else [name.strip() for name in covariates.split(",")]
    columns = ContractColumns(duration_column, event_column, event_value, entry_column, group_column, names)
    spec = SurvivalSpec(watched_last, time_step, _numbers("--horizons", horizons), folds, seed)
    with progress() as bar:
        bar.start(f"read {contracts.name}")
        read = read_contracts(contracts, columns)
        bar.done()
        result = run_evaluation(read, spec, bar)
        report = document(result)
    report["protocol"] |= {"file": contracts.name, "unit": unit, "first_reject": read.first_reject}
    if picture is not None:
        _draw(result, unit, picture)
    if json_out == "-":
        print_json(report)
        return
    if written is not None:
        write_json(written, report)
    _show(report)


def _draw(result: "SurvivalEvaluation", unit: str, picture: Path) -> None:
    from farview.pictures.canvas import write
    from farview.pictures.survival import SurvivalLine, draw_survival, some_of

    panels = {}
    for view in result.views:
        shown = some_of({name: curve for name, curve in view.curves.items() if name} or view.curves)
        panels[_READINGS[view.name]] = [
            SurvivalLine(name or "all", curve.times, curve.survival, *curve.interval_at(curve.times))
            for name, curve in shown.items()
        ]
    write(draw_survival(panels, f"age ({unit})"), picture)


def _numbers(option: str, text: str | None) -> list[float]:
    from farview.core.errors import InvalidInput

    try:
        return [] if text is None else [float(part) for part in text.split(",")]
    except ValueError:
        raise InvalidInput.of(option, f"{text!r} is not numbers separated by commas (write 1,3,12)") from None


def _show(report: dict[str, Any]) -> None:
    from rich.markup import escape

    from cli.console import out

    protocol, plain = report["protocol"], report.get("plain_follow_up")
    if protocol["first_reject"] is not None:
        out.print(f"Rejected rows: {protocol['rejected_rows']:,}, the first: {escape(protocol['first_reject'])}")
    never = f" {protocol['never_watched']:,} more were never watched." if protocol["never_watched"] else ""
    out.print(f"{protocol['contracts']:,} contracts, of which {protocol['ended']:,} ended.{never}")
    if protocol["time_step"]:
        out.print(f"Ends are taken as rounded up to whole steps of {_length(protocol, protocol['time_step'])}.")
    if protocol["covariates_left_out"]:
        out.print(f"Left out, saying nothing more: {escape(', '.join(protocol['covariates_left_out']))}.")
    _show_curves(report)
    _show_models(report)
    _show_deciles(report)
    _show_ratios(report)
    if plain is not None:
        out.print(f"[bold]What delayed entry changes.[/bold] {plain['difference']}")
    _show_failures(report["failures"] | (plain["failures"] if plain else {}))
    out.print(f"Champion: {report['champion']}: {protocol['champion_rule']}.")


def _show_curves(report: dict[str, Any]) -> None:
    from cli.console import out, table

    unit = report["protocol"]["unit"]
    for view, curves in report["survival"].items():
        ages = [f"{point['age']:g}" for point in curves[0]["points"]]
        rows = [
            [
                curve["group"] or "all",
                "-" if curve["median"] is None else f"{curve['median']:g}",
                *(f"{point['survival']:.3f}" for point in curve["points"]),
            ]
            for curve in curves
        ]
        title = f"Share still there beyond an age in {unit}, {_READINGS[view]}"
        out.print(table(title, ["contracts", "median", *ages], rows))


def _show_models(report: dict[str, Any]) -> None:
    from cli.console import out

    protocol, plain = report["protocol"], report.get("plain_follow_up")
    horizon = _length(protocol, protocol["main_horizon"])
    ended = f"{protocol['ended_by_main_horizon']:.1%} ended within {horizon} of entry"
    limits = f"95 % limits over {protocol['folds']} folds. ICI: mean miscalibration. Horizons: "
    limits += ", ".join(f"{horizon:g}" for horizon in protocol["horizons"])
    if plain is None:
        out.print(_models(f"Contracts not seen: {ended}", report["models"], limits))
        return
    out.print(_models(f"Fitted with delayed entry: {ended}", report["models"], limits))
    out.print(_models("Fitted on plain follow-up, judged on the same", plain["models"], limits))
    own = plain["judged_by_itself"]
    limits = "Horizons: " + ", ".join(f"{horizon:g}" for horizon in own["horizons"])
    title = "Plain follow-up judged by itself, as if all had been watched from age 0"
    out.print(_models(title, own["models"], f"{limits}. It agrees with itself, and with nothing that was watched."))


def _models(title: str, models: dict[str, Any], caption: str) -> "Group":
    from cli.console import table

    rows = [
        [
            name,
            _over_folds(figures["integrated_brier"]),
            _over_folds(figures["ici"]),
            "-" if figures["concordance"] is None else f"{figures['concordance']['mean']:.3f}",
            f"{figures['forecast']:.1%}",
        ]
        for name, figures in models.items()
    ]
    return table(title, ["model", "Brier", "ICI", "C", "forecast"], rows, caption=caption)


def _length(protocol: dict[str, Any], time: float) -> str:
    unit: str = protocol["unit"]
    return f"{time:g} {unit.removesuffix('s') if time == 1 else unit}"


def _show_deciles(report: dict[str, Any]) -> None:
    from cli.console import out, table

    champion = report["champion"]
    if champion == "kaplan_meier":
        return  # it forecasts the same for all
    rows = [
        [f"{d['spells']:,}", f"{d['forecast']:.3f}", f"{d['observed']:.3f} ({d['lower']:.3f} - {d['upper']:.3f})"]
        for d in report["models"][champion]["deciles"]
    ]
    title = f"{champion} by tenth of its forecasts"
    out.print(table(title, ["contracts", "forecast", "ended (95 % by Kaplan-Meier)"], rows, left=0))


def _show_ratios(report: dict[str, Any]) -> None:
    from cli.console import out, table

    ratios = report["coefficients"].get("cox_hazard_ratio", {})
    if not ratios:
        return
    rows = [
        [name, f"{r['ratio']:.2f} ({r['lower']:.2f} - {r['upper']:.2f})"]
        for name, r in sorted(ratios.items(), key=lambda item: -abs(_log(item[1]["ratio"])))
    ]
    out.print(table("What goes with ending sooner (Cox)", ["covariate", "hazard ratio (95 %)"], rows))


def _log(ratio: float) -> float:
    from math import log

    return log(ratio) if ratio > 0 else -1e9


def _show_failures(failures: dict[str, str]) -> None:
    from cli.console import out

    for name, reason in failures.items():
        out.print(f"[yellow]{name} was not fitted:[/yellow] {reason}")


def _over_folds(figure: dict[str, float]) -> str:
    return f"{figure['mean']:.3f} ({figure['lower']:.3f} - {figure['upper']:.3f})"
