"""How Farview speaks to a person: tables with units, intervals, progress on long work."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def print_json(document: Mapping[str, Any] | Sequence[Any]) -> None:
    """One JSON document on standard output, so that `| jq` works."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1, caption: str = ""
) -> Group:
    """A titled table whose first `left` columns are text and the rest right-aligned figures.

    Cells are told as they are: names that people gave may hold what Rich reads as markup.
    """
    built = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, column in enumerate(columns):
        built.add_column(Text(column), justify="left" if position < left else "right", no_wrap=position < left)
    for row in rows:
        built.add_row(*map(Text, row))
    # Title and caption stand outside: Rich would wrap them to the table's width.
    return Group(Text(title, style="bold"), built, *([Text(caption, style="dim")] if caption else []))


def amount(value: float) -> str:
    """`41.20`, or `6,095` where hundredths say nothing."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"


def interval(mean: float, low: float, high: float, *, digits: int | None = None) -> str:
    """`41.20 (12.70 - 88.10)`; by default without hundredths where they say nothing."""
    if digits is None:
        digits = 0 if max(abs(mean), abs(high)) >= 100 else 2
    return f"{mean:,.{digits}f} ({low:,.{digits}f} - {high:,.{digits}f})"


def duration(seconds: float) -> str:
    """`2 min 13 s`, or `0.8 s` for what is quick."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@dataclass(slots=True)
class BarProgress:
    """A bar on standard error; fits the jobs' Progress protocol."""

    progress: Progress
    task: TaskID | None = None

    def start(self, what: str, total: int | None = None) -> None:
        """Begins a stage of `total` units, or of unknown length."""
        if self.task is not None:
            self.progress.remove_task(self.task)
        self.task = self.progress.add_task(what, total=total)

    def advance(self, units: int = 1) -> None:
        """Counts units of the stage as done."""
        if self.task is not None:
            self.progress.advance(self.task, units)

    def done(self) -> None:
        """Ends the stage."""
        if self.task is not None:
            self.progress.remove_task(self.task)
            self.task = None


@contextmanager
def progress() -> Iterator[BarProgress]:
    """Progress of a long job; silent where standard error is not a terminal."""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    ) as bar:
        yield BarProgress(bar)
