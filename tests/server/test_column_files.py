"""Columns of a run in mapped files."""

import multiprocessing
import os
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from farview.core.schemas import GRID_BYTES
from server.column_files import ColumnFiles

BATCHES = [
    pa.RecordBatch.from_pydict(
        {
            "customer_id": ids,
            "p_alive": pa.array(alive, pa.float64()),
            "day": pa.array(days, pa.date32()),
            "grid": pa.array([np.full(33, float(len(one)), "<f2").tobytes() for one in ids], pa.binary(GRID_BYTES)),
        }
    )
    for ids, alive, days in (
        (["a", "bb"], [0.5, None], [date(2024, 2, 29), None]),
        (["ccc-ü"], [1.0], [date(1999, 12, 31)]),
    )
]
NAMES = BATCHES[0].schema.names


def held(found: dict[str, np.ndarray]) -> dict[str, Any]:
    return {
        name: np.nan_to_num(array, nan=-1).tolist() if array.dtype.kind == "f" else array.tolist()
        for name, array in found.items()
    }


EXPECTED = {
    "customer_id": ["a", "bb", "ccc-ü"],
    "p_alive": [0.5, -1.0, 1.0],
    "day": [date(2024, 2, 29), None, date(1999, 12, 31)],
    "grid": [[1.0] * 33, [2.0] * 33, [5.0] * 33],
}


@pytest.mark.parametrize("shared", [True, False])
def test_columns_are_what_was_written_and_cannot_be_changed(tmp_path: Path, *, shared: bool) -> None:
    found = ColumnFiles(tmp_path if shared else None, "run").write(NAMES, BATCHES)
    assert held(found) == EXPECTED
    assert not any(array.flags.writeable for array in found.values())


def test_a_run_of_nobody_has_empty_columns(tmp_path: Path) -> None:
    found = ColumnFiles(tmp_path, "run").write(NAMES, [])
    assert [len(array) for array in found.values()] == [0, 0, 0, 0]


def _read(folder: Path, answers: Any) -> None:
    mapped = {name: ColumnFiles(folder, "run").mapped(name) for name in NAMES}
    answers.put(held({name: array for name, array in mapped.items() if array is not None}))


def test_another_process_maps_the_same_columns(tmp_path: Path) -> None:
    ColumnFiles(tmp_path, "run").write(NAMES, BATCHES)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    reader = context.Process(target=_read, args=(tmp_path, answers))
    reader.start()
    assert answers.get(timeout=30) == EXPECTED
    reader.join()


def test_columns_of_its_own_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    files = ColumnFiles(None, "run")
    found = files.write(NAMES, BATCHES)
    assert list(tmp_path.iterdir()) == []
    assert files.mapped("day") is None
    assert held(found) == EXPECTED


def test_a_write_that_breaks_off_leaves_no_column(tmp_path: Path) -> None:
    def broken() -> Any:
        yield BATCHES[0]
        raise OSError("the database went away")

    files = ColumnFiles(tmp_path, "run")
    with pytest.raises(OSError, match="went away"):
        files.write(NAMES, broken())
    assert [files.mapped(name) for name in NAMES] == [None] * 4
    assert list((tmp_path / "run").iterdir()) == []


RUNS = [f"{number:032x}" for number in range(4)]  # the newest first


def used_one_after_another(folder: Path) -> ColumnFiles:
    for age, run in enumerate(RUNS):
        ColumnFiles(folder, run).write(NAMES[:1], [BATCHES[0].select([0])])
        os.utime(folder / run, (1e9 - age, 1e9 - age))
    return ColumnFiles(folder, RUNS[0])


def test_the_run_before_is_kept_and_older_ones_are_not(tmp_path: Path) -> None:
    used_one_after_another(tmp_path).forget_older()
    assert sorted(path.name for path in tmp_path.iterdir()) == RUNS[:2]


def test_what_else_lies_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photographs" / "1997").mkdir(parents=True)
    os.utime(tmp_path / "photographs", (1e8, 1e8))
    used_one_after_another(tmp_path).forget_older()
    assert (tmp_path / "photographs" / "1997").is_dir()
