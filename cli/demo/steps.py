"""Headings and times of what the demo does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.rule import Rule

from cli.console import duration, out


@contextmanager
def step(name: str) -> Iterator[None]:
    """A heading before and the time after a step."""
    heading(name)
    started = time.perf_counter()
    yield
    out.print(f"[dim]{duration(time.perf_counter() - started)}[/dim]")


def heading(name: str) -> None:
    """A line with a name on it."""
    out.print(Rule(name, align="left", style="dim"))
