"""`farview import`: files into the database, bad rows into a file with their reasons. A command for each kind."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import DEFAULT_DATABASE, Database, Json
from farview.core.errors import InvalidInput
from jobs.import_kinds import KINDS
from jobs.import_kinds.description import Column, Kind

FileOrFolder = Annotated[
    Path | None, typer.Argument(help="CSV, CSV.gz or Parquet; of a folder every file of the kind.", show_default=False)
]
Query = Annotated[str | None, typer.Option("--query", help="In place of FILE: SQL that gives the rows.")]
Source = Annotated[
    str | None,
    typer.Option("--from", metavar="URL", help="Where --query is asked: a database, or duckdb:// for files."),
]

app = typer.Typer(help="Import files; bad rows go to a rejects file with their reasons.", no_args_is_help=True)


@app.callback()
def imports() -> None:
    """Import files; bad rows go to a rejects file with their reasons."""


def _command(kind: Kind) -> Callable[..., None]:
    """The command of one kind. Its options are made from the kind's columns, so that they cannot differ from them."""

    def run(
        file: Path | None, query: str | None, source: str | None, database: str, as_json: bool, **given: Any
    ) -> None:
        named = {column.name: given[_argument(column)] for column in kind.columns}
        columns = {ours: theirs for ours, theirs in named.items() if theirs is not None}
        options = (columns, given.get("decimal"), given.get("attribute") or [])
        _import(kind, _what(file, query, source), options, database, as_json)

    parameters = list(_parameters(kind))
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__doc__ = f"Import {kind.name}. A row is {kind.about}.\n\nExample: farview import {kind.example}"
    return run


def _parameters(kind: Kind) -> Iterator[inspect.Parameter]:
    yield _parameter("file", FileOrFolder, None)
    for column in kind.columns:
        said = f"{column.help} Default: {column.name}{'' if column.required else ', where the file has it'}."
        yield _parameter(_argument(column), Annotated[str | None, typer.Option(column.option, help=said)], None)
    if kind.attributes:
        said = "A column that is an attribute; may be repeated. Default: every column that is not read otherwise."
        yield _parameter("attribute", Annotated[list[str] | None, typer.Option("--attribute", help=said)], None)
    if kind.decimal:
        said = "Decimal mark of numbers. Default: a point."
        yield _parameter("decimal", Annotated[str | None, typer.Option("--decimal", help=said)], None)
    yield _parameter("query", Query, None)
    yield _parameter("source", Source, None)
    yield _parameter("database", Database, DEFAULT_DATABASE)
    yield _parameter("as_json", Json, False)


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _argument(column: Column) -> str:
    return column.option.removeprefix("--").replace("-", "_")


def _what(file: Path | None, query: str | None, source: str | None) -> Path | tuple[str, str]:
    """A path, or a URL and a query."""
    if file is not None and query is None and source is None:
        return file
    if file is None and query is not None and source is not None:
        return source, query
    raise InvalidInput.of("FILE", "name a file or a folder, or else both --query and --from")


def _import(
    kind: Kind,
    what: Path | tuple[str, str],
    options: tuple[dict[str, str], str | None, list[str]],
    database: str,
    as_json: bool,
) -> None:
    from cli.console import out, print_json, progress
    from cli.database import open_store, who
    from jobs.import_file import ImportResult, import_file
    from jobs.import_folder import FolderResult, import_folder
    from jobs.import_from import import_from
    from jobs.import_reading import FileOptions

    with open_store(database) as store, progress() as bar:
        given = FileOptions(*options)
        result: ImportResult | FolderResult
        if not isinstance(what, Path):
            result = import_from(store, kind, *what, given, who=who(), progress=bar)
        elif what.is_dir():
            result = import_folder(store, kind, what, given, who=who(), progress=bar)
        else:
            result = import_file(store, kind, what, given, who=who(), progress=bar)
    if as_json:
        print_json(result.as_data())
    else:
        for line in (*result.lines(), f"Next: {result.following}"):
            out.print(line, soft_wrap=True, markup=False)
    if isinstance(result, FolderResult) and result.failed:
        raise InvalidInput.of(result.folder, f"{len(result.failed):,} files were not imported; the others are in")


for _kind in KINDS.values():
    app.command(_kind.name)(_command(_kind))
