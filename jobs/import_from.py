"""Imports what a query in another database gives: its rows are a file that is read like any other."""

import csv
import tempfile
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from farview.store import foreign_query
from farview.store.store import Store
from jobs.import_file import ImportResult, import_file
from jobs.import_kinds.description import Kind
from jobs.import_reading import FileOptions
from jobs.progress import Progress

TOLD_AS = Path("query.csv")
"""How messages call the result, and in what folder its rejects are written: the one the command runs in."""


def import_from(
    store: Store,
    kind: Kind,
    url: str,
    query: str,
    options: FileOptions,
    *,
    who: str,
    progress: Progress | None = None,
) -> ImportResult:
    """Reads the rows of a query as a CSV file, whose lines the rejects name; the same rows again are a no-op.

    Raises:
        InvalidInput: the database cannot be read, the query is refused, or a column is missing.
        Conflict: the database is busy with another write; retry.
    """
    with tempfile.TemporaryDirectory(prefix="farview") as folder:
        path = Path(folder) / TOLD_AS.name
        with foreign_query.rows(url, query) as (header, rows), path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows([_text(value) for value in row] for row in rows)
        points = replace(options, decimal=".")  # numbers are written with one, whatever the last file had
        return import_file(store, kind, path, points, who=who, progress=progress, told_as=TOLD_AS)


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case Decimal():
            return f"{value:f}"
        case datetime() | date():
            return value.isoformat()
        case _:
            return str(value)
