"""How a long job says where it is: to a person, to the operations table, or to nobody."""

from dataclasses import dataclass
from typing import Protocol


class Progress(Protocol):
    """One step at a time. `advance` may be called per batch."""

    def start(self, step: str, total: int | None = None) -> None:
        """Begins a step, of `total` units if that is known."""

    def advance(self, units: int = 1) -> None:
        """Some units of the step are done."""

    def done(self) -> None:
        """The step is done."""


class Silent:
    """Progress that nobody watches."""

    def start(self, step: str, total: int | None = None) -> None:
        """Says nothing."""

    def advance(self, units: int = 1) -> None:
        """Says nothing."""

    def done(self) -> None:
        """Says nothing."""


@dataclass(frozen=True, slots=True)
class Both:
    """Tells two watchers: the person at the terminal and the operations table."""

    first: Progress
    second: Progress

    def start(self, step: str, total: int | None = None) -> None:
        """Begins a step."""
        self.first.start(step, total)
        self.second.start(step, total)

    def advance(self, units: int = 1) -> None:
        """Some units of the step are done."""
        self.first.advance(units)
        self.second.advance(units)

    def done(self) -> None:
        """The step is done."""
        self.first.done()
        self.second.done()
