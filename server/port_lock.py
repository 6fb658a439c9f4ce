"""One server a port. Without the lock a second one could share the port, and callers would meet either."""

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from farview.core.errors import FailedPrecondition


@contextmanager
def port_lock(port: int) -> Iterator[None]:
    """Holds the lock of a port; port 0 needs none. The system frees it when the process ends, however it ends.

    Raises:
        FailedPrecondition: another process serves this port.
    """
    if port == 0:
        yield
        return
    path = Path(tempfile.gettempdir()) / f"farview-serve-{port}.lock"
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise taken(port) from None
        yield


def taken(port: int) -> FailedPrecondition:
    """The error when a port is in use."""
    return FailedPrecondition(f"port {port} is taken (stop the process that serves it, or choose another with --port)")
