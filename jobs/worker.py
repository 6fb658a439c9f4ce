"""A worker: does the operations that wait, one after the other.

A job that was begun and not ended is begun again by whoever claims its operation next. Jobs are idempotent: a run that
was published is found by its key, a model that was registered by its operation.
"""

import os
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import structlog
from structlog.typing import FilteringBoundLogger

from farview.core.errors import Conflict, FarviewError, Unavailable
from farview.store.claimed import ClaimedStore
from farview.store.claims import Cancelled, Claim, ClaimLost
from farview.store.store import Store
from jobs import queued
from jobs.claims import DEAD_AFTER, HandedBack, Watch


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How to work."""

    once: bool = False  # end when nothing waits any more
    poll_seconds: float = 2.0  # between looks for work
    dead_after: timedelta = DEAD_AFTER  # another worker's silence after which its operation is taken over


def work(store: Store, options: WorkerOptions, stop: threading.Event, logger: FilteringBoundLogger) -> Counter[str]:
    """Works until `stop` is set, or with `once` until nothing waits.

    Args:
        store: where operations wait.
        options: how.
        stop: set it to end: the job in hand goes back to the queue at its next step or batch.
        logger: gets a line for every operation and every step, with the operation's name.

    Returns:
        How the operations ended, by state; "waiting" is one handed back, "lost" one that is begun again.
    """
    worker = f"{socket.gethostname()}:{os.getpid()}"
    logger.info("worker started", worker=worker, once=options.once)
    ended: Counter[str] = Counter()
    while not stop.is_set():
        claim = _next(store, worker, options, logger)
        if claim is not None:
            name = f"operations/{claim.operation_id}"
            with structlog.contextvars.bound_contextvars(operation=name, job=claim.request.job):
                ended[_do(claim, stop, logger)] += 1
        elif options.once:
            break
        else:
            stop.wait(options.poll_seconds)
    logger.info("worker ended", worker=worker, **ended)
    return ended


def _next(store: Store, worker: str, options: WorkerOptions, logger: FilteringBoundLogger) -> Claim | None:
    try:
        return store.claim_operation(worker, dead_after=options.dead_after)
    except (Conflict, Unavailable) as error:
        if options.once:
            raise
        logger.warning("the queue cannot be read now", error=str(error))
        return None


def _do(claim: Claim, stop: threading.Event, logger: FilteringBoundLogger) -> str:
    """Does one job to its end, whichever; the state in which its operation is then."""
    began = time.monotonic()
    logger.info("claimed", attempt=claim.attempt, asked_by=claim.who)
    watch, store = Watch(claim, stop, logger), ClaimedStore(claim)
    try:
        with watch.alive():
            state = _attempt(claim, watch, store, logger)
    except (ClaimLost, Conflict, Unavailable) as error:  # how it ended cannot be written: it is begun again
        logger.warning("the claim cannot be ended", error=str(error))
        state = "lost"
    logger.info(state, seconds=round(time.monotonic() - began, 3), **_result(state, store))
    return state


def _attempt(claim: Claim, watch: Watch, store: ClaimedStore, logger: FilteringBoundLogger) -> str:
    try:
        request = queued.settled(store, claim)
        claim.settle(request)
        queued.run(store, request, who=claim.who, progress=watch)
    except (ClaimLost, Unavailable):  # a database out of reach is no fault of the job
        raise
    except Cancelled:
        if store.claimed.result:  # it is published or registered, and what was left undone can be done by a command
            claim.finish(store.claimed.result)
            return "done"
        claim.cancel()
        return "cancelled"
    except HandedBack:
        claim.hand_back()
        return "waiting"
    except FarviewError as error:
        logger.warning("the job refused", error=str(error))
        claim.fail(error)
        return "failed"
    except Exception as error:
        logger.exception("the job broke")
        claim.fail(error)
        return "failed"
    claim.finish(store.claimed.result)
    return "done"


def _result(state: str, store: ClaimedStore) -> dict[str, object]:
    return dict(store.claimed.result) if state == "done" else {}
