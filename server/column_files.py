"""Columns of a published run in files that are mapped into memory.

The pages belong to the operating system: the process does not grow by them, they are read from the disk when they are
needed, and processes that share a folder share them. A published run never changes, so neither does a file.
"""

import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from farview.core import quantile_grid

_KEPT_RUNS = 2  # of a shared folder: what is served, and what another process may still serve
_KEY = re.compile(r"[0-9a-f]{32}")


class ColumnFiles:
    """The files of one run.

    In a shared folder they stay, for whoever comes next; without one they have no name once they are mapped, and go
    with the process, however it ends.
    """

    def __init__(self, shared: Path | None, key: str) -> None:
        """`key`: 32 hexadecimal digits that name the run among all of all databases whose servers share the folder."""
        self._folder = None if shared is None else shared / key

    def mapped(self, name: str) -> NDArray[Any] | None:
        """A column that some process has written before; None: nobody has."""
        if self._folder is None:
            return None
        path = self._folder / f"{name}.npy"
        return _mapped(path) if path.exists() else None

    def write(self, names: Sequence[str], batches: Iterable[pa.RecordBatch]) -> dict[str, NDArray[Any]]:
        """Writes columns and maps them.

        Args:
            names: of the files, one for each column of the batches.
            batches: the columns in pieces, in order. Texts become fixed-width numpy strings, quantile grids
                their codes, (customers, 33), null numbers NaN and null dates NaT.

        Returns:
            By name, each shape (customers,), not writeable.
        """
        if self._folder is None:
            with tempfile.TemporaryDirectory(prefix="farview-") as folder:
                return _written(Path(folder), names, batches)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=self._folder) as folder:
            found = _written(Path(folder), names, batches)
            for name in names:
                (Path(folder) / f"{name}.npy").replace(self._folder / f"{name}.npy")
        return found

    def forget_older(self) -> None:
        """Removes from a shared folder all runs but this one and the one used before it; what is no run's stays."""
        if self._folder is None:
            return
        others = [path for path in self._folder.parent.iterdir() if _KEY.fullmatch(path.name) and path != self._folder]
        others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in others[_KEPT_RUNS - 1 :]:
            shutil.rmtree(path, ignore_errors=True)


def _written(folder: Path, names: Sequence[str], batches: Iterable[pa.RecordBatch]) -> dict[str, NDArray[Any]]:
    paths = [folder / f"{name}.npy" for name in names]
    columns = [_Column(path.open("wb")) for path in paths]
    try:
        for batch in batches:
            for column, values in zip(columns, batch.columns, strict=True):
                column.append(values)
    finally:
        for column in columns:
            column.close()
    return {name: _mapped(path) for name, path in zip(names, paths, strict=True)}


class _Column:
    """A file of numpy's format that grows; how long it came to be is written last, where it begins."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._rows = 0
        self._like: NDArray[Any] | None = None
        self._texts: list[NDArray[np.str_]] = []  # their width is known at the end only

    def append(self, column: pa.Array) -> None:
        values = _values(column)
        if values.dtype.kind == "U":
            self._texts.append(values)
        else:
            self._write(values)

    def close(self) -> None:
        if self._texts:
            self._write(np.concatenate(self._texts))
        if self._like is None:
            self._write(np.empty(0))
        self._file.seek(0)
        self._head()
        self._file.close()

    def _write(self, values: NDArray[Any]) -> None:
        if self._like is None:
            self._like = values[:0]
            self._head()
        self._rows += len(values)
        self._file.write(np.ascontiguousarray(values).tobytes())

    def _head(self) -> None:
        """Of the same length whatever the rows: numpy leaves room for them to grow."""
        assert self._like is not None
        described = np.lib.format.header_data_from_array_1_0(self._like)
        described["shape"] = (self._rows, *self._like.shape[1:])
        np.lib.format.write_array_header_1_0(self._file, described)


def _values(column: pa.Array) -> NDArray[Any]:
    if pa.types.is_fixed_size_binary(column.type):
        return quantile_grid.codes(column)
    values = column.to_numpy(zero_copy_only=False)
    return values.astype(np.str_) if values.dtype == object else values


def _mapped(path: Path) -> NDArray[Any]:
    """A plain array over the map, which lives as long as the array does."""
    whole = np.load(path, mmap_mode="r" if _rows(path) else None, allow_pickle=False)
    array: NDArray[Any] = np.asarray(whole)
    array.flags.writeable = False
    return array


def _rows(path: Path) -> int:
    """Nothing cannot be mapped."""
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        return int(np.lib.format.read_array_header_1_0(file)[0][0])
