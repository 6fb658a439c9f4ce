"""Cohorts of contracts from a table: how many were customers after each renewal."""

import csv
import gzip
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from farview.core.errors import InvalidInput, Violation
from ltv.renewals import Renewals

ALL = "all"
MAX_VIOLATIONS = 20


@dataclass(frozen=True, slots=True)
class RetentionColumns:
    """What the file calls its columns."""

    period: str = "period"  # renewals made: 0, 1, 2, ...
    customers: str = "customers"  # still customers after them
    cohort: str = "cohort"  # may be absent: then all rows are of one cohort


def read_cohorts(path: Path, columns: RetentionColumns) -> Mapping[str, Renewals]:
    """Renewals by cohort, cohorts in the order of the file.

    Args:
        path: CSV, perhaps compressed by gzip, one row a cohort and period, in any order.
        columns: names in the file's first line.

    Raises:
        InvalidInput: no such file or column, a number that is none, a period twice or missing, or customers who
            become more; names the line or the cohort.
    """
    by_cohort: dict[str, dict[int, float]] = {}
    wrong: list[Violation] = []
    for line, row in _rows(path, columns):
        name = row.get(columns.cohort) or ALL
        try:
            period, count = _whole(row, columns.period), _whole(row, columns.customers)
        except ValueError as error:
            wrong.append(Violation(f"{path.name}, line {line}", str(error)))
            continue
        if period in by_cohort.setdefault(name, {}):
            wrong.append(Violation(f"{path.name}, line {line}", f"period {period} of cohort {name!r} a second time"))
        by_cohort[name][period] = float(count)
    if wrong:
        raise InvalidInput(*wrong[:MAX_VIOLATIONS])
    if not by_cohort:
        raise InvalidInput.of(path.name, "holds no row")
    return {name: _renewals(path, name, counts) for name, counts in by_cohort.items()}


def _rows(path: Path, columns: RetentionColumns) -> list[tuple[int, dict[str, str]]]:
    """Rows by the number of their line."""
    if not path.is_file():
        raise InvalidInput.of("FILE", f"no such file: {path}")
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError):
        raise InvalidInput.of("FILE", f"{path.name} is not a CSV file in UTF-8, nor one compressed by gzip") from None
    reader = csv.DictReader(io.StringIO(text))
    names = reader.fieldnames or []
    for option, name in (("--period-column", columns.period), ("--customers-column", columns.customers)):
        if name not in names:
            raise InvalidInput.of(option, f"no column {name!r} in {path.name} (it has {', '.join(names) or 'none'})")
    return [(reader.line_num, row) for row in reader]


def _whole(row: Mapping[str, str], column: str) -> int:
    text = (row[column] or "").strip()
    if not text.isdecimal():
        raise ValueError(f"{column} {text!r} is not a whole number")
    return int(text)


def _renewals(path: Path, name: str, counts: Mapping[int, float]) -> Renewals:
    periods = sorted(counts)
    if periods != list(range(len(periods))):
        missing = next(period for period in range(len(periods)) if period not in counts)
        raise InvalidInput.of(path.name, f"cohort {name!r} lacks period {missing} (0 is the start, then every renewal)")
    try:
        return Renewals.of_active(np.array([counts[period] for period in periods]))
    except InvalidInput as error:
        problem = "; ".join(violation.problem for violation in error.violations)
        raise InvalidInput.of(path.name, f"cohort {name!r}: {problem}") from None
