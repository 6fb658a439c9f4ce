"""The command line as its users meet it: a file becomes a published run, and mistakes get one clear line."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from cli.main import app
from tests.cli.running import farview
from tests.tiers import examples


def in_a_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as a shell does."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FARVIEW_")}
    command = [sys.executable, "-c", "from cli.main import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**environment, "COLUMNS": "100"})


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, cdnow_sample: Path) -> Path:
    """The CDNOW sample imported, trained and scored through the command line alone."""
    path = tmp_path_factory.mktemp("cli") / "farview.db"
    for arguments in (
        ["init"],
        ["import", "transactions", str(cdnow_sample)],
        ["train", "ltv", "--model", "bg_nbd", "--as-of", "1997-09-30"],
        ["score", "--as-of", "1997-09-30", "--horizon-days", "90"],
    ):
        done = farview(*arguments, database=path)
        assert done.returncode == 0, done.stderr
    return path


def test_scoring_the_same_again_finds_the_published_run(database: Path) -> None:
    again = farview("score", "--as-of", "1997-09-30", "--horizon-days", "90", "--json", database=database)
    assert json.loads(again.stdout)["run_id"] == 1


def test_importing_the_same_file_again_changes_nothing_and_says_so(database: Path, cdnow_sample: Path) -> None:
    again = farview("import", "transactions", str(cdnow_sample), database=database)
    assert "was imported before" in again.stdout
    assert "nothing changed" in again.stdout


def test_the_first_model_is_champion(database: Path) -> None:
    (model,) = json.loads(farview("models", "list", "--json", database=database).stdout)
    assert model["name"] == "ltv-revenue/1"
    assert model["aliases"] == ["champion"]


def test_a_model_shows_where_it_comes_from(database: Path) -> None:
    shown = farview("models", "show", "ltv-revenue/1", database=database).stdout
    assert "2,357 customers" in shown
    assert "sha256" in shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["train", "ltv", "--as-of", "31.12.97"], "--as-of: '31.12.97' is not a date (write it as 1997-09-30)"),
        (["train", "ltv", "--known-at", "1997-10-01"], "names no offset from UTC"),
        (["models", "show", "ltv-revenue"], "'ltv-revenue' does not name a version (write it as ltv-revenue/3)"),
        (["score", "--horizon-days", "0"], "--horizon-days"),
        (["import", "transactions", "nowhere.csv"], "nowhere.csv"),
        (["scoer"], "Did you mean 'score'"),
        (["init", "--time-zone", "Mars/Base"], "'Mars/Base' is not an IANA time zone"),
        (["init", "--currency", "euro"], "'euro' is not an ISO 4217 code"),
    ],
)
def test_bad_input_exits_2_and_says_what_and_how_to_mend_it(
    arguments: list[str], complaint: str, database: Path
) -> None:
    refused = farview(*arguments, database=database)
    assert refused.returncode == 2
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_missing_database_is_named_and_not_created(tmp_path: Path) -> None:
    refused = farview("score", database=tmp_path / "absent.db")
    assert refused.returncode == 1
    assert "run `farview init`" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_does_not_exist_is_not_promoted(database: Path) -> None:
    refused = farview("models", "promote", "ltv-revenue/9", database=database)
    assert refused.returncode == 1
    assert "ltv-revenue/9" in refused.stderr


def test_training_beside_a_champion_examines_and_the_gates_decide(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "farview.db"
    copy.write_bytes(database.read_bytes())
    trained = farview("train", "ltv", "--model", "bg_nbd", "--as-of", "1997-09-30", database=copy)
    assert "Gates of ltv-revenue/2 against ltv-revenue/1: passed" in trained.stdout
    assert "Next: farview models promote ltv-revenue/2" in trained.stdout
    trained = farview("train", "ltv", "--model", "bg_nbd", "--as-of", "1997-09-30", "--method", "map", database=copy)
    assert "NO" in next(line for line in trained.stdout.splitlines() if line.startswith(" backtest")).split()
    examined = farview("models", "gate", "ltv-revenue/3", database=copy, width=80)
    assert examined.returncode == 1
    _assert_a_table_of_gates(examined.stdout.splitlines())
    refused = farview("models", "promote", "ltv-revenue/3", database=copy)
    assert refused.returncode == 1
    said = refused.stderr.replace("\n", " ")
    assert "did not pass its gates: backtest: better on nothing" in said
    assert "); to promote it all the same: --force --why REASON" in said
    assert farview("models", "promote", "ltv-revenue/3", "--force", database=copy).returncode == 2
    for arguments in (["promote", "ltv-revenue/2"], ["rollback", "ltv-revenue", "--why", "drill"]):
        assert farview("models", *arguments, database=copy).returncode == 0
    for kind in (["ltv-revenue"], []):
        history = json.loads(farview("models", "history", *kind, "--json", database=copy).stdout)
        assert [change["action"] for change in history] == ["rollback", "promote", "register"]
    assert "ltv-revenue/2" in farview("models", "history", database=copy).stdout


def _assert_a_table_of_gates(lines: list[str]) -> None:
    """Each gate stands once at the left, in its column, and no sentence leaves its own."""
    start = next(number for number, line in enumerate(lines) if line.split()[:1] == ["gate"])
    column = lines[start].index("what was found")
    assert max(map(len, lines)) <= 80
    end = next(number for number, line in enumerate(lines) if line.startswith("Kept as candidate"))
    rows = [line for line in lines[start + 2 : end] if line.strip(" ─")]
    gates = [line[:column].split()[0] for line in rows if line[:column].split()]
    assert {"convergence", "calibration", "backtest"} <= set(gates)
    assert all(gates.count(gate) == 1 for gate in ("convergence", "calibration", "backtest"))
    assert not any(line[column - 1 : column].strip() for line in rows)


def test_a_model_is_fitted_again_from_its_lineage(database: Path) -> None:
    again = farview("models", "reproduce", "ltv-revenue/1", database=database)
    assert again.returncode == 0
    assert "the refit gives the same bytes" in again.stdout


def commands(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command with what is typed for it."""
    if hasattr(tree, "commands"):
        for name, below in tree.commands.items():
            yield from commands(below, (*path, name))
    else:
        yield " ".join(path), tree


