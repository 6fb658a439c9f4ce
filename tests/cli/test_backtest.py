"""`farview backtest ltv` as a person and a script meet it."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from cli.backtest_views import show_champion
from cli.commands.backtest import app
from cli.fairness_views import show_cohorts
from farview.core.errors import InvalidInput
from jobs.backtest_models import BTYD

WINDOWS = ["--calibration-end", "1997-09-30", "--holdout-end", "1998-06-30"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["ltv", *arguments], env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def done(cdnow_part: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    folder = tmp_path_factory.mktemp("backtest")
    outputs = ["--json", str(folder / "out.json"), "--predictions", str(folder / "out.parquet")]
    return run("--transactions", str(cdnow_part), *WINDOWS, "--models", "bg_nbd,past_spend", *outputs), folder


def test_tables_name_units_champion_and_the_next_command(done: tuple[Result, Path]) -> None:
    result, _ = done
    assert result.exit_code == 0, result.output
    assert "396 customers" in result.output
    assert "currency units" in result.output
    assert " *" in result.output
    assert "Champion by earlier origins: " in result.output
    assert result.output.strip().splitlines()[-1] == "Next: farview train ltv"


def test_the_json_file_has_the_published_form(done: tuple[Result, Path]) -> None:
    report = json.loads((done[1] / "out.json").read_text())
    assert report["champion"] in BTYD
    assert set(report["models"]) == {"bg_nbd", "mbg_nbd", "pareto_nbd", "past_rate", "past_spend", "zero"}
    assert report["protocol"]["customers"] == 396


def test_the_predictions_file_holds_every_customer(done: tuple[Result, Path]) -> None:
    assert pq.read_metadata(done[1] / "out.parquet").num_rows == 6 * 396


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.csv"
    rows = [f"c{k % 40};2024-0{1 + k % 6}-{1 + k % 28:02d};{k % 9 + 1},50" for k in range(400)]
    path.write_text("\n".join(["who;when;paid", *rows, "c1;2024-13-01;1,00"]))
    return path


def test_without_a_champion_it_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    protocol: dict[str, object] = {"inner_origins": [{}, {}, {}]}
    show_champion({"protocol": protocol, "champion": None})
    show_champion({"protocol": protocol | {"inner_origins": []}, "champion": None})
    said = " ".join(capsys.readouterr().out.split())
    assert "No champion: nothing came after any of 3 earlier origins" in said
    assert "No champion: the calibration window is too short for an origin inside it." in said


# Five customers and two days: too short for origins inside it, on which every standing model would be fitted again.
SHOP = ["--calibration-end", "2024-01-02", "--holdout-end", "2024-06-30", "--models", "zero"]
COLUMNS = ["--customer-column", "who", "--time-column", "when", "--amount-column", "paid", "--decimal", ","]


def test_a_dash_prints_json_and_nothing_else(shop: Path) -> None:
    result = run("--transactions", str(shop), *SHOP, *COLUMNS, "--json", "-")
    report = json.loads(result.stdout)
    assert (report["protocol"]["rejected_rows"], report["protocol"]["customers"]) == (1, 5)


def test_a_rejected_row_is_named_by_line_and_reason(shop: Path) -> None:
    result = run("--transactions", str(shop), *SHOP, *COLUMNS)
    assert "Rejected rows: 1, the first: shop.csv, line 402: when" in result.output


def test_a_rejected_text_is_shown_as_it_stands_brackets_and_all(shop: Path) -> None:
    shop.write_text(shop.read_text().replace(";1,00", ";[/red]").replace("2024-13-01", "2024-01-13"))
    result = run("--transactions", str(shop), *SHOP, *COLUMNS)
    assert 'line 402: paid "[/red]" is not a number' in result.output


BAD = {
    "no such file": (["--transactions", "nowhere.csv", *WINDOWS], "no such file"),
    "not a date": (
        ["--transactions", "X", "--calibration-end", "30.9.97", "--holdout-end", "1998-06-30"],
        "not a date",
    ),
    "holdout before calibration": (
        ["--transactions", "X", "--calibration-end", "1998-06-30", "--holdout-end", "1997-09-30"],
        "is not after",
    ),
    "unknown model": (["--transactions", "X", *WINDOWS, "--models", "crystal_ball"], "known: bg_nbd"),
    "unknown zone": (["--transactions", "X", *WINDOWS, "--time-zone", "Mars"], "IANA"),
    "missing column": (["--transactions", "X", *WINDOWS, "--amount-column", "paid"], "no column 'paid'"),
    "unusable file": (["--transactions", "X", *WINDOWS, "--amount-column", "time"], "no usable transaction"),
    "no folder": (["--transactions", "X", *WINDOWS, "--predictions", "/no/such/folder/p.parquet"], "cannot be written"),
    "nobody yet": (
        ["--transactions", "X", "--calibration-end", "1990-01-01", "--holdout-end", "1991-01-01"],
        "nobody bought by 1990-01-01: the first amount above 0 is of 1997-01-01",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_one_clear_line(kind: str, cdnow_sample: Path) -> None:
    arguments, problem = BAD[kind]
    result = run(*[str(cdnow_sample) if argument == "X" else argument for argument in arguments])
    assert isinstance(result.exception, InvalidInput)
    assert problem in str(result.exception)
    assert "\n" not in str(result.exception)


def test_the_command_is_known_without_its_heavy_libraries() -> None:
    code = "import sys, cli.commands.backtest; print(sorted({'numpy', 'pyarrow', 'duckdb', 'ibis'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_tables_show_the_champion_by_group_and_the_intervals_of_differences(done: tuple[Result, Path]) -> None:
    lines = [line.split() for line in done[0].output.splitlines()]
    customers = [row[2] for row in lines if row[1:2] in (["repeat"], ["repeats"])]
    assert customers == ["233", "77", "31", "17", "38"] * 2
    models = json.loads((done[1] / "out.json").read_text())["models"]
    best = max(set(BTYD) & models.keys(), key=lambda name: models[name]["value"]["normalized_gini"])
    assert ["model", "-", "past_spend", "-", best] in lines


def test_the_champion_is_told_by_cohort(done: tuple[Result, Path]) -> None:
    report = json.loads((done[1] / "out.json").read_text())
    groups = report["fairness"]["models"][report["champion"]]
    assert sum(group["customers"] for group in groups) == 396
    words = [line.split() for line in done[0].output.splitlines()]
    told = {row[0]: row[1] for row in words if row and row[0] in {group["group"] for group in groups}}
    assert told == {group["group"]: str(group["customers"]) for group in groups}


def test_of_many_cohorts_the_furthest_off_are_told_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"customers": 40, "actual_mean": 1.0, "forecast_mean": 2.0, "ratio": 2.0, "coverage_80": None}
    groups = [
        {"group": f"2023-{k:02d}", "p_value": None if k == 1 else 1.0 / k, "misjudged": k == 14} | figures
        for k in range(1, 15)
    ]
    show_cohorts({"models": {"zero": groups}, "level": 0.05}, "zero")
    said = capsys.readouterr().out
    assert [f"2023-{k:02d}" in said for k in range(1, 15)] == [False, False, *[True] * 12]
    assert said.index("2023-03") < said.index("2023-14 *")
    assert "The 2 months that are less far off are in the JSON." in said


def test_the_tables_fit_into_80_columns(done: tuple[Result, Path]) -> None:
    tabular = [line for line in done[0].output.splitlines() if "  " in line.strip()]
    assert max(len(line.rstrip()) for line in tabular) <= 80


def test_pictures_are_drawn_into_a_folder(shop: Path, tmp_path: Path) -> None:
    result = run("--transactions", str(shop), *SHOP, *COLUMNS, "--pictures", str(tmp_path / "drawn"))
    drawn = len(list((tmp_path / "drawn").glob("*.png")))
    assert drawn >= 8
    assert f"{drawn} pictures of" in result.output


def test_a_folder_that_cannot_be_made_is_refused_before_the_work(cdnow_sample: Path) -> None:
    result = run("--transactions", str(cdnow_sample), *WINDOWS, "--pictures", "/no/such/folder/pictures")
    assert isinstance(result.exception, InvalidInput)
    assert "--pictures: /no/such/folder/pictures cannot be made a folder" in str(result.exception)
