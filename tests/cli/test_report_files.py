"""Files that cannot be written are refused before the work, by every command that draws or reports."""

from pathlib import Path

import pytest

from cli.report_files import check_folder, check_writable, json_path
from farview.core.errors import InvalidInput
from tests.cli.running import farview

JOURNEYS = ["evaluate", "attribution", "--touchpoints", "none.csv"]
RANKING = ["evaluate", "ranking", "--train", "none.svmlight"]
BACKTEST = ["backtest", "ltv", "--transactions", "none.csv", "--calibration-end", "2024-01-01"]
BACKTEST += ["--holdout-end", "2024-02-01"]


@pytest.mark.parametrize(
    ("arguments", "option", "path"),
    [
        (JOURNEYS, "--json", "no/out.json"),
        (JOURNEYS, "--pictures", "file"),
        (JOURNEYS, "--pictures", "no/folder"),
        (RANKING, "--pictures", "file"),
        (BACKTEST, "--pictures", "file"),
    ],
)
def test_the_option_is_named_in_one_line(arguments: list[str], option: str, path: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = farview(*arguments, option, str(tmp_path / path))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"farview: {option}: ")


def test_a_folder_that_is_to_be_made_and_a_new_file_are_fine(tmp_path: Path) -> None:
    check_folder("--pictures", tmp_path / "new")
    check_folder("--pictures", None)
    check_writable("--picture", tmp_path / "new.png")
    assert json_path(str(tmp_path / "new.json")) == tmp_path / "new.json"
    assert json_path("-") is None


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"--picture: .* cannot be written"):
        check_writable("--picture", tmp_path)
