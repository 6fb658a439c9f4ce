"""`farview train retention` as a person and a script meet it."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from farview.core.errors import InvalidInput
from tests.ltv.test_renewals import REGULAR


@pytest.fixture(scope="module")
def database(initialised: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{shutil.copy(initialised, tmp_path_factory.mktemp('retention') / 'farview.db')}"


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "cohorts.csv"
    path.write_text("\n".join(["period,customers", *(f"{t},{n:.0f}" for t, n in enumerate(REGULAR[:5]))]))
    return path


def run(database: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--database", database], env={"COLUMNS": "80"})


def test_a_law_is_trained_then_listed_and_shown_with_its_quality(database: str, cohorts: Path) -> None:
    trained = run(database, "train", "retention", str(cohorts), "--model", "shifted_beta_geometric")
    assert trained.exit_code == 0, trained.output
    shown = " ".join(run(database, "models", "show", "retention/1").output.split())
    assert "retention/1 (champion): shifted_beta_geometric on 1,000 contracts of 1 cohorts." in shown
    assert "k-hat" in shown
    data = json.loads(run(database, "models", "show", "retention/1", "--json").stdout)
    assert data["artifact_size_bytes"] < 1_000_000
    assert set(data["metrics"]["cohorts"]["all"]["parameters"]) == {"alpha", "beta"}


def test_a_missing_file_is_one_clear_line(database: str) -> None:
    result = run(database, "train", "retention", "nowhere.csv")
    assert isinstance(result.exception, InvalidInput)
    assert "no such file" in str(result.exception)
