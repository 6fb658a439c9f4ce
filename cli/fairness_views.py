"""Groups that are forecast worse than others, as a person reads it."""

from collections.abc import Mapping, Sequence
from typing import Any

from cli.console import amount, out, table

MOST_COHORTS = 12


def misjudged_sentence(groups: Sequence[Mapping[str, Any]], level: float) -> str:
    """Which groups are misjudged beyond chance, or that none is."""
    wrong = [group["group"] for group in groups if group["misjudged"]]
    if wrong:
        return f"Misjudged beyond chance (*), against all customers: {', '.join(wrong)}."
    return f"No group is misjudged beyond chance (family-wise {100 * level:.0f} %)."


def figure(value: float | None, digits: int) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def show_cohorts(fairness: Mapping[str, Any], model: str) -> None:
    """One model's calibration by month of the first purchase: of many months those that are furthest off."""
    groups = fairness["models"][model]
    told = _furthest(groups)
    rows = [
        [
            group["group"] + (" *" if group["misjudged"] else ""),
            f"{group['customers']:,}",
            amount(group["actual_mean"]),
            amount(group["forecast_mean"]),
            figure(group["ratio"], 3),
            "-" if group["coverage_80"] is None else f"{100 * group['coverage_80']:.1f}",
            figure(group["p_value"], 3),
        ]
        for group in told
    ]
    titles = ["first bought", "customers", "actual", "forecast", "ratio", "in 80 %", "p"]
    left = len(groups) - len(told)
    note = f"The {left} months that are less far off are in the JSON." if left else ""
    out.print(table(f"{model}: mean value by cohort, currency units", titles, rows, caption=note))
    out.print(misjudged_sentence(groups, fairness["level"]), markup=False)
    out.print("p: of a cohort as far off by chance, forecasts scaled to the total that came; before Holm's correction.")


def _furthest(groups: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """In their order, at most MOST_COHORTS, by how unlikely they are."""
    unlikely = sorted(range(len(groups)), key=lambda k: (groups[k]["p_value"] is None, groups[k]["p_value"] or 0.0))
    return [groups[k] for k in sorted(unlikely[:MOST_COHORTS])]
