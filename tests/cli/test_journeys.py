"""Journeys on the command line: a touch log becomes a model, and the model plans."""

import json
from pathlib import Path

import pytest

from farview.simulation.files import write_world
from farview.simulation.world import make_world
from tests.cli.test_commands import farview


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of 150 customers imported, trained on and planned for through the command line alone."""
    folder = tmp_path_factory.mktemp("journeys")
    write_world(make_world(1), 150, folder / "world")
    for arguments in (
        ["init", "--time-zone", "Europe/Berlin", "--currency", "EUR"],
        ["import", "touchpoints", str(folder / "world" / "touchpoints.csv")],
    ):
        done = farview(*arguments, database=folder / "farview.db")
        assert done.returncode == 0, done.stderr
    trained = farview("train", "journeys", "--model", "markov", database=folder / "farview.db")
    assert "journeys/1 (champion): markov on" in trained.stdout, trained.stderr
    assert "Next: farview plan" in trained.stdout
    return folder / "farview.db"


PLAN = ("plan", "--max-touches", "3", "--cap", "email=1", "--cost", "call=4.50", "--margin", "40", "--gap-hours", "24")


def test_planning_says_what_the_plans_come_to_and_once(planned: Path) -> None:
    first = farview(*PLAN, database=planned)
    assert first.returncode == 0, first.stderr
    for said in ("Plan run 1 is published", "conversions expected", "First touches", "Next: farview serve"):
        assert said in first.stdout
    assert "was published before" in farview(*PLAN, database=planned).stdout
    again = json.loads(farview(*PLAN, "--json", database=planned).stdout)
    assert (again["plan_run_id"], again["before"], again["model"]) == (1, True, "journeys/1")


def test_a_journey_model_shows_where_it_comes_from(planned: Path) -> None:
    shown = farview("models", "show", "journeys/1", database=planned).stdout
    assert "markov on" in shown
    assert "Lineage" in shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["plan", "--cap", "email"], "--cap: 'email' is not of the form email=2"),
        (["plan", "--cap", "email=-1"], "--cap: 'email=-1' is not of the form"),
        (["plan", "--cap", "email=1", "--cap", "email=2"], "--cap: names 'email' twice"),
        (["plan", "--cost", "email=much"], "--cost: 'email=much' is not of the form email=0.05"),
        (["plan", "--cap", "telex=2"], "no channel 'telex'"),
        (["plan", "--max-touches", "0"], "--max-touches"),
        (["plan", "--as-of", "31.3.25"], "--as-of"),
        (["train", "journeys", "--attribute", "shoe"], "no customer has 'shoe'"),
    ],
)
def test_bad_input_exits_2_and_says_what(arguments: list[str], complaint: str, planned: Path) -> None:
    refused = farview(*arguments, database=planned)
    assert refused.returncode == 2, refused.stdout
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_filter_without_a_forecast_names_the_commands(planned: Path) -> None:
    refused = farview("plan", "--where", "p_alive > 0.5", database=planned)
    assert refused.returncode == 1
    assert "farview train ltv" in refused.stderr
