"""`farview models`: the register of models and who is champion."""

from typing import Annotated

import typer

from cli.options import DEFAULT_DATABASE, Database, Json

app = typer.Typer(help="List, show and promote registered models.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="For example ltv-revenue/3.", show_default=False)]


@app.callback()
def models() -> None:
    """List, show and promote registered models."""


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
def show(name: Name, database: Database = DEFAULT_DATABASE, as_json: Json = False) -> None:
    """Show a model: its lineage and how its fit went.

    Example: farview models show ltv-revenue/1
    """
    from cli.console import out, print_json
    from cli.database import open_store
    from cli.journey_views import journey_model_lines
    from cli.views import lineage_table, model_as_data, model_lines
    from farview.store.values import JOURNEYS

    with open_store(database) as store:
        version = store.model_version(*_split(name))
    if as_json:
        print_json(model_as_data(version))
        return
    for line in journey_model_lines(version) if version.kind == JOURNEYS else model_lines(version):
        out.print(line)
    out.print(lineage_table(version))


@app.command("promote")
def promote(
    name: Name,
    *,
    expected_champion: Annotated[
        str | None,
        typer.Option("--expected-champion", help="Refuse if another model is champion by now. Default: whoever is."),
    ] = None,
    why: Annotated[str, typer.Option("--why", help="A reason, for the audit log.")] = "",
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Make a model the champion: the next scoring or planning uses it.

    Example: farview models promote ltv-revenue/2 --why "better calibrated for new customers"
    """
    from cli.console import out, print_json
    from cli.database import open_store, who
    from cli.views import model_as_data
    from farview.store.values import JOURNEYS

    kind, number = _split(name)
    expected = None if expected_champion is None else _split(expected_champion)[1]
    with open_store(database) as store:
        version = store.promote(kind, number, expected_champion=expected, who=who(), why=why)
    if as_json:
        print_json(model_as_data(version))
        return
    out.print(f"{version.name} is champion.")
    out.print("Next: " + ("farview plan" if kind == JOURNEYS else "farview score"))


def _split(name: str) -> tuple[str, int]:
    from farview.core.errors import InvalidInput

    kind, _, number = name.rpartition("/")
    if not kind or not number.isdecimal():
        raise InvalidInput.of("NAME", f"{name!r} does not name a version (write it as ltv-revenue/3)")
    return kind, int(number)
