"""The serving process: from the command line's options to SIGTERM."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from importlib.abc import MetaPathFinder

from server.options import ServerOptions

_ONE_THREAD = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def serve(database_url: str, options: ServerOptions, announce: Callable[[int], None]) -> None:
    """Serves until SIGTERM or SIGINT, then drains: calls under way end, new ones are refused.

    Args:
        database_url: of a database that `farview init` made.
        announce: called once with the port, when the server is ready.

    Raises:
        FailedPrecondition: the database needs `farview init`, or the port is taken.
    """
    from farview.store.store import Store
    from server.logs import json_logger
    from server.port_lock import port_lock
    from server.wiring import start

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    logger = json_logger(sys.stderr)
    with port_lock(options.port):
        store = Store.open(database_url)
        try:
            server = start(store, options, logger)
            announce(server.port)
            stop.wait()
            logger.info("draining", seconds=options.drain_seconds)
            server.stop(options.drain_seconds)
            logger.info("stopped")
        finally:
            store.close()


def prepare_process() -> None:
    """Settles what has to be settled before numpy and Arrow are imported. For a process that only serves.

    One thread each for numba, OpenMP and BLAS: the RPC threads are the parallelism. No pandas: Arrow imports it
    wherever it is installed, which costs 0.6 s and 70 MB, and serving needs none of it.
    """
    for name in _ONE_THREAD:
        os.environ[name] = "1"
    sys.meta_path.insert(0, _NoPandas())


class _NoPandas(MetaPathFinder):
    """Makes `import pandas` fail as where it is not installed."""

    def find_spec(self, name: str, _path: object, _target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("serving goes without pandas", name=name)
