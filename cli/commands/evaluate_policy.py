"""`farview evaluate policy`: what another way of choosing would have earned."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import JsonOut, Seed

_ABOUT = {
    "ips": "weighted rewards",
    "snips": "the same over mean weight",
    "dm": "a model's word alone",
    "dr": "the model, put right",
    "switch_dr": "dr, large weights to the model",
}


def evaluate_policy(
    *,
    logs: Annotated[Path, typer.Option("--logs", help="CSV, CSV.gz or Parquet, a row a decision.", show_default=False)],
    target: Annotated[
        str,
        typer.Option(
            "--target",
            help="uniform, always:ACTION, or a file: a row a decision, a column of probabilities an action.",
            show_default=False,
        ),
    ],
    json_out: JsonOut = None,
    seed: Seed = 0,
) -> None:
    """Estimate what a policy would have earned, from decisions that another one took at random.

    The log has columns action, propensity (of the action that was done) and reward; time and position are passed
    over, all other columns are context. A log that says too little about the target is refused.

    Example: farview evaluate policy --logs mailing.csv --target always:email
    """
    from cli.console import print_json
    from cli.report_files import json_path, write_json
    from jobs.evaluate_policy import evaluate_policy as run
    from jobs.policy_file import read_decisions, target_policy

    path = json_path(json_out)
    decisions = read_decisions(logs)
    report = run(decisions, target_policy(target, decisions), seed=seed)
    if json_out == "-":
        print_json(report)
        return
    _show(report, target)
    if path is not None:
        write_json(path, report)


def _show(report: dict[str, Any], target: str) -> None:
    from cli.console import out, table

    protocol = report["protocol"]
    rows = [
        [name, _ABOUT[name], f"{one['value']:.4g} ({one['lower']:.4g} - {one['upper']:.4g})"]
        for name, one in report["estimators"].items()
    ]
    out.print(
        table(
            f"Mean reward of {target} from {protocol['rows']:,} decisions",
            ["estimator", "", "value (95 % sure)"],
            rows,
            left=2,
            caption=f"The log itself earned {protocol['logged_value']:.4g}. It is worth {report['ess']:,.0f} rows for "
            f"this target; the largest weight is {report['max_weight']:.3g}. The interval of dm does not know how "
            "wrong its model is.",
        )
    )