def test_every_command_has_help_with_an_example_of_its_own() -> None:
    found = dict(commands(get_command(app)))
    assert {"demo", "train ltv", "models reproduce", "simulate world"} <= found.keys()
    assert [name for name, each in found.items() if f"Example: farview {name}" not in (each.help or "")] == []


def test_every_paragraph_of_help_is_as_wide_as_the_terminal() -> None:
    shown = farview("evaluate", "survival", "--help", width=80)
    assert shown.returncode == 0
    lines = [line.strip() for line in shown.stdout.splitlines()]
    begun = next(k for k, line in enumerate(lines) if line.startswith("Kaplan-Meier, Weibull AFT and Cox."))
    assert all(len(line) > 60 for line in lines[begun : begun + 3])


DEMO = examples(ci=(["--quick"], "6,919", "2,357"), soak=([], "69,659", "23,570"))


def test_the_demo_tells_the_story_from_file_to_served_audience() -> None:
    options, rows, customers = DEMO
    shown = in_a_process("demo", *options)
    assert shown.returncode == 0, shown.stderr
    for said in (
        f"{rows} imported",
        f"is published: {customers} customers",
        "All that follows came from it",
        "promised",
    ):
        assert said in shown.stdout


def test_a_customer_is_shown_by_horizon_and_drawn(database: Path, tmp_path: Path) -> None:
    picture = tmp_path / "fan.png"
    shown = farview("customers", "show", "0111", "--picture", str(picture), database=database, width=80)
    assert shown.returncode == 0, shown.stderr
    for part in ("Customer 0111", "buys nothing", "worth on average", "Half of the chance"):
        assert part in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_script_reads_the_whole_forecast(database: Path) -> None:
    report = json.loads(farview("customers", "show", "0111", "--json", database=database).stdout)
    assert report["currency"] == "USD"
    rows = report["forecasts"]
    assert [row["horizon_days"] for row in rows] == sorted(row["horizon_days"] for row in rows)
    assert all(row["value_q10"] <= row["value_q90"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(["nobody"], "'nobody' does not exist"), (["0111", "--picture", "/no/such/folder/x.png"], "--picture")],
)
def test_what_cannot_be_shown_is_told_in_a_line(database: Path, arguments: list[str], complaint: str) -> None:
    refused = farview("customers", "show", *arguments, database=database)
    assert refused.returncode in (1, 2)
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr
