"""Business time: UTC is stored; days are the business zone's."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from farview.core.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Cut:
    """What a job may see: events up to the end of `as_of` (business zone) that were ingested by `known_at` (UTC)."""

    as_of: date
    known_at: datetime

    def before(self, zone: ZoneInfo) -> datetime:
        """First UTC instant after the as-of day: events strictly before it are seen."""
        return datetime.combine(self.as_of + timedelta(days=1), time(), zone).astimezone(UTC)


def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name.

    Raises:
        InvalidInput: the name is not an IANA time zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInput.of("time_zone", f"{name!r} is not an IANA time zone (for example Europe/Berlin)") from None
