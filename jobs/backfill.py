"""Forecasts as they would have been on past days, a run a day; what is served does not move."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from farview.core.errors import FailedPrecondition, InvalidInput
from farview.store.store import Store
from farview.store.values import ForecastRun
from jobs.progress import Progress
from jobs.score import HORIZONS_DAYS, score_ltv


@dataclass(frozen=True, slots=True)
class Days:
    """The as-of days of a backfill: `first`, and every so many days after it up to `last`."""

    first: date
    last: date
    every: int = 1

    def __post_init__(self) -> None:
        """Raises InvalidInput when they are none."""
        if self.last < self.first:
            raise InvalidInput.of("from", f"{self.first} is after {self.last}, the last day (exchange them)")
        if self.every < 1:
            raise InvalidInput.of("every", f"{self.every} is not a number of days from 1")

    def all(self) -> list[date]:
        """The days, earliest first."""
        count = (self.last - self.first).days // self.every + 1
        return [self.first + timedelta(days=self.every * step) for step in range(count)]


def backfill_ltv(
    store: Store,
    days: Days,
    *,
    known_at: datetime | None = None,
    horizons_days: Sequence[int] = HORIZONS_DAYS,
    seed: int = 0,
    who: str,
    progress: Progress | None = None,
) -> list[ForecastRun]:
    """Scores each day with the champion of now; days that are published stay as they are.

    All days lie before that of the served run, which therefore stays served.

    Args:
        store: where transactions and the champion come from and forecasts go to.
        days: which days.
        known_at: events ingested after it are not seen; by default now.
        horizons_days: days ahead of each day.
        seed: of each run.
        who: for the audit log.
        progress: who watches.

    Raises:
        FailedPrecondition: no run is served.
        InvalidInput: a day is not before that of the served run; and as score_ltv.
        NotFound, Conflict, Unavailable: as score_ltv.
    """
    served = store.latest_run()
    if served is None:
        raise FailedPrecondition("no forecast is served yet, and a backfill never is; run `farview score` first")
    if days.last >= served.spec.as_of:
        raise InvalidInput.of(
            "to",
            f"{days.last} is not before {served.spec.as_of}, the day of the served run, which a backfill never moves "
            f"(say {served.spec.as_of - timedelta(days=1)} at the latest, or `farview score --as-of {days.last}`)",
        )
    return [
        score_ltv(
            store,
            as_of=day,
            known_at=known_at,
            horizons_days=horizons_days,
            seed=seed,
            who=who,
            progress=progress,
        )
        for day in days.all()
    ]
