"""Backfills: a run a day, and what is served stays."""

from datetime import date

import pytest

from farview.core.errors import FailedPrecondition, InvalidInput
from farview.store.store import Store
from jobs.backfill import Days, backfill_ltv
from jobs.score import score_ltv

JANUARY = Days(date(1997, 1, 2), date(1997, 1, 18), every=7)


@pytest.fixture
def trained(prepared_sqlite_store: Store) -> Store:
    return prepared_sqlite_store


def test_a_backfill_publishes_a_run_a_day_and_the_served_run_stays(trained: Store) -> None:
    served = score_ltv(trained, horizons_days=(30,), who="ada")
    runs = backfill_ltv(trained, JANUARY, horizons_days=(30,), who="ada")
    assert [run.spec.as_of.day for run in runs] == [2, 9, 16]
    assert trained.latest_run() == served
    assert 0 < runs[0].forecasts < runs[2].forecasts < served.forecasts  # each sees its own day only
    assert runs[1] == score_ltv(trained, as_of=date(1997, 1, 9), horizons_days=(30,), who="ada")


def test_a_backfill_again_finds_what_is_there(trained: Store) -> None:
    score_ltv(trained, horizons_days=(30,), who="ada")
    first = backfill_ltv(trained, JANUARY, horizons_days=(30,), who="ada")
    assert backfill_ltv(trained, JANUARY, horizons_days=(30,), who="ada") == first


def test_a_backfill_of_the_served_day_or_later_is_refused(trained: Store) -> None:
    score_ltv(trained, as_of=date(1997, 1, 18), horizons_days=(30,), who="ada")
    with pytest.raises(InvalidInput, match=r"to: 1997-01-18 is not before 1997-01-18.*say 1997-01-17"):
        backfill_ltv(trained, JANUARY, who="ada")
    assert len(trained.runs()) == 1


def test_a_backfill_before_anything_is_served_is_refused(trained: Store) -> None:
    with pytest.raises(FailedPrecondition, match="run `farview score` first"):
        backfill_ltv(trained, JANUARY, who="ada")


def test_days_end_at_the_last_and_never_after_it() -> None:
    days = Days(date(2024, 2, 27), date(2024, 3, 2), every=2).all()
    assert [day.isoformat() for day in days] == ["2024-02-27", "2024-02-29", "2024-03-02"]


@pytest.mark.parametrize(("first", "every", "wrong"), [(date(2024, 3, 3), 1, "from"), (date(2024, 3, 1), 0, "every")])
def test_impossible_days_are_named(first: date, every: int, wrong: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{wrong}: "):
        Days(first, date(2024, 3, 2), every)
