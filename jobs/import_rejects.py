"""Rows that were not imported: why, where they stand in the file, and the file that lists them."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TextIO

import pyarrow as pa

from farview.core.errors import InvalidInput

HEADER = ("line", "field", "problem")
MAX_REJECTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that is not a row."""

    record: int  # from 1, header and blank lines counted, one of several lines counted once
    problem: str


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a CSV file."""

    line: int  # where it begins, from 1
    blank: bool


@dataclass(frozen=True, slots=True)
class Reject:
    """One row that was not imported."""

    line: int  # where it begins in a CSV file; the row of a Parquet file; from 1
    field: str  # as the file calls it; "" for the whole line
    problem: str
    values: Mapping[str, str]  # of the columns that are read, as they stand in the file

    def __str__(self) -> str:
        return f"{self.field} {self.problem}" if self.field else self.problem


@dataclass(slots=True)
class Rejects:
    """Collects rejects batch by batch, compactly; lines and sentences are made only when they are listed.

    A sentence may hold {text}, what stands in the file, and {currency}, the reporting currency.
    """

    names: Mapping[str, str]  # our name of a column -> the file's
    problems: Sequence[tuple[str, str]]  # our name of the column that is wrong, and the sentence; problem n is the n-th
    currency: str
    limit: int = MAX_REJECTS
    malformed: list[Malformed] = field(default_factory=list)
    _bad: list[pa.RecordBatch] = field(default_factory=list)
    _count: int = 0

    def __len__(self) -> int:
        return self._count + len(self.malformed)

    def add(self, rows: pa.RecordBatch) -> None:
        """Rows with `ordinal` (among the well-formed, from 1), `problem` and one text column per name.

        Raises:
            InvalidInput: more than `limit` rows are bad, so it is the options and not the rows.
        """
        if rows.num_rows:
            self._bad.append(rows)
            self._count += rows.num_rows
        if self._count > self.limit:
            first = next(self.listed(None))
            raise InvalidInput.of(
                first.field, f"{first.problem}, and {self.limit:,} more rows are bad; nothing was imported"
            )

    def listed(self, records: Iterable[Record] | None) -> Iterator[Reject]:
        """All rejects in the order of the file.

        `records` are all records of a CSV file; None for a Parquet file, where the ordinal is the row.
        """
        bad = ((row["ordinal"], row) for batch in self._bad for row in batch.to_pylist())
        if records is None:
            return (self._reject(ordinal, row) for ordinal, row in bad)
        return islice(self._located(dict(bad), records), len(self))

    def _located(self, bad: Mapping[int, Mapping[str, str]], records: Iterable[Record]) -> Iterator[Reject]:
        malformed = {line.record: line.problem for line in reversed(self.malformed)}
        ordinal = 0
        for number, record in enumerate(records, start=1):
            if number in malformed:
                yield Reject(record.line, "", malformed[number], {})
            elif number > 1 and not record.blank:
                ordinal += 1
                if ordinal in bad:
                    yield self._reject(record.line, bad[ordinal])

    def _reject(self, line: int, row: Mapping[str, str]) -> Reject:
        ours, sentence = self.problems[int(row["problem"]) - 1]
        problem = sentence.format(text=row[ours] or "", currency=self.currency)
        values = {theirs: row[name] or "" for name, theirs in self.names.items()}
        return Reject(line, self.names[ours], problem, values)


def write(path: Path, rejects: Iterable[Reject], names: Sequence[str], keep: int) -> list[Reject]:
    """Writes line, field, problem and the columns that were read, so that a mended row can be imported from it.

    Returns:
        The first `keep` rejects.
    """
    first: list[Reject] = []
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*HEADER, *names])
        for reject in rejects:
            writer.writerow([reject.line, reject.field, reject.problem, *(reject.values.get(n, "") for n in names)])
            if len(first) < keep:
                first.append(reject)
    return first


def records(file: TextIO, delimiter: str) -> Iterator[Record]:
    """The records of a CSV file and where they begin; a quoted field may hold line breaks."""
    reader = csv.reader(file, delimiter=delimiter)
    line = 1
    for fields in reader:
        yield Record(line, not any(fields) and len(fields) < 2)
        line = reader.line_num + 1
