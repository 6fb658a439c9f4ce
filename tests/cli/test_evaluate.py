"""`farview evaluate journeys` as a person and a script meet it."""

import json
from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest
from typer.testing import CliRunner, Result

from cli.commands.evaluate import app
from farview.core.errors import InvalidInput
from farview.simulation.journeys import simulate_journeys
from farview.simulation.touch_log import touchpoints
from farview.simulation.world import make_world

ONE_MODEL = ["--models", "markov"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of a small synthetic business."""
    where = tmp_path_factory.mktemp("evaluate")
    world = make_world(3)
    customers, touches = simulate_journeys(world, 1500)
    pyarrow.csv.write_csv(touchpoints(world, touches), where / "touches.csv")
    segments = np.array(world.segments)[customers.segment]
    (where / "customers.csv").write_text(
        "customer_id,segment\n"
        + "".join(f"{name},{segment}\n" for name, segment in zip(customers.ids().to_pylist(), segments, strict=True))
    )
    return where


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["journeys", *arguments], env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def done(folder: Path) -> Result:
    """Tables, with the report in a file beside."""
    attributes = ["--customers", str(folder / "customers.csv"), "--attribute", "segment"]
    written = ["--json", str(folder / "out.json")]
    result = run("--touchpoints", str(folder / "touches.csv"), *attributes, *written, *ONE_MODEL)
    assert result.exit_code == 0, result.output
    return result


def test_the_table_names_the_champion_and_warns_of_the_leak(done: Result) -> None:
    assert "(champion)" in done.output
    assert "Warning: short journeys alone score" in done.output
    assert "known only when a journey is over" in " ".join(done.output.split())


@pytest.mark.usefixtures("done")
def test_the_json_file_has_the_published_form(folder: Path) -> None:
    report = json.loads((folder / "out.json").read_text())
    assert {"protocol", "models", "champion"} <= set(report)
    assert report["protocol"]["touchpoints"] == "touches.csv"
    assert report["models"]["touches_so_far"]["auc"] == 0.5


def test_json_to_a_dash_is_all_that_is_printed(folder: Path) -> None:
    result = run("--touchpoints", str(folder / "touches.csv"), "--json", "-", *ONE_MODEL)
    assert json.loads(result.stdout)["protocol"]["window_days"] == 7.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--split-date", "soon"], "--split-date: 'soon' is not a date"),
        (["--attribute", "segment"], "--attribute: needs --customers"),
        (["--json", "/no/such/folder/out.json"], "its folder must exist"),
        (["--time-zone", "Mars/Olympus"], "is not an IANA time zone"),
    ],
)
def test_bad_options_are_told_before_the_work(folder: Path, options: list[str], message: str) -> None:
    result = run("--touchpoints", str(folder / "touches.csv"), *options)
    assert isinstance(result.exception, InvalidInput)
    assert message in str(result.exception)


def test_a_file_that_is_not_there_is_named() -> None:
    result = run("--touchpoints", "nowhere.csv")
    assert isinstance(result.exception, InvalidInput)
    assert str(result.exception) == "nowhere.csv: no such file"
