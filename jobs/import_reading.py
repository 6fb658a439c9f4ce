"""A file of any kind as checked Arrow batches. DuckDB reads and checks whole columns; Python sees batches."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from farview.core.errors import InvalidInput
from farview.store.batches import BATCHES, RATES
from farview.store.values import Business
from jobs import import_attributes, import_query
from jobs.import_kinds.description import Column, Kind
from jobs.import_rejects import Malformed, Reject, Rejects
from jobs.import_source import SourceFile

BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class FileOptions:
    """In what a file differs from what is expected of its kind."""

    columns: Mapping[str, str] = field(default_factory=dict)  # our name of a column -> the file's
    decimal: str | None = None  # mark of numbers; None: a point
    attributes: Sequence[str] = ()  # columns that are attributes; none: all that are not read otherwise
    unread: Sequence[str] = ()  # our names of optional columns that are empty whatever the file has

    @property
    def mark(self) -> str:
        """The decimal mark."""
        return self.decimal or "."


@dataclass(slots=True)
class FileReader:
    """One file, one pass: good rows come out as batches, bad ones are collected on the way."""

    path: Path
    kind: Kind
    options: FileOptions
    business: Business
    rates: pa.Table = field(default_factory=RATES.empty_table)  # to convert amounts with
    file: SourceFile = field(init=False)
    places: dict[str, int] = field(init=False)  # our name of a column -> where it stands in the file
    attribute_places: list[int] = field(init=False)
    rejects: Rejects = field(init=False)

    def __post_init__(self) -> None:
        """Reads the header.

        Raises:
            InvalidInput: no such file, not a table, or a column is missing.
        """
        if self.options.mark not in (".", ","):
            raise InvalidInput.of("--decimal", f"{self.options.mark!r} is not a decimal mark (write . or ,)")
        self.file = SourceFile(self.path)
        self.places = self._find_columns()
        self.attribute_places = (
            import_attributes.attribute_places(
                self.file, list(self.places.values()), self.options.attributes, self.kind.columns[0].name
            )
            if self.kind.attributes
            else []
        )
        self.rejects = Rejects({}, (), self.business.reporting_currency)

    @property
    def names(self) -> list[str]:
        """The file's names of the columns that are read."""
        return [self.file.header[place] for place in (*self.places.values(), *self.attribute_places)]

    def mapping(self) -> dict[str, str]:
        """The options that change what is read."""
        named = {ours: self.file.header[place] for ours, place in self.places.items()}
        attributes = {f"attribute {self.file.header[place]}": "" for place in self.attribute_places}
        return {**named, **attributes, "decimal": self.options.mark}

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The kind's batches of farview.store.batches in the order of the file.

        Raises:
            InvalidInput: the file is not a table, or a million of its rows are bad.
        """
        with self._session() as connection:
            try:
                columns = self._columns(connection)
                repeated = self._find_repeated(connection)
                texts = {name: self.file.text(place, self.options.mark) for name, place in self._all_places()}
                query = import_query.checked_rows(self.file.sql(collect=True), self.kind, columns, texts, repeated)
                for batch in connection.sql(query).to_arrow_reader(BATCH_ROWS):
                    yield self._good_rows(batch)
                if not self.file.is_parquet:
                    self.rejects.malformed = _malformed(connection, self.file.delimiter)
            except duckdb.Error as error:
                reason = str(error).strip().splitlines()[0]
                raise InvalidInput.of(str(self.path), f"cannot be read as a table ({reason})") from None

    def listed_rejects(self) -> Iterator[Reject]:
        """The rejects in order, with their lines; a text file is read once more to find them."""
        with self.file.records() as records:
            yield from self.rejects.listed(records)

    @contextmanager
    def _session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with tempfile.TemporaryDirectory(prefix="farview") as spill:
            limits: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "1GB", "temp_directory": spill}
            with duckdb.connect(config=limits) as connection:
                now = datetime.now(UTC)
                import_query.prepare(connection, self.business, self.options.mark, self.rates, now)
                yield connection

    def _columns(self, connection: duckdb.DuckDBPyConnection) -> list[Column]:
        """All columns that are read; from here on it is known what can be wrong with them."""
        attributes = import_attributes.attribute_columns(
            connection, self.file, self.attribute_places, self.options.mark
        )
        columns = [*self.kind.columns, *attributes]
        self.rejects.names = {name: self.file.header[place] for name, place in self._all_places()}
        self.rejects.problems = [
            (column.name, check.sentence) for column, check in import_query.checks(self.kind, columns)
        ]
        return columns

    def _find_repeated(self, connection: duckdb.DuckDBPyConnection) -> str:
        """Makes the table of keys that stand in the file more than once."""
        table = "repeated_keys"
        if self.kind.once is not None:
            text = self.file.text(self.places[self.kind.once], self.options.mark)
            query = import_query.repeated_keys(self.file.sql(collect=False), text)
            connection.execute(f"CREATE TEMP TABLE {table} AS {query}")
        return table

    def _all_places(self) -> list[tuple[str, int]]:
        attributes = ((import_attributes.name_of(n), place) for n, place in enumerate(self.attribute_places))
        return [*self.places.items(), *attributes]

    def _good_rows(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        schema = BATCHES[self.kind.name]
        good = pc.equal(batch.column("problem"), 0)
        if pc.all(good).as_py():
            return batch.select(schema.names).cast(schema)
        bad = batch.filter(pc.invert(good))
        ours = list(self.rejects.names)
        raw = [bad.column(f"{name}_text") for name in ours]
        self.rejects.add(
            pa.RecordBatch.from_arrays(
                [bad.column("ordinal"), bad.column("problem"), *raw], ["ordinal", "problem", *ours]
            )
        )
        return batch.filter(good).select(schema.names).cast(schema)

    def _find_columns(self) -> dict[str, int]:
        """Where each column stands: under the options' name or ours; an optional one may be absent under ours."""
        places = {}
        for column in self.kind.columns:
            theirs = self.options.columns.get(column.name)
            if theirs is not None or column.required:
                places[column.name] = self.file.place(theirs or column.name, f"name it with {column.option}")
            elif column.name not in self.options.unread and self.file.header.count(column.name) == 1:
                places[column.name] = self.file.header.index(column.name)
        return places


def _malformed(connection: duckdb.DuckDBPyConnection, delimiter: str) -> list[Malformed]:
    """Lines that DuckDB could not split into the header's columns."""
    query = """
        SELECT line, any_value(error_type) AS kind, any_value(error_message) AS message, any_value(csv_line) AS text
        FROM reject_errors GROUP BY line ORDER BY line
    """
    return [
        Malformed(row["line"], _sentence(row, delimiter)) for row in connection.sql(query).to_arrow_table().to_pylist()
    ]


def _sentence(row: dict[str, Any], delimiter: str) -> str:
    text = (row["text"] or "").strip()
    shown = text if len(text) <= 200 else text[:200] + "..."
    match row["kind"]:
        case "TOO MANY COLUMNS":
            why = "has more fields than the header" + (
                " (a decimal comma needs quotes, or another delimiter)" if delimiter == "," else ""
            )
        case "MISSING COLUMNS":
            why = "has fewer fields than the header"
        case "INVALID ENCODING" | "INVALID UNICODE":
            why = "is not UTF-8"
        case _:
            why = row["message"].strip().splitlines()[0]
    return f'"{shown}" {why}'
