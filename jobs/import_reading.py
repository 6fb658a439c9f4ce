"""A file of transactions as checked Arrow batches. DuckDB converts and checks whole columns; Python sees batches."""

import csv
import gzip
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from farview.core import columns as c
from farview.core.errors import InvalidInput
from farview.store.batches import TRANSACTION_BATCH
from farview.store.values import Business
from jobs import import_query
from jobs.import_rejects import Malformed, Reject, Rejects, records

BATCH_ROWS = 65_536
DELIMITERS = (",", ";", "\t", "|")
_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz", ".parquet")


@dataclass(frozen=True, slots=True)
class TransactionColumns:
    """What the columns of a file are called. The optional ones are read where the file has them."""

    customer: str = c.CUSTOMER_ID
    time: str = c.TIME
    amount: str = c.AMOUNT
    transaction_id: str | None = None  # None: "transaction_id" if there is one
    ingested_at: str | None = None  # None: "ingested_at" if there is one
    currency: str | None = None  # None: "currency" if there is one
    decimal: str = "."


@dataclass(slots=True)
class TransactionReader:
    """One file, one pass: good rows come out as batches, bad ones are collected on the way."""

    path: Path
    columns: TransactionColumns
    business: Business
    header: list[str] = field(init=False)
    delimiter: str = field(init=False, default=",")
    names: dict[str, str] = field(init=False)  # our name of a column -> the file's
    rejects: Rejects = field(init=False)

    def __post_init__(self) -> None:
        """Reads the header.

        Raises:
            InvalidInput: no such file, not a table, or a column is missing.
        """
        if self.columns.decimal not in (".", ","):
            raise InvalidInput.of("--decimal", f"{self.columns.decimal!r} is not a decimal mark (write . or ,)")
        if not self.path.is_file():
            raise InvalidInput.of(str(self.path), "no such file")
        if not self.path.name.lower().endswith(_ENDINGS):
            raise InvalidInput.of(str(self.path), f"ends in none of {', '.join(_ENDINGS)}")
        self.header = self._parquet_header() if self.is_parquet else self._csv_header()
        self.names = self._find_columns()
        self.rejects = Rejects(self.names, self.columns.decimal, self.business.reporting_currency)

    @property
    def is_parquet(self) -> bool:
        """Whether it is a Parquet file, else CSV."""
        return self.path.name.lower().endswith(".parquet")

    def mapping(self) -> dict[str, str]:
        """The options that change what is read."""
        return {**self.names, "decimal": self.columns.decimal}

    def content_hash(self) -> str:
        """sha256 of the decompressed bytes, so that a.csv and a.csv.gz are the same.

        Raises:
            InvalidInput: a gzip file that is damaged or cut off.
        """
        digest = hashlib.sha256()
        try:
            with self._bytes() as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
        except (EOFError, OSError) as error:
            raise InvalidInput.of(str(self.path), f"cannot be read to its end ({error})") from None
        return digest.hexdigest()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """batches.TRANSACTION_BATCH in the order of the file.

        Raises:
            InvalidInput: the file is not a table, or a million of its rows are bad.
        """
        query = import_query.checked_rows(
            self._source(), self._expressions(), self.columns.decimal, self.business, datetime.now(UTC)
        )
        with duckdb.connect(config={"memory_limit": "1GB"}) as connection:
            # Times without an offset and dates are business time: this is the zone that casts to TIMESTAMPTZ read.
            connection.execute(f"SET TimeZone = '{self.business.time_zone}'")
            try:
                for batch in connection.sql(query).to_arrow_reader(BATCH_ROWS):
                    yield self._good_rows(batch)
                if not self.is_parquet:
                    self.rejects.malformed = _malformed(connection, self.delimiter)
            except duckdb.Error as error:
                reason = str(error).strip().splitlines()[0]
                raise InvalidInput.of(str(self.path), f"cannot be read as a table ({reason})") from None

    def listed_rejects(self) -> Iterator[Reject]:
        """The rejects in order, with their lines; a CSV file is read once more to find them."""
        if self.is_parquet:
            yield from self.rejects.listed(None)
            return
        with self._text() as file:
            yield from self.rejects.listed(records(file, self.delimiter))

    def _good_rows(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        good = pc.equal(batch.column("problem"), 0)
        if pc.all(good).as_py():
            return batch.select(TRANSACTION_BATCH.names).cast(TRANSACTION_BATCH)
        bad = batch.filter(pc.invert(good))
        raw = [bad.column(f"{name}_text") for name in self.names]
        self.rejects.add(
            pa.RecordBatch.from_arrays(
                [bad.column("ordinal"), bad.column("problem"), *raw], ["ordinal", "problem", *self.names]
            )
        )
        return batch.filter(good).select(TRANSACTION_BATCH.names).cast(TRANSACTION_BATCH)

    def _find_columns(self) -> dict[str, str]:
        required = {c.CUSTOMER_ID: self.columns.customer, c.TIME: self.columns.time, c.AMOUNT: self.columns.amount}
        optional = {
            "transaction_id": self.columns.transaction_id,
            "ingested_at": self.columns.ingested_at,
            "currency": self.columns.currency,
        }
        wanted = required | {ours: theirs for ours, theirs in optional.items() if theirs is not None}
        for ours, theirs in wanted.items():
            if self.header.count(theirs) != 1:
                option = f"--{'customer' if ours == c.CUSTOMER_ID else ours.replace('_', '-')}-column"
                has = "no column" if theirs not in self.header else "more than one column"
                raise InvalidInput.of(
                    str(self.path), f"{has} {theirs!r}; it has {', '.join(self.header)} (name it with {option})"
                )
        found = {ours: ours for ours, theirs in optional.items() if theirs is None and self.header.count(ours) == 1}
        return wanted | found

    def _expressions(self) -> dict[str, str | None]:
        """SQL of each column's text; None for those the file lacks."""
        places = {ours: self.header.index(theirs) for ours, theirs in self.names.items()}
        if self.is_parquet:
            quoted = {ours: '"' + self.header[place].replace('"', '""') + '"' for ours, place in places.items()}
            return {ours: quoted.get(ours) for ours in import_query.COLUMNS}
        return {ours: f"column{places[ours]}" if ours in places else None for ours in import_query.COLUMNS}

    def _source(self) -> str:
        path = import_query.literal(str(self.path))
        if self.is_parquet:
            return f"read_parquet({path})"
        # Nothing is guessed: the header has been read, and what does not fit it is a rejected line.
        columns = ", ".join(f"'column{i}': 'VARCHAR'" for i in range(len(self.header)))
        return (
            f"read_csv({path}, auto_detect = false, header = true, columns = {{{columns}}}, "
            f"delim = {import_query.literal(self.delimiter)}, quote = '\"', escape = '\"', "
            "store_rejects = true, rejects_limit = 0)"
        )

    def _parquet_header(self) -> list[str]:
        try:
            return list(pq.read_schema(self.path).names)
        except (pa.ArrowException, OSError) as error:
            raise InvalidInput.of(str(self.path), f"is not a Parquet file ({error})") from None

    def _csv_header(self) -> list[str]:
        try:
            with self._text() as file:
                first = file.readline()
        except (EOFError, OSError) as error:
            raise InvalidInput.of(str(self.path), f"cannot be read ({error})") from None
        if not first.strip():
            raise InvalidInput.of(
                str(self.path), "is empty or begins with an empty line (the first line is the header)"
            )
        self.delimiter = max(DELIMITERS, key=first.count)
        return next(csv.reader([first], delimiter=self.delimiter))

    @contextmanager
    def _text(self) -> Iterator[TextIO]:
        with self._bytes() as file:
            yield io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")

    def _bytes(self) -> BinaryIO:
        if self.path.name.lower().endswith(".gz"):
            return cast(BinaryIO, gzip.open(self.path, "rb"))
        return self.path.open("rb")


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
