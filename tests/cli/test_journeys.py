"""Journeys on the command line: a touch log becomes a model, and the model plans."""

import json
from pathlib import Path

import pytest

from cli.options import parse_amounts, parse_counts, parse_windows
from farview.core.errors import InvalidInput
from farview.simulation.files import write_world
from farview.simulation.world import make_world
from tests.cli.running import farview


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


TIMED = ("--window", "2/48", "--quiet", "21:00-08:00")
PLAN = ("plan", "--max-touches", "3", *TIMED, "--cap", "email=1", "--cost", "search=0.50", "--margin", "40")


def test_planning_says_what_the_plans_come_to_and_once(planned: Path) -> None:
    first = farview(*PLAN, database=planned)
    assert first.returncode == 0, first.stderr
    for said in ("Plan run 1 is published", "conversions expected", "First touches", "Next: farview serve"):
        assert said in first.stdout
    again = json.loads(farview(*PLAN, "--json", database=planned).stdout)
    assert (again["plan_run_id"], again["before"], again["model"]) == (1, True, "journeys/1")


def test_ways_of_choosing_stand_side_by_side(planned: Path) -> None:
    arguments = ["simulate", "journeys", "--max-touches", "3", "--customers", "40", "--exploration", "0,0.2"]
    shown = farview(*arguments, database=planned)
    assert shown.returncode == 0, shown.stderr
    for said in ("as the log did", "best fixed plan", "decision process", "planner", "exploration (down)", "Evidence"):
        assert said.lower() in shown.stdout.lower()
    report = json.loads(farview(*arguments, "--json", database=planned).stdout)
    assert report["protocol"]["customers"] == 40
    assert len(report["what_if"]) == 6
    wrong = farview("simulate", "journeys", "--exploration", "much", database=planned)
    assert wrong.returncode == 2
    assert "--exploration: 'much' is not of the form" in wrong.stderr


def test_recalibration_without_later_touches_says_what_is_missing(planned: Path) -> None:
    done = farview("recalibrate", "journeys", database=planned)
    assert done.returncode == 1
    assert "0 conversions with a whole window have come since" in done.stderr
    assert "journeys/1 saw" in " ".join(done.stderr.split())


def test_a_journey_model_shows_where_it_comes_from(planned: Path) -> None:
    shown = farview("models", "show", "journeys/1", database=planned).stdout
    assert "markov on" in shown
    assert "Lineage" in shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["plan", "--cap", "telex=2"], "--cap: no channel 'telex' (known: display, email"),
        (["plan", "--window", "telex=2/24"], "--window: no channel 'telex' (known: display, email"),
        (["plan", "--quiet", "9"], "--quiet: '9' is not of the form 21:00-08:00"),
        (["plan", "--as-of", "9999-12-31"], "--as-of: '9999-12-31' is not between 1900 and 2199"),
        (["plan", "--consent-purpose", ""], "--consent-purpose: '' is not the name of a purpose"),
        (["train", "journeys", "--attribute", "shoe"], "no customer has 'shoe'"),
    ],
)
def test_bad_input_exits_2_and_says_what(arguments: list[str], complaint: str, planned: Path) -> None:
    refused = farview(*arguments, database=planned)
    assert refused.returncode == 2, refused.stdout
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr


def test_numbers_and_amounts_are_given_by_name() -> None:
    assert parse_counts("--cap", ["email=2", "a=b=0"]) == {"email": 2, "a=b": 0}
    assert parse_amounts("--cost", ["email=0.05", "call=4"]) == {"email": 0.05, "call": 4.0}


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        (["email"], "--cost: 'email' is not of the form email=0.05"),
        (["=1"], "--cost: '=1' is not of the form"),
        (["email=-1"], "--cost: 'email=-1' is not of the form"),
        (["email=much"], "--cost: 'email=much' is not of the form"),
        (["email=nan"], "--cost: 'email=nan' is not of the form"),
        (["email=1", "email=2"], "--cost: names 'email' twice"),
    ],
)
def test_what_is_not_a_name_with_an_amount_is_refused(texts: list[str], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        parse_amounts("--cost", texts)


def test_a_cap_is_a_whole_number() -> None:
    with pytest.raises(InvalidInput, match=r"--cap: 'email=1\.5' is not of the form email=2"):
        parse_counts("--cap", ["email=1.5"])


def test_windows_are_read_with_and_without_a_channel():
    assert parse_windows("--window", ["email=2/168", "1/24.5"]) == [(2, 168.0, "email"), (1, 24.5, None)]


@pytest.mark.parametrize("text", ["email=2", "email=x/3", "=2/24", "2/", "email=2/-3"])
def test_a_window_that_is_not_one_is_refused(text):
    with pytest.raises(InvalidInput, match="is not of the form email=2/168 or 1/24"):
        parse_windows("--window", [text])
