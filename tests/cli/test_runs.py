"""`farview runs` and backfills as their users meet them."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.running import farview
from tests.cli.test_commands import database

__all__ = ["database"]


@pytest.fixture
def own(database: Path, tmp_path: Path) -> Path:
    """A copy of the scored database."""
    return Path(shutil.copy(database, tmp_path / "own.db"))


def test_a_backfill_is_listed_beside_the_served_run_and_pruned(own: Path) -> None:
    days = ["--from", "1997-03-01", "--to", "1997-03-10", "--every", "7"]
    shown = farview("score", *days, "--horizon-days", "90", database=own)
    assert "after 1997-03-08" in shown.stdout
    assert "The served run is as it was." in shown.stdout
    listed = json.loads(farview("runs", "list", "--json", database=own).stdout)
    assert [(run["as_of"], run["served"]) for run in listed] == [
        ("1997-03-08", False),
        ("1997-03-01", False),
        ("1997-09-30", True),
    ]
    pruned = farview("runs", "prune", "--keep", "1", database=own)
    assert pruned.stdout.startswith("1 run deleted with ")
    assert "2 kept" in pruned.stdout
    table = farview("runs", "list", database=own).stdout
    assert "served" in table
    assert "1997-03-01" not in table


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["score", "--from", "1997-03-01"], "--to: is missing; a backfill needs --from and --to"),
        (["score", "--from", "1997-03-01", "--to", "1997-02-01"], "from: 1997-03-01 is after 1997-02-01"),
        (["score", "--from", "1997-03-01", "--to", "1997-09-30"], "a backfill never moves (say 1997-09-29 at the"),
        (["score", "--as-of", "1997-03-01", "--from", "1997-03-01", "--to", "1997-03-02"], "--as-of: names one day"),
        (["score", "--every", "2"], "--every: is of a backfill"),
        (["score", "--effects", "--horizon-days", "90"], "--horizon-days: is of forecasts; effects are"),
        (["score", "--effects", "--from", "1997-03-01", "--to", "1997-03-02"], "--from: is of forecasts"),
        (["runs", "prune", "--keep", "0"], "--keep"),
        (["runs", "prune"], "--keep"),
    ],
)
def test_what_cannot_be_is_refused_and_says_how_to_mend_it(
    arguments: list[str], complaint: str, database: Path
) -> None:
    refused = farview(*arguments, database=database)
    assert refused.returncode == 2
    assert complaint in refused.stderr


@pytest.mark.parametrize("command", ["list", "prune"])
def test_the_commands_have_help_with_an_example(command: str) -> None:
    assert "Example: farview runs" in farview("runs", command, "--help").stdout
