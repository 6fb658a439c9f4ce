"""`farview models`: the register of models and who is champion."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import DEFAULT_DATABASE, Database, Json

if TYPE_CHECKING:
    from farview.store.values import ModelVersion

app = typer.Typer(help="List, examine and promote registered models, and go back.", no_args_is_help=True)

Kind = Annotated[str, typer.Argument(help="For example ltv-revenue, or journeys.", show_default=False)]
AnyKind = Annotated[
    str | None, typer.Argument(help="For example ltv-revenue, or journeys. Default: all.", show_default=False)
]
Why = Annotated[str, typer.Option("--why", help="A reason, for the audit log.")]
ExpectedChampion = Annotated[
    str | None,
    typer.Option("--expected-champion", help="Refuse if another model is champion by now. Default: whoever is."),
]
Name = Annotated[str, typer.Argument(help="For example ltv-revenue/3.", show_default=False)]


@app.callback()
def models() -> None:
    """List, examine and promote registered models, and go back."""


@app.command("list")
def list_models(
    kind: Annotated[str | None, typer.Option("--kind", help="Only this kind. Default: all.")] = None,
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """List registered models, newest first.

    Example: farview models list --kind ltv-revenue
    """
    from cli.console import out, print_json
    from cli.database import open_store
    from cli.views import model_as_data, models_table

    with open_store(database) as store:
        versions = store.model_versions(kind)
    if as_json:
        print_json([model_as_data(version) for version in versions])
    elif not versions:
        out.print("No models yet. Next: farview train ltv, or farview train journeys")
    else:
        out.print(models_table(versions))


@app.command("show")
def show(
    name: Name,
    *,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="OUT.png", help="Draw a combination's weights by segment.")
    ] = None,
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Show a model: its lineage, how its fit went, and what the gates said.

    Example: farview models show ltv-revenue/1
    """
    from cli.console import out, print_json
    from cli.database import open_store
    from cli.gate_views import report_as_data, report_view
    from cli.journey_views import journey_model_lines
    from cli.ranking_views import next_item_model_lines, ranking_model_lines
    from cli.retention_views import retention_model_lines
    from cli.uplift_views import uplift_model_lines
    from cli.views import lineage_table, model_as_data, model_lines
    from farview.store.values import JOURNEYS, NEXT_ITEM, RANKING, RETENTION, UPLIFT

    said = {
        JOURNEYS: journey_model_lines,
        RANKING: ranking_model_lines,
        NEXT_ITEM: next_item_model_lines,
        RETENTION: retention_model_lines,
        UPLIFT: uplift_model_lines,
    }
    with open_store(database) as store:
        version = store.model_version(*_split(name))
        report = store.gate_report(version.kind, version.version)
    if weights is not None:
        _draw_weights(version, weights)
    if as_json:
        print_json(model_as_data(version) | {"gate_report": None if report is None else report_as_data(report)})
        return
    for line in said.get(version.kind, model_lines)(version):
        out.print(line)
    out.print(lineage_table(version))
    if report is None:
        out.print(f"Gates: not examined yet. Next: farview models gate {version.name}")
    else:
        out.print(report_view(report))


def _draw_weights(version: "ModelVersion", picture: Path) -> None:
    from numpy import array

    from cli.boost_views import SEGMENTS
    from cli.report_files import check_writable
    from farview.core.errors import FailedPrecondition
    from farview.pictures.canvas import write
    from farview.pictures.customer import draw_weights

    check_writable("--weights", picture)
    found = version.metrics
    if version.model != "combination":
        raise FailedPrecondition(f"{version.name} is {version.model}: only a combination has weights")
    by_segment = {SEGMENTS[name]: array(shares) for name, shares in found["weights"].items()}
    write(draw_weights(by_segment, found["members"], f"What {version.name} is made of"), picture)


