"""Compiled kernels are kept for one state of the sources."""

import os
import time
from pathlib import Path

import pytest

from cli import compiled


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with one kernel, and no place chosen by the user."""
    monkeypatch.setattr(compiled, "ROOT", tmp_path)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    (tmp_path / "ltv").mkdir()
    (tmp_path / "ltv" / "kernel.py").write_text("@numba.njit\ndef f(): return 1\n")
    return tmp_path


def place(folder: Path) -> Path:
    compiled.keep_compiled(folder)
    return Path(os.environ["NUMBA_CACHE_DIR"])


def test_a_change_of_any_kernel_moves_all(sources: Path, tmp_path: Path) -> None:
    before = place(tmp_path / "kept")
    (sources / "ltv" / "other.py").write_text("@numba.njit\ndef g(): return f()\n")
    assert place(tmp_path / "kept") != before


def test_a_change_outside_the_kernels_moves_nothing(sources: Path, tmp_path: Path) -> None:
    before = place(tmp_path / "kept")
    (sources / "ltv" / "plain.py").write_text("def h(): return 2\n")
    assert place(tmp_path / "kept") == before


def test_the_place_that_the_user_chose_is_kept_and_never_nested(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "mine"))
    compiled.keep_compiled()
    once = os.environ["NUMBA_CACHE_DIR"]
    compiled.keep_compiled()
    assert Path(once).parent == tmp_path / "mine"
    assert os.environ["NUMBA_CACHE_DIR"] == once


def test_a_place_that_cannot_be_made_is_left_to_numba(sources: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    compiled.keep_compiled(tmp_path / "file")
    assert "NUMBA_CACHE_DIR" not in os.environ


def test_states_long_unused_are_forgotten_and_nothing_else(sources: Path, tmp_path: Path) -> None:
    names = ("farview-0123456789abcdef", "farview-fedcba9876543210", "deadbeefdeadbeef")
    old, new, other = (tmp_path / "kept" / name for name in names)
    for folder in (old, new, other):
        folder.mkdir(parents=True)
        (folder / "kernel.nbc").write_bytes(b"compiled")
    long_ago = time.time() - 40 * 86_400
    for folder in (old, other):
        os.utime(folder, (long_ago, long_ago))
    used = place(tmp_path / "kept")
    assert sorted((tmp_path / "kept").iterdir()) == sorted([new, other, used])
