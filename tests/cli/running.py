"""The `farview` command run inside the test's own process, from its arguments to its exit code."""

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from cli import console
from cli.main import main

WIDTH = 100  # columns


@dataclass(frozen=True, slots=True)
class Done:
    """What a shell would see of the command."""

    returncode: int
    stdout: str
    stderr: str


def farview(*arguments: str, database: Path | None = None, width: int = WIDTH) -> Done:
    """Runs the command. A fresh interpreter would spend seconds on importing what this process has; the console
    script itself, and what a bare interpreter imports, are tested where the process is the claim."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FARVIEW_")}
    environment |= {"COLUMNS": str(width)}
    if database is not None:
        environment["FARVIEW_DATABASE_URL"] = f"sqlite:///{database}"
    stdout, stderr, code = io.StringIO(), io.StringIO(), 0
    with (
        patch.dict(os.environ, environment, clear=True),
        patch.object(sys, "argv", ["farview", *arguments]),
        patch.multiple(console.out, _width=width),
        patch.multiple(console.err, _width=width),
        redirect_stdout(stdout),
        redirect_stderr(stderr),
    ):
        try:
            main()
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else int(left.code is not None)
    return Done(code, stdout.getvalue(), stderr.getvalue())
