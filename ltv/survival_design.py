"""What is known of contracts as columns of numbers for hazard regression."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core.errors import InvalidInput
from ltv.survival import FloatArray

MOST_CATEGORIES = 50
_DEPENDENT = 1e-6  # share of a column's length that is left beside the columns before it


@dataclass(frozen=True, slots=True)
class Column:
    """One number a contract."""

    source: str  # column of the table
    category: str | None  # 1 where the text is this; None: the number itself
    mean: float  # stands in for a number that is not known

    @property
    def name(self) -> str:
        """As people read it: `Contract = Two year`, `MonthlyCharges`."""
        return self.source if self.category is None else f"{self.source} = {self.category or '(blank)'}"


@dataclass(frozen=True, slots=True)
class Design:
    """How a table becomes a matrix."""

    columns: tuple[Column, ...]
    left_out: tuple[str, ...]  # names of columns that say nothing beside those before them

    def matrix(self, table: pa.Table) -> FloatArray:
        """Shape (rows, columns)."""
        parts = [_figures(table, column) for column in self.columns]
        return np.column_stack(parts) if parts else np.zeros((len(table), 0))


def learn_design(table: pa.Table, names: Sequence[str]) -> Design:
    """Numbers as they are, texts and truths as a column for each value but the most frequent one.

    Columns that never vary, or are sums of columns before them, are left out and named.

    Args:
        table: a row a contract.
        names: its columns to use.

    Raises:
        InvalidInput: there is no such column, it is neither number, text nor truth, or a text has more than
            MOST_CATEGORIES values (as an identifier has).
    """
    candidates = [column for name in names for column in _columns(table, name)]
    kept: list[Column] = []
    left_out: list[str] = []
    basis = [np.ones(len(table)) / np.sqrt(max(len(table), 1))]
    for column in candidates:
        figures = _figures(table, column)
        length = float(np.linalg.norm(figures - figures.mean()))
        rest = figures
        for _ in range(2):  # once more for what rounding leaves
            for direction in basis:
                rest = rest - direction * float(direction @ rest)
        if length == 0 or np.linalg.norm(rest) <= _DEPENDENT * length:
            left_out.append(column.name)
            continue
        basis.append(rest / np.linalg.norm(rest))
        kept.append(column)
    return Design(tuple(kept), tuple(left_out))


def _columns(table: pa.Table, name: str) -> list[Column]:
    if name not in table.column_names:
        raise InvalidInput.of(name, f"there is no such column (there are {', '.join(table.column_names)})")
    kind = table[name].type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        mean = pc.mean(table[name]).as_py()
        return [Column(name, None, float(mean or 0.0))]
    if not (pa.types.is_string(kind) or pa.types.is_boolean(kind)):
        raise InvalidInput.of(name, f"is {kind} (a covariate must be a number, a text or a truth)")
    counted = pc.value_counts(_text(table, name)).to_pylist()
    values = [entry["values"] for entry in sorted(counted, key=lambda entry: (-entry["counts"], entry["values"]))]
    if len(values) > MOST_CATEGORIES:
        raise InvalidInput.of(
            name,
            f"has {len(values):,} different texts, more than {MOST_CATEGORIES} (is it an identifier? leave it out)",
        )
    return [Column(name, value, 0.0) for value in sorted(values[1:])]


def _figures(table: pa.Table, column: Column) -> FloatArray:
    if column.category is None:
        known = pc.cast(table[column.source], pa.float64())
        figures: FloatArray = pc.fill_null(known, column.mean).to_numpy()
        return figures
    is_it: FloatArray = pc.equal(_text(table, column.source), column.category).to_numpy().astype(np.float64)
    return is_it


def _text(table: pa.Table, name: str) -> pa.ChunkedArray:
    return pc.fill_null(pc.cast(table[name], pa.string()), "")
