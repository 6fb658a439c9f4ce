"""Rolling origins inside the calibration window: pasts to fit on and futures, already known, to be judged by."""

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Origin:
    """Fit on days up to and including `as_of`; the target is (as_of, target_end]."""

    as_of: date
    target_end: date

    @property
    def target_days(self) -> int:
        """Length of the target window in days."""
        return (self.target_end - self.as_of).days


def rolling_origins(first_day: date, last_day: date, horizon_days: int) -> tuple[Origin, ...]:
    """Up to three origins, oldest first, whose targets end by `last_day`.

    The target is as long as the horizon, but at most a third of the window; origins step by half a target, the last
    target ends on `last_day`. So at least a third of the window lies before the oldest origin. Windows shorter than
    three days have no origin.

    Args:
        first_day: first day that there is something to learn from.
        last_day: last day that may be seen (calibration end).
        horizon_days: what the forecast is for, at least 1.
    """
    span = (last_day - first_day).days
    target = min(horizon_days, span // 3)
    if target < 1:
        return ()
    step = max(target // 2, 1)
    ends = [last_day - timedelta(days=k * step) for k in (2, 1, 0)]
    origins = (Origin(end - timedelta(days=target), end) for end in ends)
    return tuple(origin for origin in origins if origin.as_of > first_day)


def origins_apart(first_day: date, last_day: date, horizon_days: int, most: int) -> tuple[Origin, ...]:
    """Origins like `rolling_origins`, but whose targets follow one another without overlap, oldest first.

    Args:
        first_day: first day that there is something to learn from; a third of the window lies before the oldest origin.
        last_day: on which the last target ends.
        horizon_days: what the forecast is for, at least 1.
        most: how many at most.
    """
    span = (last_day - first_day).days
    target = min(horizon_days, span // 3)
    if target < 1:
        return ()
    count = min((span - span // 3) // target, most)
    ends = [last_day - timedelta(days=k * target) for k in reversed(range(count))]
    return tuple(Origin(end - timedelta(days=target), end) for end in ends)


def longest_target_days(origins: tuple[Origin, ...]) -> int:
    """0 without origins. A horizon beyond it is an extrapolation, which the output must name."""
    return max((origin.target_days for origin in origins), default=0)
