"""Where compiled kernels are kept between processes: under a digest of every source that holds one."""

import hashlib
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("farview", "ltv", "journeys", "ranking", "server")
PREFIX, DIGITS = "farview-", 16  # of a state's name
UNUSED_DAYS = 30


def keep_compiled(folder: Path | None = None) -> None:
    """Points numba, here and in processes started from here, at the kernels of this state of the sources.

    numba compares a cached function with its own file only: after an upgrade it would go on with what other files held
    when they were compiled in, or fail on a type that is gone. To be called before anything imports numba.

    States with which no process has started for UNUSED_DAYS are removed.

    Args:
        folder: where states are kept; by default NUMBA_CACHE_DIR, or else the user's cache folder. One that cannot be
            written is left to numba, which then looks for a place itself.
    """
    state = _state()
    base = folder or Path(os.environ.get("NUMBA_CACHE_DIR") or user_cache_path("farview") / "compiled")
    kept = base if base.name == state else base / state
    try:
        kept.mkdir(parents=True, exist_ok=True)
        os.utime(kept)
    except OSError:
        return
    os.environ["NUMBA_CACHE_DIR"] = str(kept)
    _forget_unused(kept.parent)


def _forget_unused(base: Path) -> None:
    """Removes states that no process has started with for long: some 13 MB each, made anew where they are missed."""
    for state in base.glob(PREFIX + "[0-9a-f]" * DIGITS):
        with suppress(OSError):  # another process was faster, or it is not ours to remove
            if time.time() - state.stat().st_mtime > UNUSED_DAYS * 86_400:
                shutil.rmtree(state, ignore_errors=True)


def _state() -> str:
    sources = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    texts = [path.read_bytes() for path in sources]
    digest = hashlib.sha256(b"\0".join(text for text in texts if b"njit" in text)).hexdigest()
    return PREFIX + digest[:DIGITS]
