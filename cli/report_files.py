"""Reports as files: refused before the work when they could not be written after it."""

import json
from pathlib import Path
from typing import Any

from farview.core.errors import InvalidInput


def check_writable(option: str, path: Path | None) -> None:
    """Looks before the work, not after it; None is nothing to write.

    Raises:
        InvalidInput: the path is a folder, or lies in none.
    """
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise InvalidInput.of(option, f"{path} cannot be written (its folder must exist)")


def check_folder(option: str, folder: Path | None) -> None:
    """The same for a folder, which is made where there is none.

    Raises:
        InvalidInput: it is a file, or the folder above it does not exist.
    """
    if folder is not None and (folder.is_file() or not folder.absolute().parent.is_dir()):
        raise InvalidInput.of(option, f"{folder} cannot be made a folder (the one above it must exist)")


def json_path(json_out: str | None) -> Path | None:
    """The file that --json names, which is none where it says `-` or nothing.

    Raises:
        InvalidInput: it cannot be written.
    """
    path = None if json_out in (None, "-") else Path(json_out)
    check_writable("--json", path)
    return path


def write_json(path: Path, report: dict[str, Any]) -> None:
    """One JSON document, readable by eye. NaN is refused: undefined figures are null."""
    path.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
