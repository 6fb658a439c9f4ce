"""`farview evaluate retention`: how many contracts will be renewed, and what those that stay are still worth."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import JsonOut, Seed

_MODELS = {
    "ratio": ("ratio", 3),
    "mae_share": ("MAE, %", 2),
    "log_score": ("log score", 4),
    "inner_log_score": ("inner", 4),
}


def evaluate_retention(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or CSV.gz, a row a period.", show_default=False)],
    calibration_periods: Annotated[
        int | None,
        typer.Option(
            "--calibration-periods",
            help="Renewals that models see; the later ones judge them.",
            show_default="two thirds of them",
        ),
    ] = None,
    discount_rate: Annotated[
        float, typer.Option("--discount-rate", help="Of a period's value, per period; greater than 0.")
    ] = 0.1,
    value_per_period: Annotated[
        float, typer.Option("--value-per-period", help="What a renewed contract earns in a period.")
    ] = 1.0,
    horizon_periods: Annotated[int, typer.Option("--horizon-periods", help="Of the expected renewals to come.")] = 5,
    json_out: JsonOut = None,
    period_column: Annotated[str, typer.Option("--period-column")] = "period",
    customers_column: Annotated[str, typer.Option("--customers-column")] = "customers",
    cohort_column: Annotated[str, typer.Option("--cohort-column", help="May be absent: one cohort.")] = "cohort",
    seed: Seed = 0,
) -> None:
    """Project how many contracts of each cohort are renewed, and value those that stay.

    The file has a row a cohort and period: how many were customers at the start (period 0) and after each renewal. The
    shifted beta-geometric and the beta-discrete-Weibull stand beside one constant rate and the last rate held.

    Example: farview evaluate retention cohorts.csv --calibration-periods 7 --value-per-period 120
    """
    from cli.console import print_json
    from cli.report_files import json_path, write_json
    from jobs.evaluate_retention import RetentionSpec
    from jobs.evaluate_retention import evaluate_retention as run
    from jobs.retention_file import RetentionColumns, read_cohorts

    target = json_path(json_out)
    cohorts = read_cohorts(file, RetentionColumns(period_column, customers_column, cohort_column))
    report = run(cohorts, RetentionSpec(calibration_periods, horizon_periods, discount_rate, value_per_period, seed))
    if json_out == "-":
        print_json(report)
        return
    if target is not None:
        write_json(target, report)
    for name, cohort in report["cohorts"].items():
        _show(name, cohort, report["protocol"])


def _show(name: str, cohort: dict[str, Any], protocol: dict[str, Any]) -> None:
    from cli.console import interval, out, table

    out.print(
        f"Cohort {name}: {cohort['customers']:,.0f} contracts; {cohort['calibration_periods']} renewals seen, "
        f"{cohort['holdout_periods']} held out.",
        markup=False,
    )
    rows = [
        [f"{model} *" if model == cohort["champion"] else model, *_cells(figures)]
        for model, figures in cohort["models"].items()
    ]
    out.print(table("Held-out renewals", ["model", *(title for title, _ in _MODELS.values())], rows))
    out.print(
        "MAE: of the cohort's start. log score: of a held-out renewal, higher is better; inner: the champion's rule."
    )
    rows = [
        [f"{row['period']:.0f}", *(f"{row[key]:,.0f}" for key in ("actual", "mean", "q10", "q90"))]
        for row in cohort["holdout"]
    ]
    titles = ["renewal", "customers", "forecast", "10 % point", "90 % point"]
    out.print(table(f"Customers after each, by {cohort['champion']}", titles, rows))
    horizon = protocol["horizon_periods"]
    rows = [
        [
            str(row["renewals_made"]),
            f"{100 * row['next_retention']:.1f}",
            f"{row['expected_periods']:.2f}",
            interval(row["value_mean"], row["value_q05"], row["value_q95"]),
        ]
        for row in cohort["residual"]
    ]
    titles = ["made", "next renewed, %", f"of the next {horizon}", "value (90 % interval)"]
    out.print(table(f"A contract by the renewals it has made, {cohort['champion']} on all periods", titles, rows))
    out.print(
        f"* champion: {protocol['champion_rule']}. Value: {protocol['value_per_period']:,.2f} for each renewal to "
        f"come, discounted by {100 * protocol['discount_rate']:g} % a period, the next one undiscounted."
    )


def _cells(figures: dict[str, float | None]) -> list[str]:
    cells = []
    for key, (_, digits) in _MODELS.items():
        figure = figures[key]
        scale = 100.0 if key == "mae_share" else 1.0
        cells.append("-" if figure is None else f"{scale * figure:.{digits}f}")
    return cells
