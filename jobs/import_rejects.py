"""Rows that were not imported: why, where they stand in the file, and the file that lists them."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import islice
from pathlib import Path
from typing import TextIO

import pyarrow as pa

from farview.core.errors import InvalidInput

MAX_REJECTS = 1_000_000


class Problem(IntEnum):
    """Why a row was rejected, as the reading query numbers it; 0 is a good row."""

    CUSTOMER_EMPTY = 1
    CUSTOMER_NUL = 2
    TIME_EMPTY = 3
    TIME_UNREADABLE = 4
    TIME_FUTURE = 5
    TIME_ANCIENT = 6
    AMOUNT_EMPTY = 7
    AMOUNT_UNREADABLE = 8
    CURRENCY_OTHER = 9
    INGESTED_UNREADABLE = 10
    INGESTED_FUTURE = 11
    ID_NUL = 12

    @property
    def column(self) -> str:
        """Our name of the column that is wrong."""
        first_word = self.name.split("_", maxsplit=1)[0]
        return {"CUSTOMER": "customer_id", "INGESTED": "ingested_at", "ID": "transaction_id"}.get(
            first_word, first_word.lower()
        )


_EMPTY = "is empty"
_NO_TIME = '"{text}" is not a time (write 1997-09-30 or 1997-09-30T14:05:00+02:00)'
_FUTURE = '"{text}" lies in the future (is the year or the order of day and month wrong?)'
_NUL = "contains a NUL character (is the file UTF-8?)"
_SENTENCES = {
    Problem.CUSTOMER_EMPTY: _EMPTY,
    Problem.CUSTOMER_NUL: _NUL,
    Problem.TIME_EMPTY: _EMPTY,
    Problem.TIME_UNREADABLE: _NO_TIME,
    Problem.TIME_FUTURE: _FUTURE,
    Problem.TIME_ANCIENT: '"{text}" lies before 1900 (is the year written with four digits?)',
    Problem.AMOUNT_EMPTY: _EMPTY,
    Problem.INGESTED_UNREADABLE: _NO_TIME,
    Problem.INGESTED_FUTURE: _FUTURE,
    Problem.ID_NUL: _NUL,
}


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
    """Collects rejects batch by batch, compactly; lines and sentences are made only when they are listed."""

    names: Mapping[str, str]  # our name of a column -> the file's
    decimal: str
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
        problem = Problem(int(row["problem"]))
        ours = problem.column
        values = {theirs: row[name] or "" for name, theirs in self.names.items()}
        return Reject(line, self.names[ours], self._sentence(problem, row[ours] or ""), values)

    def _sentence(self, problem: Problem, text: str) -> str:
        if problem is Problem.AMOUNT_UNREADABLE:
            return f'"{text}" is not a number below 10^12' if _is_large(text) else self._not_a_number(text)
        if problem is Problem.CURRENCY_OTHER:
            return f'"{text}" is not the reporting currency {self.currency}, and there are no rates to convert it'
        return _SENTENCES[problem].format(text=text)

    def _not_a_number(self, text: str) -> str:
        mend = ""
        if self.decimal == "." and "," in text:
            mend = " (is the decimal mark a comma? try --decimal ,)"
        elif self.decimal == "," and "." in text:
            mend = " (is the decimal mark a point? leave --decimal away)"
        return f'"{text}" is not a number{mend}'


def write(path: Path, rejects: Iterable[Reject], names: Sequence[str], keep: int) -> list[Reject]:
    """Writes line, field, problem and the columns that were read, so that a mended row can be imported from it.

    Returns:
        The first `keep` rejects.
    """
    first: list[Reject] = []
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "field", "problem", *names])
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
        yield Record(line, not fields)
        line = reader.line_num + 1


def _is_large(text: str) -> bool:
    try:
        return abs(float(text)) >= 10**12
    except ValueError:
        return False
