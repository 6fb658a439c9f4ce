"""`farview evaluate fairness`: are cohorts forecast and shown alike?"""

from typing import Annotated, Any

import typer

from cli.options import DEFAULT_DATABASE, Database, JsonOut
from cli.report_files import json_path, write_json


def evaluate_fairness(
    *,
    run: Annotated[
        int | None,
        typer.Option("--run", help="A published run.", show_default="the newest with a horizon that is over"),
    ] = None,
    horizon_days: Annotated[
        int | None, typer.Option("--horizon-days", min=1, help="Of the run.", show_default="its longest that is over")
    ] = None,
    database: Database = DEFAULT_DATABASE,
    json_out: JsonOut = None,
) -> None:
    """Hold what a published run forecast against what came since, by cohort, segment, and who was never exposed.

    Beside it stands how often each group was exposed by then: its share of exposures over its share of customers.
    Needs a database.

    Example: farview evaluate fairness --json fairness.json
    """
    from cli.console import print_json
    from cli.database import open_store
    from jobs.evaluate_fairness import evaluate_fairness as evaluate

    target = json_path(json_out)
    with open_store(database) as store:
        report = evaluate(store, run_id=run, horizon_days=horizon_days)
    if json_out == "-":
        print_json(report)
        return
    if target is not None:
        write_json(target, report)
    _show(report)


def _show(report: dict[str, Any]) -> None:
    from cli.console import amount, out, table
    from cli.fairness_views import figure, misjudged_sentence

    protocol = report["protocol"]
    out.print(
        f"Run {protocol['run_id']} ({protocol['model']}) of {protocol['as_of']} over {protocol['horizon_days']} days: "
        f"{amount(protocol['forecast'])} {protocol['currency']} were forecast of {protocol['customers']:,} customers, "
        f"{amount(protocol['actual'])} came. {protocol['never_exposed']:,} customers were never exposed by then."
    )
    rows = [
        [
            ("segment " if group["by"] == "segment" else "") + group["group"] + (" *" if group["misjudged"] else ""),
            f"{group['customers']:,}",
            amount(group["actual_mean"]),
            figure(group["ratio"], 2),
            "-" if group["coverage_80"] is None else f"{100 * group['coverage_80']:.1f}",
            f"{100 * group['exposed_share']:.1f}",
            figure(group["exposure_ratio"], 2),
        ]
        for group in report["groups"]
    ]
    heads = ["group", "customers", "came", "ratio", "in 80 %", "shown %", "exposure"]
    note = (
        "ratio: forecast over what came. in 80 %: percent of customers inside the interval. shown %: of them, at "
        "least once. exposure: share of exposures over share of customers, 1 is even."
    )
    out.print(table(f"Groups ({protocol['currency']} a customer)", heads, rows, caption=note))
    out.print(misjudged_sentence(report["groups"], protocol["level"]), markup=False)
