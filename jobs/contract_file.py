"""A file of contracts: how long each one was seen, whether it ended, and what is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray
from farview.evaluation.spells import BoolArray
from jobs.table_file import text_columns

_TRUTHS = {"yes": True, "y": True, "true": True, "1": True, "no": False, "n": False, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class ContractColumns:
    """What the file calls its columns."""

    duration: str  # age at which a contract ended or was seen for the last time
    event: str  # whether it ended then
    event_value: str | None = None  # text of `event` that means it did; None: yes/no, true/false or 1/0
    entry: str | None = None  # age from which it was watched; None: not known
    group: str | None = None  # to show survival by
    covariates: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Contracts:
    """The good rows, in the order of the file."""

    duration: FloatArray  # shape (contracts,), above 0
    ended: BoolArray
    entry: FloatArray | None
    group: Sequence[str] | None
    covariates: pa.Table  # a row each; numbers where all but blanks are numbers, else texts; blanks are null
    never_watched: int  # rows left out because their duration is 0, or not above their entry
    rejected_rows: int
    first_reject: str | None  # where and why


def read_contracts(path: Path, columns: ContractColumns) -> Contracts:
    """All good rows of a file.

    Args:
        path: CSV, TSV or Parquet, perhaps compressed.
        columns: what it calls them.

    Raises:
        InvalidInput: no such file, not a table, a column is missing or its values are not understood, no row is good.
    """
    table = _texts(path, columns)
    duration = _number(table[columns.duration])
    entry = _number(table[columns.entry]) if columns.entry else np.zeros(len(table))
    ended = _ended(table[columns.event], columns)
    problems = [
        (columns.duration, np.isnan(duration) | (duration < 0), "is not a number of at least 0"),
        (columns.entry or "", np.isnan(entry) | (entry < 0), "is not a number of at least 0"),
        (columns.event, ended < 0, f"is none of {_expected(columns)}"),
    ]
    bad, first = np.zeros(len(table), np.bool_), None
    for name, wrong, why in problems:
        if wrong.any() and first is None:
            row = int(np.argmax(wrong))
            first = f"{path.name}, row {row + 1:,}: {name} {table[name][row].as_py()!r} {why}"
        bad |= wrong
    watched = duration > entry
    good = ~bad & watched
    if not good.any():
        raise InvalidInput.of(str(path), f"no row is good ({first or 'no contract was watched for any time'})")
    kept = table.filter(pa.array(good))
    names = list(dict.fromkeys(columns.covariates))
    return Contracts(
        duration=duration[good],
        ended=ended[good] > 0,
        entry=entry[good] if columns.entry else None,
        group=[text or "(blank)" for text in kept[columns.group].to_pylist()] if columns.group else None,
        covariates=pa.table({name: _typed(kept[name]) for name in names}),
        never_watched=int((~bad & ~watched).sum()),
        rejected_rows=int(bad.sum()),
        first_reject=first,
    )


def _texts(path: Path, columns: ContractColumns) -> pa.Table:
    """The columns asked for, as trimmed texts."""
    named = [columns.duration, columns.event, columns.entry, columns.group, *columns.covariates]
    return text_columns(path, [name for name in named if name is not None])


def _number(texts: pa.ChunkedArray) -> FloatArray:
    """NaN where the text is none."""
    is_number = pc.match_substring_regex(texts, r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")
    figures: FloatArray = pc.cast(pc.if_else(is_number, texts, None), pa.float64()).to_numpy()
    return figures


def _ended(texts: pa.ChunkedArray, columns: ContractColumns) -> FloatArray:
    """1 where it ended, 0 where not, -1 where the text says neither."""
    found = texts.to_pylist()
    if columns.event_value is None:
        truths = [_TRUTHS.get(text.lower()) for text in found]
        if not any(truth is not None for truth in truths):
            raise InvalidInput.of(
                "--event-value",
                f"{columns.event} is neither yes/no, true/false nor 1/0 (say which of its values means that a contract "
                f"ended: {', '.join(sorted(set(found))[:5])})",
            )
        return np.array([-1.0 if truth is None else float(truth) for truth in truths])
    if columns.event_value not in found:
        raise InvalidInput.of(
            "--event-value",
            f"{columns.event} is never {columns.event_value!r} (it is {', '.join(sorted(set(found))[:5])})",
        )
    return np.array([-1.0 if not text else float(text == columns.event_value) for text in found])


def _expected(columns: ContractColumns) -> str:
    return (
        "yes, no, true, false, 1 and 0" if columns.event_value is None else f"{columns.event_value!r} and other texts"
    )


def _typed(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers where all that is not blank is a number; blanks are null."""
    blank = pc.equal(texts, "")
    figures = _number(texts)
    if (np.isnan(figures) & ~blank.to_numpy(zero_copy_only=False)).any() or np.isnan(figures).all():
        return pc.if_else(blank, None, texts)
    return pa.chunked_array([pa.array(figures, from_pandas=True)])
