"""`farview train retention`: a law of how long contracts are renewed, registered."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.options import DEFAULT_DATABASE, Database, Json, Seed, Why


class Law(StrEnum):
    """Laws of a contract's length."""

    BEST = "best"
    SHIFTED_BETA_GEOMETRIC = "shifted_beta_geometric"
    BETA_DISCRETE_WEIBULL = "beta_discrete_weibull"


class Inference(StrEnum):
    """Ways to the posterior."""

    LAPLACE = "laplace"
    NUTS = "nuts"
    MAP = "map"


def train_retention(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or CSV.gz, a row a period.", show_default=False)],
    model: Annotated[
        Law, typer.Option("--model", help="best: the law that foresaw each renewal best from those before it.")
    ] = Law.BEST,
    method: Annotated[
        Inference,
        typer.Option(
            "--method", help="laplace checks itself and falls back to a grid; nuts samples; map keeps the mode alone."
        ),
    ] = Inference.LAPLACE,
    period_column: Annotated[str, typer.Option("--period-column")] = "period",
    customers_column: Annotated[str, typer.Option("--customers-column")] = "customers",
    cohort_column: Annotated[str, typer.Option("--cohort-column", help="May be absent: one cohort.")] = "cohort",
    seed: Seed = 0,
    why: Why = "",
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Fit a law of contracts to how many of each cohort were renewed, register it, and hold it against the champion.

    The file is that of `farview evaluate retention`. What is stored are draws and counts, no customers.

    Example: farview train retention cohorts.csv
    """
    from cli.console import out, print_json, progress
    from cli.database import open_store, who
    from cli.gate_views import next_after, report_as_data, report_view
    from cli.retention_views import retention_model_lines
    from cli.views import model_as_data
    from jobs.gate import gate
    from jobs.retention_file import RetentionColumns, read_cohorts
    from jobs.train_retention import train_retention as run

    cohorts = read_cohorts(file, RetentionColumns(period_column, customers_column, cohort_column))
    with open_store(database) as store, progress() as bar:
        version = run(store, cohorts, law=model.value, method=method.value, seed=seed, who=who(), why=why, progress=bar)
        report = gate(store, version.kind, version.version, who=who(), progress=bar)
    if as_json:
        print_json(model_as_data(version) | {"gate_report": report_as_data(report)})
        return
    for line in retention_model_lines(version):
        out.print(line)
    out.print(report_view(report, whole=False))
    out.print(next_after(report))
