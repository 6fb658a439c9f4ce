"""`farview evaluate survival` as a person and a script meet it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.commands.evaluate import app
from farview.core.errors import InvalidInput
from tests.jobs.survival_contracts import write_contracts


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_contracts(tmp_path_factory.mktemp("survival") / "contracts.csv", n=500)


@pytest.fixture(scope="module")
def told(contracts: Path) -> Result:
    """All that can be asked for at once; written beside the contracts."""
    asked = ["--watched-last", "1", "--covariates", "term,noise", "--group-column", "term"]
    written = ["--json", str(contracts.with_name("out.json")), "--picture", str(contracts.with_name("out.png"))]
    result = run(contracts, *asked, *written)
    assert result.exit_code == 0, result.output
    return result


def run(contracts: Path, *arguments: str, columns: int = 80) -> Result:
    named = ["--contracts", str(contracts), "--duration-column", "tenure", "--event-column", "churn"]
    return CliRunner().invoke(app, ["survival", *named, *arguments], env={"COLUMNS": str(columns)})


def test_tables_show_both_readings_and_explain_the_difference(told: Result) -> None:
    text = " ".join(told.output.split())
    for part in (
        "Share still there beyond an age in months, plain follow-up",
        "Share still there beyond an age in months, delayed entry",
        "Plain follow-up judged by itself",
        "hazard ratio (95 %)",
        "What delayed entry changes.",
        "Champion: ",
    ):
        assert part in text


def test_no_line_is_wider_than_the_terminal_nor_a_figure_broken(told: Result) -> None:
    lines = told.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert all("(" not in line or ")" in line for line in lines if " - " in line)


def test_json_to_a_dash_is_all_that_is_printed(contracts: Path) -> None:
    report = json.loads(run(contracts, "--json", "-", "--unit", "weeks").stdout)
    assert report["protocol"]["unit"] == "weeks"
    assert report["champion"] == "kaplan_meier"


@pytest.mark.usefixtures("told")
def test_the_json_file_has_models_and_a_champion(contracts: Path) -> None:
    report = json.loads(contracts.with_name("out.json").read_text())
    assert report["champion"] in report["models"]


@pytest.mark.usefixtures("told")
def test_the_picture_is_drawn(contracts: Path) -> None:
    assert contracts.with_name("out.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--horizons", "soon"), "--horizons"),
        (("--covariates", "shoe"), "shoe"),
        (("--json", "/no/such/folder/out.json"), "--json"),
        (("--picture", "/no/such/folder/out.png"), "--picture"),
    ],
)
def test_bad_input_names_the_option(contracts: Path, arguments: tuple[str, ...], named: str) -> None:
    error = run(contracts, *arguments).exception
    assert isinstance(error, InvalidInput)
    assert named in str(error)
