"""A server process of the demo's own, and a client that asks it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.console import duration, out
from cli.demo.steps import heading
from cli.server_process import server_process
from farview.client import FarviewClient


@contextmanager
def served(database: str, log: Path) -> Iterator[FarviewClient]:
    """Starts a server on the database, says where it is, and stops it at the end."""
    started = time.perf_counter()
    with server_process(database, log) as (process_id, address), FarviewClient(address) as farview:
        heading("Serve")
        ready = duration(time.perf_counter() - started)
        out.print(f"Server process {process_id} answers on {address}, ready in {ready}. All that follows came from it.")
        yield farview
