"""`farview evaluate`. Journeys: how well models foresee conversions, each step judged by what was known at it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.evaluate_attribution import evaluate_attribution
from cli.commands.evaluate_fairness import evaluate_fairness
from cli.commands.evaluate_next_item import evaluate_next_item
from cli.commands.evaluate_policy import evaluate_policy
from cli.commands.evaluate_ranking import evaluate_ranking
from cli.commands.evaluate_repurchase import evaluate_repurchase
from cli.commands.evaluate_retention import evaluate_retention
from cli.commands.evaluate_survival import evaluate_survival
from cli.commands.evaluate_uplift import evaluate_uplift
from cli.options import Attributes, CustomerColumn, JsonOut, Seed, TimeColumn, TimeZone, WindowDays, parse_date
from cli.report_files import json_path, write_json

if TYPE_CHECKING:
    from jobs.touchpoint_file import FileLog

app = typer.Typer(help="Judge models, most of them on a file and without a database.", no_args_is_help=True)
app.command("retention")(evaluate_retention)

_FIGURES = {
    "auc": ("AUC in step", 3),
    "log_loss": ("log loss", 4),
    "brier": ("Brier", 4),
    "ece": ("ECE", 4),
    "recall_at_10pct": ("recall at 10 %", 3),
}


@app.callback()
def evaluate() -> None:
    """Judge models, most of them on a file and without a database."""


app.command("ranking")(evaluate_ranking)
app.command("next-item")(evaluate_next_item)
app.command("survival")(evaluate_survival)
app.command("policy")(evaluate_policy)
app.command("attribution")(evaluate_attribution)
app.command("repurchase")(evaluate_repurchase)
app.command("uplift")(evaluate_uplift)
app.command("fairness")(evaluate_fairness)


@app.command("journeys")
def evaluate_journeys(
    *,
    touchpoints: Annotated[Path, typer.Option("--touchpoints", help="CSV, CSV.gz or Parquet.", show_default=False)],
    split_date: Annotated[
        str | None,
        typer.Option(
            "--split-date",
            metavar="DATE",
            help="Last day that models see.",
            show_default="the day by which 70 % of steps have passed",
        ),
    ] = None,
    window_days: WindowDays = 7.0,
    hold_out_customers: Annotated[
        float,
        typer.Option(
            "--hold-out-customers",
            min=0.0,
            max=0.9,
            metavar="SHARE",
            help="Split by customer as well: a share whom models never see and who alone are judged.",
        ),
    ] = 0.0,
    models: Annotated[
        str | None,
        typer.Option(
            "--models",
            metavar="NAMES",
            help="Models to fit, separated by commas.",
            show_default="lstm, gru, transformer, markov2 and markov",
        ),
    ] = None,
    customers: Annotated[
        Path | None, typer.Option("--customers", help="Customers with attributes; CSV, CSV.gz or Parquet.")
    ] = None,
    attribute: Attributes = None,
    json_out: JsonOut = None,
    customer_column: CustomerColumn = "customer_id",
    time_column: TimeColumn = "time",
    interaction_column: Annotated[str, typer.Option("--interaction-column")] = "interaction",
    channel_column: Annotated[str, typer.Option("--channel-column")] = "channel",
    time_zone: TimeZone = "UTC",
    seed: Seed = 0,
) -> None:
    """Fit journey models on the earlier part of a touch log and judge them on the later one.

    The unit is the step: a customer's touch with what was known at it. The target is a conversion before the next touch
    and within the window. A row whose interaction is "conversion" is a conversion, never a touch.

    Example: farview evaluate journeys --touchpoints touchpoints.csv.gz --json journeys.json
    """
    from cli.console import print_json, progress
    from farview.core.errors import InvalidInput
    from jobs.evaluate_journeys import MODELS, JourneySpec
    from jobs.evaluate_journeys import evaluate_journeys as run
    from jobs.evaluate_journeys_report import document
    from jobs.touchpoint_file import read_attributes, read_touchpoints

    fitted = MODELS if models is None else [name.strip() for name in models.split(",")]
    spec = JourneySpec(time_zone, window_days, parse_date("--split-date", split_date), hold_out_customers, seed, fitted)
    target = json_path(json_out)
    if attribute and customers is None:
        raise InvalidInput.of("--attribute", "needs --customers, the file that has it")
    columns = {
        "customer_id": customer_column,
        "time": time_column,
        "interaction": interaction_column,
        "channel": channel_column,
    }
    with progress() as bar:
        bar.start(f"read {touchpoints.name}")
        file = read_touchpoints(touchpoints, columns, time_zone)
        known = None if customers is None else read_attributes(customers, customer_column, attribute)
        bar.done()
        report = document(run(file.log, known, spec, bar))
    report["protocol"] |= {"touchpoints": touchpoints.name, "rejected_rows": file.rejected_rows}
    if json_out == "-":
        print_json(report)
        return
    if target is not None:
        write_json(target, report)
    _show(report, file)


def _show(report: dict[str, Any], file: "FileLog") -> None:
    from cli.console import out, table

    champion = report["champion"]
    _show_protocol(report["protocol"], file)
    rows = [
        [f"{name} (champion)" if name == champion else name, *_cells(figures)]
        for name, figures in report["models"].items()
    ]
    out.print(table("Conversion after each touch", ["model", *(title for title, _ in _FIGURES.values())], rows))
    out.print(
        "AUC in step: pairs of the same touch number ordered rightly, 0.5 is a random order. ECE: how far predicted "
        "and observed rates lie apart. recall at 10 %: share of conversions among the tenth of steps ranked highest."
    )
    leak = report["warnings"]["minus_total_length"]["auc"]
    if leak is not None:
        out.print(
            f"[yellow]Warning:[/yellow] short journeys alone score {leak:.3f} by minus their total length, which is "
            "known only when a journey is over. A model that sees whole journeys leaks it; none here does."
        )
    _show_champion(champion, report["details"][champion])


def _show_protocol(protocol: dict[str, Any], file: "FileLog") -> None:
    from rich.markup import escape

    from cli.console import out

    if file.first_reject is not None:
        out.print(f"Rejected rows: {file.rejected_rows:,}, the first: {escape(file.first_reject)}")
    out.print(
        f"{protocol['touches']:,} touches and {protocol['conversions']:,} conversions of {protocol['customers']:,} "
        f"customers. Models saw {protocol['train_steps']:,} steps to {protocol['split_date']} "
        f"({protocol['train_conversions']:,} converted) and are judged on {protocol['test_steps']:,} later ones "
        f"({protocol['test_conversions']:,} converted; {protocol['test_censored']:,} more ended after the log does)."
    )
    out.print(
        f"Conversions of no step: {protocol['without_touch']:,} before any touch, {protocol['after_window']:,} more "
        f"than {protocol['window_days']:g} days after one, {protocol['repeats_in_window']:,} repeats."
    )


def _show_champion(champion: str, details: dict[str, Any]) -> None:
    from cli.console import out

    gain, sets = details["log_loss_gain"], details["conformal"]
    if champion == "base_rate_by_step":
        out.print("Champion: base_rate_by_step. No model forecasts these conversions better beyond doubt.")
    else:
        out.print(
            f"Champion: {champion}. Its log loss is lower than the base rate's by {gain['mean']:.5f} a step, "
            f"by at least {gain['lower']:.5f} at 95 %, all models taken together."
        )
    if sets["coverage"] is not None:
        out.print(
            f'Told "may convert" so that {sets["level"]:.0%} of converters are: on the later half of the test steps '
            f"{sets['coverage']:.1%} of them were, and {sets['flagged']:.1%} of all (by {champion})."
        )


def _cells(figures: dict[str, float | None]) -> list[str]:
    return ["-" if figures[name] is None else f"{figures[name]:.{digits}f}" for name, (_, digits) in _FIGURES.items()]
