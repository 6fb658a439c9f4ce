"""Which rows a job sees, and the record of with what it worked on them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from farview.core.clock import Cut
from farview.core.errors import Conflict, FailedPrecondition
from farview.store.store import Store

LIBRARIES = ("numpy", "scipy", "numba", "pyarrow", "duckdb", "ibis-framework", "pymc", "nutpie", "torch", "xgboost-cpu")
"""Those that can change a figure."""


def cut_of(store: Store, as_of: date | None, known_at: datetime | None) -> Cut:
    """The cut of a job: by default up to the day of the last event, with all that is known now.

    Raises:
        FailedPrecondition: there are no transactions.
    """
    last = as_of or store.last_event_day()
    if last is None:
        raise FailedPrecondition("there are no transactions; run `farview import transactions FILE` first")
    return Cut(last, known_at or datetime.now(UTC))


def touch_cut_of(store: Store, as_of: date | None, known_at: datetime | None) -> Cut:
    """The cut of a job on journeys: by default up to the day of the last touch or conversion, with all known now.

    Raises:
        FailedPrecondition: there are no touchpoints.
    """
    last = as_of or store.last_touch_day()
    if last is None:
        raise FailedPrecondition("there are no touchpoints; run `farview import touchpoints FILE` first")
    return Cut(last, known_at or datetime.now(UTC))


def impression_cut_of(store: Store, as_of: date | None, known_at: datetime | None) -> Cut:
    """The cut of a job on lists: by default up to the day of the last list, with all that is known now.

    Raises:
        FailedPrecondition: there are no lists.
    """
    last = as_of or store.last_impression_day()
    if last is None:
        raise FailedPrecondition("no lists are known; run `farview import impressions FILE` first")
    return Cut(last, known_at or datetime.now(UTC))


def require_unchanged(hash_of: Callable[[Cut], str], cut: Cut, snapshot_hash: str) -> None:
    """Raises Conflict when rows came into the cut after it was hashed.

    The rows of an import carry the time at which it began: one that was running when the job started can be committed
    between the job's hash and its read.
    """
    if hash_of(cut) != snapshot_hash:
        raise Conflict("a file was being imported while this job began; start it again")


def code_version() -> str:
    """The version of Farview that runs."""
    return _version("farview")


def library_versions() -> dict[str, str]:
    """Versions of the libraries that can change a figure."""
    return {name: _version(name) for name in LIBRARIES}


def configuration_hash(configuration: Mapping[str, Any]) -> str:
    """sha256 of the canonical JSON."""
    return hashlib.sha256(json.dumps(dict(configuration), sort_keys=True).encode()).hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
