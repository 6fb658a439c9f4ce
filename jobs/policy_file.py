"""Files of logged decisions: what was done, with which probability, what came of it, and what was known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray, IntArray
from jobs.table_file import guessed_columns

ACTION, PROPENSITY, REWARD = "action", "propensity", "reward"
NOT_CONTEXT = (ACTION, PROPENSITY, REWARD, "time", "position")
MOST_LEVELS = 20  # of a text column; rarer ones are alike
_SUM_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class DecisionColumns:
    """What a file calls them."""

    action: str = ACTION
    propensity: str | None = PROPENSITY  # None: nobody logged it
    reward: str = REWARD
    context: Sequence[str] | None = None  # None: every column that is none of NOT_CONTEXT


@dataclass(frozen=True, slots=True)
class Decisions:
    """A log, a row a decision."""

    names: tuple[str, ...]  # of the actions, in order of text
    actions: IntArray  # (rows,) their places among the names
    propensities: FloatArray  # (rows,) of what was done; where nobody logged them, how often that was done
    rewards: FloatArray  # (rows,)
    context: FloatArray  # (rows, features): numbers, and texts as one column a level
    context_columns: tuple[str, ...]  # of the file


def read_decisions(path: Path, called: DecisionColumns = DecisionColumns()) -> Decisions:
    """The decisions of a CSV, TSV or Parquet file, perhaps compressed.

    Raises:
        InvalidInput: it cannot be read, lacks a column, or a row cannot be; with the row's line.
    """
    table = guessed_columns(path)
    logged = () if called.propensity is None else (called.propensity,)
    for name in (called.action, *logged, called.reward, *(called.context or ())):
        if name not in table.column_names:
            raise InvalidInput.of(str(path), f"has no column {name!r}; it has {', '.join(table.column_names)}")
    if table.num_rows < 2:
        raise InvalidInput.of(str(path), f"has {table.num_rows} decisions; at least 2")
    texts = table.column(called.action).cast(pa.string())
    _require(path, called.action, pc.fill_null(pc.not_equal(texts, ""), False).to_numpy(), "names no action")
    rewards = _numbers(path, table, called.reward)
    _require(path, called.reward, np.isfinite(rewards), "is not a number")
    names, actions, counts = np.unique(np.array(texts.to_pylist()), return_inverse=True, return_counts=True)
    propensities = (counts / table.num_rows)[actions]
    for name in logged:
        propensities = _numbers(path, table, name)
        known = (propensities > 0) & (propensities <= 1)
        _require(path, name, known, "is not a probability above 0 and at most 1")
    taken = {*NOT_CONTEXT, called.action, called.reward, *logged}
    columns = tuple(name for name in table.column_names if name not in taken)
    columns = columns if called.context is None else tuple(called.context)
    parts = [_features(table.column(name)) for name in columns]
    context = np.column_stack(parts) if parts else np.empty((table.num_rows, 0))
    return Decisions(tuple(names.tolist()), actions.astype(np.int64), propensities, rewards, context, columns)


def read_numbers(path: Path, name: str) -> FloatArray:
    """A column of numbers; unknown ones as the mean of the others.

    Raises:
        InvalidInput: the file cannot be read, has no such column, or it does not hold numbers.
    """
    table = guessed_columns(path)
    if name not in table.column_names:
        raise InvalidInput.of(str(path), f"has no column {name!r}; it has {', '.join(table.column_names)}")
    values = _numbers(path, table, name)
    known = np.isfinite(values)
    return np.where(known, values, values[known].mean() if known.any() else 0.0)


def target_policy(text: str, decisions: Decisions) -> FloatArray:
    """(rows, actions) what a policy would do: `uniform`, `always:ACTION`, or a file with a column an action.

    Raises:
        InvalidInput: on --target.
    """
    shape = len(decisions.actions), len(decisions.names)
    if text == "uniform":
        return np.full(shape, 1.0 / shape[1])
    if text.startswith("always:"):
        chosen = text.removeprefix("always:")
        if chosen not in decisions.names:
            known = ", ".join(decisions.names)
            raise InvalidInput.of("--target", f"{chosen!r} is never done in the log; its actions are {known}")
        target = np.zeros(shape)
        target[:, decisions.names.index(chosen)] = 1.0
        return target
    return _from_file(Path(text), decisions)


def _from_file(path: Path, decisions: Decisions) -> FloatArray:
    if not path.is_file():
        raise InvalidInput.of("--target", f"{path} is no file (write uniform, always:ACTION, or a file's name)")
    table = guessed_columns(path)
    if table.num_rows != len(decisions.actions):
        raise InvalidInput.of(
            str(path), f"has {table.num_rows:,} rows for {len(decisions.actions):,} decisions; a row for each, in order"
        )
    unknown = [name for name in table.column_names if name not in decisions.names]
    if unknown:
        raise InvalidInput.of(
            str(path), f"has a column {unknown[0]!r}, an action that is never done; known: {', '.join(decisions.names)}"
        )
    target = np.zeros((table.num_rows, len(decisions.names)))
    for name in table.column_names:
        target[:, decisions.names.index(name)] = _numbers(path, table, name)
    right = (target >= 0).all(axis=1) & (np.abs(target.sum(axis=1) - 1) <= _SUM_ROUNDING)
    _require(path, "row", right, "is not of probabilities that sum to 1")
    return target


def _numbers(path: Path, table: pa.Table, name: str) -> FloatArray:
    column = table.column(name)
    try:
        return np.asarray(pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy())
    except pa.ArrowInvalid as error:
        raise InvalidInput.of(str(path), f"column {name!r} does not hold numbers: {error}") from None


def _require(path: Path, what: str, right: NDArray[np.bool_], problem: str) -> None:
    wrong = np.flatnonzero(~np.asarray(right, dtype=np.bool_))
    if len(wrong):
        raise InvalidInput.of(f"{path}, line {wrong[0] + 2}", f"{what} {problem} ({len(wrong):,} such rows)")


def _features(column: pa.ChunkedArray) -> FloatArray:
    """(rows, features): a number and whether it is missing, or one column for each frequent text."""
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type):
        values = np.asarray(pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy())
        missing = ~np.isfinite(values)
        filled = np.where(missing, values[~missing].mean() if (~missing).any() else 0.0, values)
        return np.column_stack([filled, missing]) if missing.any() else filled[:, None]
    texts: Sequence[str] = ["" if text is None else text for text in column.cast(pa.string()).to_pylist()]
    levels, codes, counts = np.unique(np.array(texts), return_inverse=True, return_counts=True)
    frequent = np.argsort(-counts, kind="stable")[: min(MOST_LEVELS, len(levels) - 1)]
    return np.asarray(codes[:, None] == frequent[None, :], dtype=np.float64)
