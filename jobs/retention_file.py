"""Cohorts of contracts from a table: how many were customers after each renewal."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from farview.core.errors import InvalidInput, Violation
from jobs.import_source import SourceFile
from jobs.table_file import text_columns
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
        path: CSV, TSV or Parquet, perhaps compressed, one row a cohort and period, in any order.
        columns: what it calls them.

    Raises:
        InvalidInput: no such file or column, a number that is none, a period twice or missing, or customers who
            become more; names the row or the cohort.
    """
    by_cohort: dict[str, dict[int, float]] = {}
    wrong: list[Violation] = []
    cohorts = [columns.cohort] if columns.cohort in SourceFile(path).header else []
    table = text_columns(path, [columns.period, columns.customers, *cohorts])
    for number, row in enumerate(table.to_pylist(), start=1):
        name = row.get(columns.cohort) or ALL
        try:
            period, count = _whole(row, columns.period), _whole(row, columns.customers)
        except ValueError as error:
            wrong.append(Violation(f"{path.name}, row {number}", str(error)))
            continue
        if period in by_cohort.setdefault(name, {}):
            wrong.append(Violation(f"{path.name}, row {number}", f"period {period} of cohort {name!r} a second time"))
        by_cohort[name][period] = float(count)
    if wrong:
        raise InvalidInput(*wrong[:MAX_VIOLATIONS])
    if not by_cohort:
        raise InvalidInput.of(path.name, "holds no row")
    return {name: _renewals(path, name, counts) for name, counts in by_cohort.items()}


def _whole(row: Mapping[str, str], column: str) -> int:
    text = row[column]
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
