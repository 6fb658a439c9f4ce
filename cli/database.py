"""The database of one command: opened, and closed whatever happens."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from farview.store.store import Store


@contextmanager
def open_store(url: str) -> Iterator[Store]:
    """The store behind the URL.

    Raises:
        FailedPrecondition: it was not created by `farview init`, or by another version.
    """
    store = Store.open(url)
    try:
        yield store
    finally:
        store.close()


def who() -> str:
    """Who runs the command, for the audit log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
