"""A file as a table, CSV, TSV or Parquet: its header, its identity, and how DuckDB is to read it."""

import csv
import gzip
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TextIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from farview.core.errors import InvalidInput
from jobs.import_query import literal
from jobs.import_rejects import Record, records

DELIMITERS = (",", ";", "\t", "|")
ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz", ".parquet")


@dataclass(slots=True)
class SourceFile:
    """One file. Its header is read when it is made."""

    path: Path
    header: list[str] = field(init=False)
    delimiter: str = field(init=False, default=",")
    _parquet: pa.Schema | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Reads the header.

        Raises:
            InvalidInput: no such file, or not a table.
        """
        if not self.path.is_file():
            raise InvalidInput.of(str(self.path), "no such file")
        if not self.path.name.lower().endswith(ENDINGS):
            raise InvalidInput.of(str(self.path), f"ends in none of {', '.join(ENDINGS)}")
        if self.is_parquet:
            self._parquet = self._parquet_schema()
            self.header = list(self._parquet.names)
        else:
            self.header = self._csv_header()

    @property
    def is_parquet(self) -> bool:
        """Whether it is a Parquet file, else text."""
        return self.path.name.lower().endswith(".parquet")

    @property
    def unit(self) -> str:
        """What places in the file are counted in."""
        return "row" if self.is_parquet else "line"

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

    def place(self, name: str, mend: str) -> int:
        """Which column has that name.

        Args:
            name: as the header has it.
            mend: what to do where it is not there.

        Raises:
            InvalidInput: none has it, or several have.
        """
        if self.header.count(name) != 1:
            has = "no column" if name not in self.header else "more than one column"
            raise InvalidInput.of(str(self.path), f"{has} {name!r}; it has {', '.join(self.header)} ({mend})")
        return self.header.index(name)

    def text(self, place: int, decimal: str) -> str:
        """SQL of a column's text; numbers that are stored as such are written with the decimal mark."""
        if self._parquet is None:
            return f"column{place}"
        name, kind = '"' + self.header[place].replace('"', '""') + '"', self._parquet.field(place).type
        if pa.types.is_floating(kind):
            name = f"nullif({name}, 'NaN')"  # pandas writes NaN where a number is missing
        if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            return f"replace(CAST({name} AS VARCHAR), '.', {literal(decimal)})"
        return name

    def stored_as(self, place: int) -> str | None:
        """ "number", "truth" or "text" where the file itself says what a column is; None where it is all text."""
        if self._parquet is None:
            return None
        kind = self._parquet.field(place).type
        if pa.types.is_boolean(kind):
            return "truth"
        number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        return "number" if number else "text"

    def sql(self, *, collect: bool) -> str:
        """SQL of the table. Lines that do not fit the header are left out, and listed by DuckDB if `collect`."""
        path = literal(str(self.path))
        if self.is_parquet:
            return f"read_parquet({path})"
        # Nothing is guessed: the header has been read, and what does not fit it is a rejected line.
        columns = ", ".join(f"'column{i}': 'VARCHAR'" for i in range(len(self.header)))
        bad = "store_rejects = true, rejects_limit = 0" if collect else "ignore_errors = true"
        table = (
            f"read_csv({path}, auto_detect = false, header = true, columns = {{{columns}}}, "
            f"delim = {literal(self.delimiter)}, quote = '\"', escape = '\"', {bad})"
        )
        # In a file of one column a blank line is an empty cell to DuckDB; elsewhere it is nothing, and here too.
        return table if len(self.header) > 1 else f"(FROM {table} WHERE column0 <> '')"

    @contextmanager
    def records(self) -> Iterator[Iterator[Record] | None]:
        """Where the records of a text file begin; None for a Parquet file."""
        if self.is_parquet:
            yield None
            return
        with self._text() as file:
            yield records(file, self.delimiter)

    def _parquet_schema(self) -> pa.Schema:
        try:
            return pq.read_schema(self.path)
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
        tabs = self.path.name.lower().endswith((".tsv", ".tsv.gz"))
        self.delimiter = "\t" if tabs else max(DELIMITERS, key=first.count)
        return next(csv.reader([first], delimiter=self.delimiter))

    @contextmanager
    def _text(self) -> Iterator[TextIO]:
        with self._bytes() as file:
            yield io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")

    def _bytes(self) -> BinaryIO:
        if self.path.name.lower().endswith(".gz"):
            return cast(BinaryIO, gzip.open(self.path, "rb"))
        return self.path.open("rb")
