"""A backtest's report as a person reads it: tables at 80 columns, then what was chosen and what to do next."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from cli.console import amount, interval, out, table
from cli.fairness_views import show_cohorts

if TYPE_CHECKING:
    from jobs.backtest_events import FileEvents

_FIGURES = {
    "ratio": ("ratio", 3),
    "mae": ("MAE", 2),
    "rmse": ("RMSE", 2),
    "normalized_gini": ("Gini", 3),
    "crps": ("CRPS", 3),
    "coverage_80": ("in 80 %", 1),
    "coverage_95": ("in 95 %", 1),
}
_UNITS = {"purchases": "purchase days per customer", "value": "currency units per customer, net of returns"}
_UNIT = {"purchases": "purchase days", "value": "currency units"}


def show(report: Mapping[str, Any], file: "FileEvents") -> None:
    """Prints `jobs.backtest_report.document` of a file."""
    _show_windows(report["protocol"], file)
    for name, failure in report["failures"].items():
        out.print(
            f"[yellow]Failed:[/yellow] {name} on what was known by {failure['as_of']}: {escape(failure['reason'])}"
        )
    for name, details in report["details"].items():
        for warning in details["warnings"]:
            out.print(f"[yellow]Note:[/yellow] {name}: {escape(warning)}")
    for quantity, unit in _UNITS.items():
        rows = [
            [f"{name} *" if name == report["champion"] else name, *_cells(figures[quantity])]
            for name, figures in report["models"].items()
        ]
        titles = ["model", *(title for title, _ in _FIGURES.values())]
        out.print(table(f"{quantity.capitalize()}, {unit}", titles, rows))
    out.print(
        "* champion by earlier origins. ratio: forecast / actual total. Gini: 1 is the perfect order of customers, 0 a "
        "random one. CRPS: distance of the forecast law from what came, lower is better. in 80 %, in 95 %: percent of "
        "customers inside the central intervals (PIT coverage)."
    )
    _show_differences(report)
    if report["champion"] is not None:
        _show_calibration(report["champion"], report["details"][report["champion"]])
        show_cohorts(report["fairness"], report["champion"])
    show_champion(report)


def _show_windows(protocol: Mapping[str, Any], file: "FileEvents") -> None:
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


def _show_differences(report: Mapping[str, Any]) -> None:
    """Each model's value Gini less the baselines', and the champion's other figures; nothing without a baseline."""
    gaps = {name: details["differences"] for name, details in report["details"].items()}
    ginis = {name: found["value"]["gini"] for name, found in gaps.items()}
    against = list(dict.fromkeys(other for named in ginis.values() for other in named))
    if not against:
        return
    rows = [[name, *(_gap(named.get(other)) for other in against)] for name, named in ginis.items()]
    title = "Gini of value less a baseline's, with 95 % interval by paired bootstrap"
    out.print(table(title, ["model", *(f"- {other}" for other in against)], rows))
    champion = gaps.get(report["champion"])
    if champion is None:
        return
    others = [
        [f"{figure.upper() if figure == 'crps' else 'Gini'} of {quantity}", f"- {other}", _gap(gap)]
        for quantity, figures in champion.items()
        for figure, named in figures.items()
        for other, gap in named.items()
    ]
    title = f"{report['champion']}, its figures less a baseline's (CRPS: below 0 is better)"
    out.print(table(title, ["figure", "less", "difference"], others))


def _gap(difference: Mapping[str, float] | None) -> str:
    if difference is None:
        return "-"
    return f"{difference['estimate']:+.4f} ({difference['lower']:+.4f} to {difference['upper']:+.4f})"


def _show_calibration(name: str, details: Mapping[str, Any]) -> None:
    """The champion by group of customers, its totals, and the naive interval beside its own expectation."""
    for quantity, unit in _UNITS.items():
        rows = list(_group_rows(details[quantity]))
        titles = ["group", "customers", "actual", "forecast", "ratio", "in 80 %", "in 95 %"]
        out.print(table(f"{name}: mean {quantity} by group, {unit}", titles, rows))
    for measure, total in (details["totals"] or {}).items():
        inside = "inside" if total["inside_80"] else "outside"
        low, high = total["q10"], total["q90"]
        out.print(
            f"Total {measure}, {_UNIT[measure]}: forecast {interval(total['mean'], low, high)} at 80 %, "
            f"came {amount(total['actual'])}: {inside}."
        )
    naive = details["purchases"]["naive_coverage_80"]
    if naive is not None:
        out.print(
            "Between the 10 % and 90 % points of their purchases, ends included, were "
            f"{100 * naive['observed']:.1f} % of customers; a perfect forecast would have "
            f"{100 * naive['expected']:.1f} % there, as whole numbers leave no room for exactly 80 %."
        )


def _group_rows(figures: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    frequency = figures["by_calibration_frequency"]
    deciles = figures["by_forecast_decile"]
    for row in frequency:
        yield _group_cells(f"{row['group']} repeat{'' if row['group'] == '1' else 's'}", row)
    for which, row in (("highest", deciles[0]), ("lowest", deciles[-1])):
        yield _group_cells(f"{which} tenth", row)


def _group_cells(label: str, row: Mapping[str, Any]) -> Sequence[str]:
    covered = (row["coverage_80"], row["coverage_95"])
    return [
        label,
        f"{row['customers']:,}",
        f"{row['actual_mean']:,.2f}",
        f"{row['forecast_mean']:,.2f}",
        "-" if row["ratio"] is None else f"{row['ratio']:.3f}",
        *("-" if share is None else f"{100 * share:.1f}" for share in covered),
    ]


def show_champion(report: Mapping[str, Any]) -> None:
    """Who it is and by which rule, or why there is none."""
    protocol, champion = report["protocol"], report["champion"]
    if champion is None:
        origins = len(protocol["inner_origins"])
        nothing = f"nothing came after any of {origins} earlier origins, so they cannot tell the models apart"
        short = "the calibration window is too short for an origin inside it"
        out.print(f"No champion: {nothing if origins else short}.")
        return
    out.print(f"Champion by earlier origins: {champion} ({protocol['champion_rule']}).")
    if protocol["extrapolation"] is not None:
        out.print(
            f"The horizon of {protocol['horizon_days']:,} days is beyond the longest inner target of "
            f"{protocol['longest_inner_target_days']:,} days; what carries {champion} there: "
            f"{protocol['extrapolation'][champion]}."
        )


def _cells(figures: Mapping[str, float | None]) -> list[str]:
    cells = []
    for name, (_, digits) in _FIGURES.items():
        figure = figures[name]
        if figure is None:
            cells.append("-")
        elif name.startswith("coverage"):
            cells.append(f"{100 * figure:.{digits}f}")
        else:
            cells.append(f"{figure:,.{min(digits, 2 if figure >= 10 else 3)}f}")
    return cells
