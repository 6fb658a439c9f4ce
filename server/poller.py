"""Notices newer runs and models in the background."""

import threading
from collections.abc import Callable, Sequence

from structlog.typing import FilteringBoundLogger


class Poller:
    """Refreshes what is served every few seconds until stopped.

    A failure is logged and tried again; what was served goes on, and the rest is refreshed all the same.
    """

    def __init__(self, refreshes: Sequence[Callable[[], object]], seconds: float, logger: FilteringBoundLogger) -> None:
        self._refreshes = refreshes
        self._seconds = seconds
        self._logger = logger
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
        for refresh in self._refreshes:
            try:
                refresh()
            except Exception:
                self._logger.exception("refresh failed; what was served goes on")
