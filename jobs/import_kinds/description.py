"""How a kind of file is described: what it holds, how that is read, and what can be wrong. Plain data, no library.

The SQL in a description is DuckDB's. It may name `<column>_text`, a column as it stands in the file; `<column>`, one
that is read; and the macros and variables of jobs.import_query.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that can be wrong with a column."""

    fails: str  # SQL, true for a bad row
    sentence: str  # after the column's name; {text}: what stands in the file, {currency}: the reporting currency


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its cells are read by `read`, and rows that fail a check are rejected, the first check speaking."""

    name: str  # ours
    option: str  # names the file's column on the command line
    help: str
    read: str  # SQL
    checks: tuple[Check, ...]
    required: bool = True  # of the file; an optional column is read where the file has it
    decimal: bool = False  # whether its numbers have a decimal mark


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file."""

    name: str  # of its table, of `farview import NAME`, and of its schema in farview.store.batches
    about: str  # what a row is
    example: str
    columns: tuple[Column, ...]  # in the order in which a row's first problem is told
    following: str  # the command that is useful next
    attributes: bool = False  # whether the file's other columns are attributes
    once: str | None = None  # the column whose values may stand in a file once
    converted: tuple[str, str] | None = None  # the column of an amount, and where it is kept as it was sent
    changed: str = "corrected"  # what is said of known rows with other content

    @property
    def decimal(self) -> bool:
        """Whether a decimal mark can stand in such a file."""
        return self.attributes or any(column.decimal for column in self.columns)
