"""Rules of a plan about time: caps in rolling windows, gaps, quiet hours."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class WindowCap:
    """At most so many touches in any stretch of time, those that happened included. One in a stretch is a gap."""

    most: int
    hours: float  # two touches just that far apart do not share a stretch
    channel: str | None = None  # None: of all channels together

    @property
    def words(self) -> str:
        """The rule as a person reads it."""
        what = "touches" if self.channel is None else self.channel
        return f"at most {self.most} {what} in any {self.hours:g} hours"

    def as_data(self) -> dict[str, Any]:
        """JSON data that `WindowCap(**data)` turns back."""
        return {"most": self.most, "hours": self.hours, "channel": self.channel}


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours of the customer's day in which nothing is sent, perhaps over midnight; touches wait for their end."""

    since: time
    until: time  # not in them

    def hold(self, local: time) -> bool:
        """Whether they hold at a time of the customer's day."""
        if self.since < self.until:
            return self.since <= local < self.until
        return local >= self.since or local < self.until

    def as_data(self) -> dict[str, str]:
        """JSON data that `from_data` turns back."""
        return {"since": self.since.isoformat(), "until": self.until.isoformat()}

    @classmethod
    def from_data(cls, data: Mapping[str, str]) -> Self:
        """The inverse of `as_data`."""
        return cls(time.fromisoformat(data["since"]), time.fromisoformat(data["until"]))
