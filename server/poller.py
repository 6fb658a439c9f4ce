"""Notices newer runs and models in the background."""

import threading

from structlog.typing import FilteringBoundLogger

from server.metrics import Metrics
from server.snapshot import Served


class Poller:
    """Refreshes what is served every few seconds until stopped.

    A failure is logged and tried again; what was served goes on.
    """

    def __init__(self, served: Served, seconds: float, logger: FilteringBoundLogger, metrics: Metrics) -> None:
        self._served = served
        self._seconds = seconds
        self._logger = logger
        self._metrics = metrics
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="farview-poller", daemon=True)

    def start(self) -> None:
        """Looks once in the caller's thread, then begins to look by itself."""
        self._look()
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and waits for it."""
        self._stopped.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._stopped.wait(self._seconds):
            self._look()

    def _look(self) -> None:
        try:
            swapped = self._served.refresh()
        except Exception:
            self._logger.exception("refresh failed; what was served goes on")
            return
        if swapped:
            published = self._served.current().run.published_at
            self._metrics.run_published.set(published.timestamp() if published else 0)
