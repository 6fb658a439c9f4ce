"""The fairness report of a run in a database: cohorts, segments, and who was never exposed."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from farview.core.errors import FailedPrecondition
from farview.store.promises import Segment
from farview.store.store import Store
from farview.store.values import Answered, Exposure
from farview.store.writer import writing
from jobs.evaluate_fairness import evaluate_fairness
from jobs.local_engine import LocalEngine
from jobs.score import score_ltv

AS_OF = date(1997, 9, 30)


@pytest.fixture
def store(prepared: Store) -> Store:
    """A run of a day whose horizon is over; two customers had been exposed by then, one was later."""
    score_ltv(prepared, as_of=AS_OF, horizons_days=(90, 3000), engine=LocalEngine(workers=0), who="ada")
    names = prepared.run_table(prepared.runs()[0].run_id, 90, ["customer_id"])["customer_id"].to_pylist()
    days = ((names[0], 7), (names[1], 8), (names[2], 12))
    shown = [
        Exposure(place, datetime(1997, month, 5, tzinfo=UTC), name, None) for place, (name, month) in enumerate(days, 1)
    ]
    answered = Answered("a1", "PrioritizeCustomers", None, None, None)
    writing(prepared._engine, lambda writer: writer.record_exposures(answered, shown, who="ada"))
    segment = Segment("often", "purchases_mean > 0.5", "Often")
    writing(prepared._engine, lambda writer: writer.set_segment(segment, who="ada"))
    return prepared


def test_every_group_is_told_with_what_came_and_who_was_shown(store: Store) -> None:
    report = evaluate_fairness(store)
    protocol, groups = report["protocol"], report["groups"]
    by: dict[tuple[str, str], dict[str, Any]] = {(one["by"], one["group"]): one for one in groups}
    assert (protocol["as_of"], protocol["horizon_days"]) == ("1997-09-30", 90)
    assert protocol["customers"] == sum(one["customers"] for one in groups if one["by"] == "cohort")
    assert by["exposure", "exposed"]["customers"] == 2
    assert by["exposure", "never exposed"]["customers"] == protocol["customers"] - 2
    assert protocol["exposures"] == 2
    assert 0 < by["segment", "often"]["customers"] < protocol["customers"]
    assert by["cohort", "1997-01"]["coverage_80"] == pytest.approx(0.8, abs=0.1)
    cohorts = [one for one in groups if one["by"] == "cohort"]
    came = sum(one["customers"] * one["actual_mean"] for one in cohorts)
    assert came == pytest.approx(protocol["actual"])


def test_a_horizon_that_is_not_over_is_refused_with_the_mend(store: Store) -> None:
    with pytest.raises(FailedPrecondition, match="no horizon of 3000 days of a published run is over by 1998"):
        evaluate_fairness(store, horizon_days=3000)
