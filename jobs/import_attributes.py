"""Columns that are attributes: which they are, what their values are, and how each becomes a field of a JSON object."""

import json
from collections.abc import Sequence

import duckdb

from farview.core.errors import InvalidInput
from jobs.import_kinds.columns import NUL
from jobs.import_kinds.description import Check, Column
from jobs.import_query import literal
from jobs.import_rejects import HEADER
from jobs.import_source import SourceFile


def name_of(number: int) -> str:
    """What the n-th attribute is called in queries, whatever its name."""
    return f"attribute_{number}"


def attribute_places(file: SourceFile, taken: Sequence[int], named: Sequence[str], key: str) -> list[int]:
    """Which columns of a file are attributes: those named, or all that have a name and are not `taken`.

    Raises:
        InvalidInput: a column that is named is not there, or is taken, or an attribute has the name of the `key`.
    """
    places = _places(file, taken, named)
    if any(file.header[place] == key for place in places):
        raise InvalidInput.of(
            str(file.path),
            f"{key!r} cannot be an attribute beside {file.header[taken[0]]!r}, which is read as it "
            "(name the attributes with --attribute)",
        )
    return places


def _places(file: SourceFile, taken: Sequence[int], named: Sequence[str]) -> list[int]:
    if named:
        places = [file.place(name, "an attribute is a column of the file") for name in dict.fromkeys(named)]
        for place in places:
            if place in taken:
                name = file.header[place]
                raise InvalidInput.of(str(file.path), f"{name!r} is read already, and not as an attribute")
        return places
    own = len(HEADER) if tuple(file.header[: len(HEADER)]) == HEADER else 0
    free = [place for place in range(own, len(file.header)) if place not in taken and file.header[place].strip()]
    for place in free:
        file.place(file.header[place], "an attribute needs a name of its own")
    return free


def attribute_columns(
    connection: duckdb.DuckDBPyConnection, file: SourceFile, places: Sequence[int], decimal: str
) -> list[Column]:
    """How each is read, after a look at all its values: numbers, true and false, or texts.

    Args:
        connection: a session that import_query has prepared.
        file: which is read once for it, unless it tells the types itself.
        places: of the attributes.
        decimal: mark of its numbers.
    """
    stored = [file.stored_as(place) for place in places]
    if None in stored:
        stored = _seen(connection, file, [file.text(place, decimal) for place in places])
    return [
        _column(number, file.header[place], kind or "text")
        for number, (place, kind) in enumerate(zip(places, stored, strict=True))
    ]


def _seen(connection: duckdb.DuckDBPyConnection, file: SourceFile, texts: Sequence[str]) -> list[str | None]:
    """What all values of a column that are not empty have in common."""
    every = []
    for text in texts:
        filled = f"FILTER (WHERE trim({text}) <> '')"
        every.append(f"bool_and(is_number({text})) {filled}, bool_and(is_truth({text})) {filled}")
    flags = connection.execute(f"SELECT {', '.join(every)} FROM {file.sql(collect=False)}").fetchone() or ()
    return [
        "number" if number else "truth" if truth else "text"
        for number, truth in zip(flags[::2], flags[1::2], strict=True)
    ]


def _column(number: int, name: str, kind: str) -> Column:
    """An attribute: what is read is `"name": value`, or null where there is none."""
    column = name_of(number)
    text = f"{column}_text"
    value = {
        "number": f"json_number(real_number({text}))",
        "truth": f"CAST(truth({text}) AS VARCHAR)",
        "text": f"to_json(nullif(trim({text}), ''))",
    }[kind]
    read = f"{literal(json.dumps(name, ensure_ascii=False) + ': ')} || {value}"
    checks = (Check(f"contains({text}, chr(0))", NUL),)
    return Column(column, "--attribute", f"The attribute {name}.", read, checks, required=False)
