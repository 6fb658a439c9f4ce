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


def test_tables_show_forecasts_beside_what_came(cdnow_sample: Path) -> None:
    result = run(cdnow_sample)
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    for part in ("82.2% bought nothing by 1997-09-30", "Who buys nothing in the holdout", "4 or more", "Shape 0.68"):
        assert part in text
    assert max(map(len, result.output.splitlines())) <= 80


def test_the_second_purchase_is_drawn_by_cohort(cdnow_sample: Path, tmp_path: Path) -> None:
    picture = tmp_path / "cohorts.png"
    assert run(cdnow_sample, "--picture", str(picture)).exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_json_to_a_dash_is_all_that_is_printed(cdnow_sample: Path) -> None:
    report = json.loads(run(cdnow_sample, "--json", "-").stdout)
    assert set(report["models"]) == {"gap_weibull", "gap_cox", "gap_kaplan_meier", "bg_nbd"}


def test_a_day_that_is_none_names_its_option(cdnow_sample: Path) -> None:
    error = run(cdnow_sample, "--holdout-end", "soon").exception
    assert isinstance(error, InvalidInput)
    assert "--holdout-end" in str(error)


def test_a_folder_that_is_not_there_is_refused_before_the_work(cdnow_sample: Path) -> None:
    with pytest.raises(InvalidInput, match="--json"):
        raise run(cdnow_sample, "--json", "/no/such/out.json").exception or AssertionError
