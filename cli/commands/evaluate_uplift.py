"""`farview evaluate uplift`: whom to contact, by what a contact changes rather than by what a customer brings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import JsonOut, Seed
from cli.report_files import check_writable, json_path, write_json

if TYPE_CHECKING:
    from jobs.evaluate_uplift import UpliftEvaluation

_ABOUT = {
    "treatment_effect": "what the best action changes for each",
    "expected_value": "what each brings, whatever is done",
    "spend_history": "what each brought before",
    "no_order": "anybody",
}
_VALUE = "Outcome a customer of all when only the first are contacted"


def evaluate_uplift(
    *,
    file: Annotated[Path, typer.Argument(help="CSV, CSV.gz or Parquet, a row a customer.", show_default=False)],
    feature: Annotated[
        list[str],
        typer.Option("--feature", help="A column known before the action; given once for each.", show_default=False),
    ],
    control: Annotated[str, typer.Option("--control", help="The action that is none.", show_default=False)],
    action_column: Annotated[str, typer.Option("--action-column", help="What was done.")] = "action",
    outcome_column: Annotated[
        str, typer.Option("--outcome-column", help="What came of it, such as margin of the weeks after.")
    ] = "outcome",
    propensity_column: Annotated[
        str | None,
        typer.Option(
            "--propensity-column",
            help="Probability of what was done.",
            show_default="actions were drawn alike for all, as often as they stand in the file",
        ),
    ] = None,
    observational: Annotated[
        bool, typer.Option("--observational", help="Nobody drew the actions: learn who got which from the features.")
    ] = False,
    history_column: Annotated[
        str | None, typer.Option("--history-column", help="Past spend; customers are ordered by it too.")
    ] = None,
    contact_cost: Annotated[float, typer.Option("--contact-cost", min=0.0, help="Of one contact.")] = 0.0,
    picture: Annotated[Path | None, typer.Option("--picture", metavar="OUT.png", help="Draw the curves.")] = None,
    json_out: JsonOut = None,
    seed: Seed = 0,
) -> None:
    """Compare orders of customers by what contacting the first of them adds. Needs no database.

    An X-learner on boosted trees learns what each action changes for whom, and is judged on customers it has not seen,
    beside orders by expected value and by past spend. Name as features only what was known before the action.

    Example: farview evaluate uplift mailing.csv --control none --outcome-column spend --feature age --feature city
    """
    from cli.console import print_json, progress
    from farview.core.errors import InvalidInput
    from jobs.evaluate_uplift import LEARNT, LOGGED, SHARE_OF_ARMS, UpliftSpec
    from jobs.evaluate_uplift import evaluate_uplift as run
    from jobs.policy_file import DecisionColumns, read_numbers
    from jobs.uplift_file import read_uplift

    written = json_path(json_out)
    check_writable("--picture", picture)
    if observational and propensity_column is not None:
        raise InvalidInput.of("--observational", "does not go with --propensity-column (leave one out)")
    columns = DecisionColumns(action_column, propensity_column, outcome_column, tuple(feature))
    source = LEARNT if observational else SHARE_OF_ARMS if propensity_column is None else LOGGED
    with progress() as bar:
        bar.start(f"read {file.name}")
        log = read_uplift(file, columns, control)
        history = None if history_column is None else read_numbers(file, history_column)
        bar.start(f"fitting effects on {len(log):,} customers")
        found = run(log, history, UpliftSpec(source, contact_cost, seed))
        bar.done()
    found.report["protocol"] |= {"file": file.name, "outcome": outcome_column, "features": list(feature)}
    if picture is not None:
        _draw(found, outcome_column, picture)
    if json_out == "-":
        print_json(found.report)
        return
    if written is not None:
        write_json(written, found.report)
    _show(found.report)


def _draw(found: "UpliftEvaluation", unit: str, picture: Path) -> None:
    import numpy as np

    from farview.evaluation.uplift import SHARES
    from farview.pictures.canvas import write
    from farview.pictures.uplift import draw_uplift
    from jobs.evaluate_uplift import NO_ORDER, TREATMENT_EFFECT

    added = {}
    for name, curve in found.curves.items():
        drawn = curve.effect * SHARES
        added[name] = np.vstack([drawn[:1], np.nanquantile(drawn[1:], [0.025, 0.975], axis=0)])
    write(draw_uplift(SHARES, added, NO_ORDER, shaded=TREATMENT_EFFECT, unit=unit), picture)


def _show(report: dict[str, Any]) -> None:
    from cli.console import out, table
    from cli.uplift_views import said

    protocol, scores = report["protocol"], report["scores"]
    rows = [
        [name, f"{one['customers']:,}", said(one["average_effect"]), f"{one['trees']:,}", said(one["qini"])]
        for name, one in report["actions"].items()
    ]
    out.print(
        table(
            f"What each action changes against {protocol['control']!r} ({protocol['control_rows']:,} customers)",
            ["action", "customers", "effect a customer", "trees", "Qini"],
            rows,
            caption="0 trees: on customers left out, one effect for all was nearest to the truth.",
        )
    )
    told = [one["share"] for one in scores["no_order"]["first"]][::2]
    for figure, titled in (("effect", "Added by each contact among the first"), ("value", _VALUE)):
        lines = [
            [name, *(said(one[figure]) for one in figures["first"] if one["share"] in told)]
            for name, figures in scores.items()
        ]
        out.print(table(titled, ["first by", *(f"{100 * share:.0f} %" for share in told)], lines))
    areas = [
        [name, said(figures["auuc"]), "" if name == "no_order" else said(figures["auuc_above_no_order"])]
        for name, figures in scores.items()
    ]
    note = "; ".join(f"{name}: {about}" for name, about in _ABOUT.items() if name in scores)
    out.print(table("Area under the uplift curve", ["first by", "area", "above no order"], areas, caption=f"{note}."))
    out.print(f"Intervals: {protocol['interval']}. Evidence: {protocol['evidence']}.")
    winner = report["winner"]
    if winner is None:
        out.print("No order is better than any other beyond doubt: contact whom you like, or log more.")
    else:
        out.print(f"Winner: {winner}, {_ABOUT[winner]}; above no order by more than chance.")
