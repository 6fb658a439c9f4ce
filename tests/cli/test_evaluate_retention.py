"""`farview evaluate retention` as a person and a script meet it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.commands.evaluate import app
from farview.core.errors import InvalidInput
from tests.ltv.test_renewals import REGULAR


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["retention", *arguments], env={"COLUMNS": "80"})


@pytest.fixture
def cohorts(tmp_path: Path) -> Path:
    path = tmp_path / "cohorts.csv"
    path.write_text("\n".join(["period,customers", *(f"{t},{n:.0f}" for t, n in enumerate(REGULAR[:5]))]))
    return path


def test_tables_show_models_forecast_and_value_within_80_columns(cohorts: Path) -> None:
    output = run(str(cohorts), "--value-per-period", "120").output
    assert "Cohort all: 1,000 contracts; 2 renewals seen, 2 held out." in output
    assert "shifted_beta_geometric *" in output
    assert "value (90 % interval)" in output
    assert max(len(line.rstrip()) for line in output.splitlines()) <= 80


def test_a_dash_prints_json_and_nothing_else(cohorts: Path) -> None:
    report = json.loads(run(str(cohorts), "--calibration-periods", "3", "--json", "-").stdout)
    assert set(report) == {"protocol", "cohorts"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nowhere.csv"], "no such file"),
        (["FILE", "--customers-column", "active"], "no column 'active'; it has period, customers"),
        (["FILE", "--json", "/no/such/folder/x.json"], "cannot be written"),
        (["FILE", "--calibration-periods", "40"], "--calibration-periods: must be 2 to 3"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: list[str], problem: str, cohorts: Path) -> None:
    result = run(*[str(cohorts) if argument == "FILE" else argument for argument in arguments])
    assert isinstance(result.exception, InvalidInput)
    assert problem in str(result.exception)