@app.command("gate")
def gate(
    name: Name,
    *,
    margin: Annotated[
        float, typer.Option("--margin", min=0.0, max=1.0, help="Largest loss allowed against the champion; .01 is 1 %.")
    ] = 0.01,
    horizon_days: Annotated[
        int | None,
        typer.Option("--horizon-days", min=1, max=3650, help="How far the trials look. Default: 90, for journeys 28."),
    ] = None,
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Examine a model: convergence, calibration, and trials against the champion. Exit 1 when it does not pass.

    Example: farview models gate ltv-revenue/2
    """
    from cli.console import out, print_json, progress
    from cli.database import open_store, who
    from cli.gate_views import next_after, report_as_data, report_view
    from jobs.gate import gate as examine

    kind, number = _split(name)
    with open_store(database) as store, progress() as bar:
        report = examine(store, kind, number, margin=margin, horizon_days=horizon_days, who=who(), progress=bar)
    if as_json:
        print_json(report_as_data(report))
    else:
        out.print(report_view(report))
        out.print(next_after(report))
    if not report.passed:
        raise typer.Exit(1)


@app.command("promote")
def promote(
    name: Name,
    *,
    expected_champion: ExpectedChampion = None,
    force: Annotated[
        bool, typer.Option("--force", help="Promote although the gates were not passed; needs --why, and is logged.")
    ] = False,
    why: Why = "",
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Make a model that passed its gates the champion: the next scoring or planning uses it.

    Example: farview models promote ltv-revenue/2 --why "better calibrated for new customers"
    """
    from cli.console import out, print_json
    from cli.database import open_store, who
    from cli.gate_views import next_with
    from cli.views import model_as_data
    from farview.core.errors import FailedPrecondition, InvalidInput

    if force and not why.strip():
        raise InvalidInput.of("--why", "is needed with --force: the audit log keeps the reason")
    kind, number = _split(name)
    with open_store(database) as store:
        try:
            version = store.promote(
                kind, number, expected_champion=_expected(expected_champion, kind), force=force, who=who(), why=why
            )
        except FailedPrecondition as refusal:
            if force:
                raise
            raise FailedPrecondition(f"{refusal}; to promote it all the same: --force --why REASON") from None
    if as_json:
        print_json(model_as_data(version))
        return
    out.print(f"{version.name} is champion.")
    out.print(next_with(kind))


@app.command("rollback")
def rollback(
    kind: Kind,
    *,
    expected_champion: ExpectedChampion = None,
    why: Why = "",
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Make the champion before the champion again. Each further call goes one further back.

    Example: farview models rollback ltv-revenue --why "forecasts a third too high since Monday"
    """
    from cli.console import out, print_json
    from cli.database import open_store, who
    from cli.gate_views import next_with
    from cli.views import model_as_data

    with open_store(database) as store:
        version = store.rollback(kind, expected_champion=_expected(expected_champion, kind), who=who(), why=why)
    if as_json:
        print_json(model_as_data(version))
        return
    out.print(f"{version.name} is champion again.")
    out.print(next_with(kind))


@app.command("history")
def history(kind: AnyKind = None, database: Database = DEFAULT_DATABASE, as_json: Json = False) -> None:
    """Show who became champion when, in whose place, by whom and why; newest first, of one kind or of all.

    Example: farview models history ltv-revenue
    """
    from dataclasses import asdict

    from cli.console import out, print_json
    from cli.database import open_store
    from cli.gate_views import history_table

    with open_store(database) as store:
        changes = store.champion_history(kind)
    if as_json:
        print_json([asdict(change) for change in changes])
    elif not changes:
        out.print("No champion yet. Next: farview train ltv, or farview train journeys")
    else:
        out.print(history_table(changes))


@app.command("reproduce")
def reproduce(
    name: Name,
    *,
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0.0, help="Largest relative difference of a parameter that passes.")
    ] = 1e-6,
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Fit a model again from its lineage and compare. Exit 1 when something else comes out. Registers nothing.

    Example: farview models reproduce ltv-revenue/1
    """
    from cli.console import out, print_json, progress
    from cli.database import open_store, who
    from cli.gate_views import reproduction_as_data, reproduction_lines
    from jobs.reproduce import reproduce as refit

    kind, number = _split(name)
    with open_store(database) as store, progress() as bar:
        found = refit(store, kind, number, tolerance=tolerance, who=who(), progress=bar)
    if as_json:
        print_json(reproduction_as_data(found))
    else:
        for line in reproduction_lines(found):
            out.print(line)
    if not found.reproduced:
        raise typer.Exit(1)


def _expected(champion: str | None, kind: str) -> int | None:
    from farview.core.errors import InvalidInput

    if champion is None:
        return None
    other, number = _split(champion, "--expected-champion")
    if other != kind:
        raise InvalidInput.of("--expected-champion", f"{champion!r} is not of kind {kind!r}")
    return number


def _split(name: str, field: str = "NAME") -> tuple[str, int]:
    from farview.core.errors import InvalidInput

    kind, _, number = name.rpartition("/")
    if not kind or not number.isdecimal():
        raise InvalidInput.of(field, f"{name!r} does not name a version (write it as ltv-revenue/3)")
    return kind, int(number)
