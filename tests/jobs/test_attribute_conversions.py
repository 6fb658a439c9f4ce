"""Attribution of a log: every method side by side, with intervals that hold it."""

import json

import pytest

from farview.core.errors import InvalidInput
from farview.simulation.journeys import simulate_journeys
from farview.simulation.touch_log import touchpoints
from farview.simulation.world import make_world
from jobs.attribute_conversions import AttributionSpec, attribute_conversions
from jobs.progress import Silent


@pytest.fixture(scope="module")
def log():
    world = make_world(2)
    return touchpoints(world, simulate_journeys(world, 1_500)[1])


@pytest.fixture(scope="module")
def report(log):
    return attribute_conversions(log, None, AttributionSpec(model="markov2"), Silent())


def test_every_method_credits_every_channel_and_intervals_hold_the_figure(report):
    assert list(report["channels"]) == ["first", "last", "linear", "markov_removal", "model_removal"]
    for figures in (*report["channels"].values(), report["positions"]):
        assert sum(figure["share"] for figure in figures.values()) == pytest.approx(1.0)
        assert all(figure["lower"] <= figure["conversions"] <= figure["upper"] for figure in figures.values())


def test_the_report_is_json_and_the_same_for_the_same_seed(report, log):
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert attribute_conversions(log, None, AttributionSpec(model="markov2"), Silent()) == report


def test_what_cannot_be_attributed_is_refused(log):
    with pytest.raises(InvalidInput, match="--model: 'oracle' is not a journey model"):
        attribute_conversions(log, None, AttributionSpec(model="oracle"), Silent())
    touches = log.filter([kind != "conversion" for kind in log["interaction"].to_pylist()])
    with pytest.raises(InvalidInput, match="holds no conversion within the window of a touch"):
        attribute_conversions(touches, None, AttributionSpec(model="markov2"), Silent())
