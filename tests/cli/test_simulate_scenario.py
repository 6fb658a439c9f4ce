"""`farview simulate scenario` as a person and a script meet it."""

import json
import shutil
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.commands.simulate import app
from farview.core.errors import FailedPrecondition, InvalidInput, NotFound
from farview.store.store import Store
from farview.store.values import Business
from jobs.import_file import import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions
from jobs.train import train_ltv


@pytest.fixture(scope="module")
def database(cdnow_part: Path, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """400 customers of CDNOW with a champion of its calibration end."""
    url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path_factory.mktemp('scenario') / 'farview.db')}"
    store = Store.open(url)
    store.set_business(Business("UTC", "USD", consent_required=False))
    import_file(store, KINDS["transactions"], cdnow_part, FileOptions(), who="ada")
    train_ltv(store, as_of=date(1997, 9, 30), method="map", who="ada")
    store.close()
    return url


def run(database: str, *arguments: str) -> Result:
    options = ["--database", database, "--as-of", "1997-09-30"]
    return CliRunner().invoke(app, ["scenario", *options, *arguments], env={"COLUMNS": "80"})


def test_the_table_shows_before_after_and_change_within_80_columns(database: str) -> None:
    result = run(database, "--segment", "frequency >= 2", "--churn", "0.9")
    assert result.exit_code == 0, result.output
    assert "86 of 400 customers changed" in " ".join(result.output.split())
    assert "value, USD" in result.output
    assert [line.split()[0] for line in result.output.splitlines() if " - " in line] == [
        "before",
        "after",
        "difference",
    ]


def test_json_says_what_was_scaled_and_what_came_of_it(database: str) -> None:
    report = json.loads(run(database, "--spend", "1.1", "--json").stdout)
    assert report["change"]["spend"] == 1.1
    assert report["value"]["difference"]["mean"] == pytest.approx(0.1 * report["value"]["before"]["mean"])
    assert report["purchases"]["difference"]["mean"] == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--segment", "colour = 3"], "--segment"),
        (["--churn", "-1"], "churn: must be a number from 0 to 1,000; got -1"),
        (["--horizon-days", "0"], "horizon_days: must be 1 or more"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: list[str], problem: str, database: str) -> None:
    result = run(database, *arguments)
    assert isinstance(result.exception, InvalidInput)
    assert problem in str(result.exception)
    assert "\n" not in str(result.exception)


def test_without_a_champion_it_says_what_to_do(sqlite_url: str) -> None:
    result = run(sqlite_url)
    assert isinstance(result.exception, (NotFound, FailedPrecondition))
    assert "farview" in str(result.exception)
