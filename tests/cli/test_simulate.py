"""`farview simulate world` as a person meets it."""

import json
from pathlib import Path

import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from cli.commands.simulate import app
from farview.core.errors import InvalidInput

FILES = ["customers", "consents", "transactions", "touchpoints", "items", "impressions"]


def run(*arguments: str, out: Path) -> str:
    result = CliRunner().invoke(app, ["world", *arguments, "--out", str(out)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_it_prints_every_file_with_its_rows_and_size_and_the_next_command(tmp_path):
    out = tmp_path / "world"
    printed = run("--customers", "1200", "--seed", "7", out=out)
    for name in FILES:
        lines = (out / f"{name}.csv").read_text().count("\n")
        row = next(line for line in printed.splitlines() if f"{name}.csv" in line)
        assert f" {lines - 1:,} " in row
        assert row.rstrip().endswith(("kB", "MB"))
    assert "farview init --time-zone Europe/Berlin --currency EUR" in printed
    assert printed.rstrip().endswith(f"farview import transactions {out}/transactions.csv")


def test_it_refuses_a_folder_that_has_something_in_it(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(InvalidInput, match=r"is not empty \(name a folder that is new or empty\)"):
        run("--customers", "10", out=tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_it_writes_parquet_when_asked(tmp_path):
    run("--customers", "50", "--format", "parquet", out=tmp_path)
    assert pyarrow.parquet.read_table(tmp_path / "customers.parquet").num_rows == 50


def test_the_number_of_channels_is_that_asked_for(tmp_path):
    run("--customers", "300", "--channels", "12", "--format", "parquet", out=tmp_path)
    assert len(pyarrow.parquet.read_table(tmp_path / "touchpoints.parquet")["channel"].unique()) == 12


@pytest.mark.parametrize("option", ["--messy", "--confounded"])
def test_options_change_the_touchpoints(tmp_path, option):
    run("--customers", "100", out=tmp_path / "plain")
    run("--customers", "100", option, out=tmp_path / "other")
    plain, other = ((tmp_path / name / "touchpoints.csv").read_bytes() for name in ("plain", "other"))
    assert plain != other


def test_json_names_the_same_files(tmp_path):
    document = json.loads(run("--customers", "10", "--json", out=tmp_path))
    assert [Path(file["path"]).name for file in document["files"]] == [*(f"{name}.csv" for name in FILES), "truth.json"]
    assert document["files"][0]["rows"] == 10


def test_no_customers_at_all_is_an_error_of_use(tmp_path):
    result = CliRunner().invoke(app, ["world", "--customers", "0", "--out", str(tmp_path)])
    assert result.exit_code == 2
