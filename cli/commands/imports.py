"""`farview import`: files into the database, bad rows into a file with their reasons. A command for each kind."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import DEFAULT_DATABASE, Database, File, Json
from jobs.import_kinds import KINDS
from jobs.import_kinds.description import Column, Kind

app = typer.Typer(help="Import files; bad rows go to a rejects file with their reasons.", no_args_is_help=True)


@app.callback()
def imports() -> None:
    """Import files; bad rows go to a rejects file with their reasons."""


def _command(kind: Kind) -> Callable[..., None]:
    """The command of one kind. Its options are made from the kind's columns, so that they cannot differ from them."""

    def run(file: Path, database: str, as_json: bool, **given: Any) -> None:
        named = {column.name: given[_argument(column)] for column in kind.columns}
        columns = {ours: theirs for ours, theirs in named.items() if theirs is not None}
        options = (columns, given.get("decimal", "."), given.get("attribute") or [])
        _import(kind, file, options, database, as_json)

    parameters = list(_parameters(kind))
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__doc__ = f"Import {kind.name}. A row is {kind.about}.\n\nExample: farview import {kind.example}"
    return run


def _parameters(kind: Kind) -> Iterator[inspect.Parameter]:
    yield _parameter("file", File, inspect.Parameter.empty)
    for column in kind.columns:
        if column.required:
            yield _parameter(
                _argument(column), Annotated[str, typer.Option(column.option, help=column.help)], column.name
            )
        else:
            said = f"{column.help} Default: {column.name}, where the file has it."
            yield _parameter(_argument(column), Annotated[str | None, typer.Option(column.option, help=said)], None)
    if kind.attributes:
        said = "A column that is an attribute; may be repeated. Default: every column that is not read otherwise."
        yield _parameter("attribute", Annotated[list[str] | None, typer.Option("--attribute", help=said)], None)
    if kind.decimal:
        yield _parameter("decimal", Annotated[str, typer.Option("--decimal", help="Decimal mark of numbers.")], ".")
    yield _parameter("database", Database, DEFAULT_DATABASE)
    yield _parameter("as_json", Json, False)


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _argument(column: Column) -> str:
    return column.option.removeprefix("--").replace("-", "_")


def _import(
    kind: Kind, file: Path, options: tuple[dict[str, str], str, list[str]], database: str, as_json: bool
) -> None:
    from cli.console import out, print_json, progress
    from cli.database import open_store, who
    from jobs.import_file import import_file
    from jobs.import_reading import FileOptions

    with open_store(database) as store, progress() as bar:
        result = import_file(store, kind, file, FileOptions(*options), who=who(), progress=bar)
    if as_json:
        print_json(result.as_data())
        return
    for line in result.lines():
        out.print(line, soft_wrap=True, markup=False)
    out.print(f"Next: {result.following}", soft_wrap=True, markup=False)


for _kind in KINDS.values():
    app.command(_kind.name)(_command(_kind))
