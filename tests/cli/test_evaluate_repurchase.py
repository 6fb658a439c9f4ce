"""`farview evaluate repurchase` as a person and a script meet it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.commands.evaluate import app
from farview.core.errors import InvalidInput


def run(file: Path, *arguments: str) -> Result:
    days = ["--calibration-end", "1997-06-30", "--holdout-end", "1997-09-30"]
    return CliRunner().invoke(
        app, ["repurchase", "--transactions", str(file), *days, *arguments], env={"COLUMNS": "80"}
    )


@pytest.fixture(scope="module")
def done(cdnow_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """What is printed, and the folder of picture and report."""
    folder = tmp_path_factory.mktemp("repurchase")
    result = run(cdnow_sample, "--picture", str(folder / "cohorts.png"), "--json", str(folder / "out.json"))
    assert result.exit_code == 0, result.output
    return result, folder


def test_tables_show_forecasts_beside_what_came(done: tuple[Result, Path]) -> None:
    result, _ = done
    text = " ".join(result.output.split())
    for part in ("82.2% bought nothing by 1997-09-30", "Who buys nothing in the holdout", "4 or more", "Shape 0.68"):
        assert part in text
    assert max(map(len, result.output.splitlines())) <= 80


def test_the_second_purchase_is_drawn_by_cohort(done: tuple[Result, Path]) -> None:
    assert (done[1] / "cohorts.png").read_bytes().startswith(b"\x89PNG")


def test_the_json_file_has_every_model(done: tuple[Result, Path]) -> None:
    report = json.loads((done[1] / "out.json").read_text())
    assert set(report["models"]) == {"gap_weibull", "gap_cox", "gap_kaplan_meier", "bg_nbd"}


def test_json_to_a_dash_is_all_that_is_printed(cdnow_part: Path) -> None:
    assert set(json.loads(run(cdnow_part, "--json", "-").stdout)) == {"protocol", "models", "champion"}


def test_a_day_that_is_none_names_its_option(cdnow_sample: Path) -> None:
    error = run(cdnow_sample, "--holdout-end", "soon").exception
    assert isinstance(error, InvalidInput)
    assert "--holdout-end" in str(error)


def test_a_folder_that_is_not_there_is_refused_before_the_work(cdnow_sample: Path) -> None:
    with pytest.raises(InvalidInput, match="--json"):
        raise run(cdnow_sample, "--json", "/no/such/out.json").exception or AssertionError
