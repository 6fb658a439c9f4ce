"""A server of one's own: `farview serve` as a real process on a free port, stopped whatever happens."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from farview.core.errors import FailedPrecondition

STOP_SECONDS = 15


@contextmanager
def server_process(database: str, log: Path) -> Iterator[tuple[int, str]]:
    """Starts a server on the database and yields (process id, address); its JSON log goes to `log`.

    Raises:
        FailedPrecondition: the server ended before it listened.
    """
    command = [sys.executable, "-c", "from cli.main import main; main()", "serve", "--port", "0", "--json"]
    with log.open("w") as lines:
        process = subprocess.Popen(
            [*command, "--database", database],
            stdout=subprocess.PIPE,
            stderr=lines,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        assert process.stdout is not None
        announced = process.stdout.readline()
        if not announced:
            last = (log.read_text().splitlines() or ["no log"])[-1]
            raise FailedPrecondition(f"the server did not start: {last}")
        where = json.loads(announced)
        yield process.pid, f"{where['host']}:{where['port']}"
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
