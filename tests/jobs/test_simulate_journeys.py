"""Ways of choosing touches side by side, on a store."""

import pytest

from farview.core.errors import FailedPrecondition, InvalidInput
from farview.store.store import Store
from jobs.plan_terms import PlanOptions
from jobs.progress import Silent
from jobs.simulate_journeys import SimulateSpec, simulate_journeys
from jobs.train_journeys import JourneyFit, train_journeys
from journeys.comparison import NAMES, WhatIf
from tests.jobs.journey_business import LAST_DAY, WORLD, fill


@pytest.fixture
def learnt(sqlite_store: Store) -> Store:
    fill(sqlite_store, 150)
    train_journeys(sqlite_store, fit=JourneyFit("markov2", weighting="none"), as_of=LAST_DAY, who="test")
    return sqlite_store


def test_the_report_is_of_drawn_customers_under_the_options(learnt: Store) -> None:
    options = PlanOptions(max_touches=3, caps={WORLD.channels[0]: 0}, touch_costs={WORLD.channels[1]: 1e6}, margin=50.0)
    spec = SimulateSpec(options, 40, WhatIf((0.0, 0.5), (0.0,)), LAST_DAY)
    report = simulate_journeys(learnt, spec, Silent())
    assert report["protocol"]["customers"] == 40
    assert report["protocol"]["evidence"] == "observational"
    assert tuple(report["policies"]) == NAMES
    assert not {WORLD.channels[0], WORLD.channels[1]} & {*report["best_fixed_plan"]}
    assert report["policies"]["planner"]["cost"]["mean"] == 0.0
    assert report["policies"]["planner"]["value"]["mean"] > report["policies"]["random"]["value"]["mean"]
    assert [each["exploration"] for each in report["what_if"]] == [0.0, 0.5]
    assert report == simulate_journeys(learnt, spec, Silent())


def test_a_log_that_told_its_chances_is_learnt_from_by_them(learnt: Store) -> None:
    version = train_journeys(learnt, fit=JourneyFit("markov2"), as_of=LAST_DAY, who="test")
    assert version.metrics["evidence"] == "propensity-weighted"
    assert version.lineage.configuration["weighting"] == "auto"


def test_a_weighting_that_there_is_not_is_refused(learnt: Store) -> None:
    with pytest.raises(InvalidInput, match="weighting"):
        train_journeys(learnt, fit=JourneyFit("markov2", weighting="some"), as_of=LAST_DAY, who="test")


def test_nobody_to_roll_out_is_said(learnt: Store) -> None:
    with pytest.raises(FailedPrecondition, match="forecast"):
        simulate_journeys(learnt, SimulateSpec(PlanOptions(where="value_mean > 1")), Silent())
