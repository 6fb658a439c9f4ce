"""The options of the last import of a kind, with which the next one begins."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from jobs.import_kinds.description import Kind
from jobs.import_reading import FileOptions


def begun_with(
    last: Mapping[str, Any], kind: Kind, header: Sequence[str], given: FileOptions
) -> tuple[FileOptions, str]:
    """The options given, and for the others those of the last import that fit the file; and what was taken over.

    Args:
        last: what `to_remember` said of it; empty before the first.
        kind: of the file.
        header: of the file. A column is only taken over where the file has it.
        given: on the command line.

    Returns:
        The options, and those taken over as they would be written; "" for none.
    """
    named: Mapping[str, str] = last.get("columns", {})
    taken = {
        column: named[column.name]
        for column in kind.columns
        if column.name not in given.columns and named.get(column.name) in header
    }
    attributes = [] if given.attributes else [name for name in last.get("attributes", ()) if name in header]
    decimal = last.get("decimal") if given.decimal is None and kind.decimal else None
    said = [f"{column.option} {theirs}" for column, theirs in taken.items()]
    said += [f"--attribute {name}" for name in attributes]
    said += [] if decimal is None else [f"--decimal {decimal}"]
    columns = {column.name: theirs for column, theirs in taken.items()} | dict(given.columns)
    options = replace(
        given, columns=columns, attributes=attributes or given.attributes, decimal=decimal or given.decimal
    )
    return options, " ".join(said)


def to_remember(options: FileOptions) -> dict[str, Any]:
    """What is kept of an import's options: where they differ from the defaults."""
    columns = {ours: theirs for ours, theirs in options.columns.items() if ours != theirs}
    decimal = {} if options.mark == "." else {"decimal": options.mark}
    attributes = {"attributes": list(options.attributes)} if options.attributes else {}
    return ({"columns": columns} if columns else {}) | decimal | attributes
