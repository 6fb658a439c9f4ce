"""A claim while its job runs: a thread that keeps it alive, and the progress that stops the job when it must."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from structlog.typing import FilteringBoundLogger

from farview.core.errors import FarviewError
from farview.store.claims import Cancelled, Claim, ClaimLost, Sign

DEAD_AFTER = timedelta(seconds=60)
"""Without a sign of life for so long a worker is taken for dead. Clocks of workers may differ by half of it."""

_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_BETWEEN_BEATS = 10.0


class HandedBack(Exception):
    """The worker was asked to end; whoever claims the operation next goes on."""


class Watch:
    """Progress that ends the job with an exception when somebody cancels it, the worker must go, or the claim is lost.

    It does so at the beginning of a step and after a batch, never at the end of a step: a fit that is done is kept.
    """

    def __init__(self, claim: Claim, stop: threading.Event, logger: FilteringBoundLogger) -> None:
        self._claim = claim
        self._stop = stop
        self._logger = logger
        self._sign = Sign.HELD

    def start(self, step: str, total: int | None = None) -> None:
        """Begins a step."""
        self._raise_if_over()
        self._logger.info("step", step=step, total=total)

    def advance(self, units: int = 1) -> None:
        """Some units of the step are done."""
        del units  # the operation counts them
        self._raise_if_over()

    def done(self) -> None:
        """The step is done."""

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Gives signs of life and looks for a request to cancel, until the block ends."""
        ended = threading.Event()
        thread = threading.Thread(target=self._keep_alive, args=(ended,), name="farview-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _raise_if_over(self) -> None:
        if self._sign is Sign.LOST:
            raise ClaimLost(f"operations/{self._claim.operation_id} is another worker's now")
        if self._sign is Sign.CANCELLED:
            raise Cancelled
        if self._stop.is_set():
            raise HandedBack

    def _keep_alive(self, ended: threading.Event) -> None:
        beaten = time.monotonic()
        while not ended.wait(_SECONDS_BETWEEN_LOOKS):
            due = time.monotonic() - beaten >= _SECONDS_BETWEEN_BEATS
            try:
                self._sign = self._claim.beat() if due else self._claim.look()
            except FarviewError as error:  # busy or out of reach: the next look may succeed
                self._logger.warning("no sign of life given", error=str(error))
                continue
            if due:
                beaten = time.monotonic()
