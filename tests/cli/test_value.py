"""`farview value` as a person and a script meet it."""

import json
import shutil
from datetime import date
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from farview.core.errors import FarviewError, InvalidInput
from farview.store.store import Store
from farview.store.values import Business
from jobs.import_file import import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions
from jobs.train import train_ltv


@pytest.fixture(scope="module")
def database(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Forty customers who come back now and then and send a quarter of it back."""
    folder = tmp_path_factory.mktemp("value")
    rows = [
        f"c{k},2024-{1 + (k % 3) + step:02d}-{1 + k % 27:02d},{20 + k % 5}{chr(10)}"
        f"c{k},2024-{1 + (k % 3) + step:02d}-{1 + k % 27:02d},{-(20 + k % 5) / 4}"
        for k in range(40)
        for step in range(1 + k % 4)
    ]
    (folder / "shop.csv").write_text("\n".join(["customer_id,time,amount", *rows]))
    url = f"sqlite:///{shutil.copy(sqlite_template, folder / 'farview.db')}"
    store = Store.open(url)
    store.set_business(Business("UTC", "USD", consent_required=False))
    import_file(store, KINDS["transactions"], folder / "shop.csv", FileOptions(), who="ada")
    train_ltv(store, as_of=date(2024, 7, 1), method="map", who="ada")
    store.close()
    return url


def run(database: str, *arguments: str) -> Result:
    options = ["value", "--database", database, "--as-of", "2024-07-01"]
    return CliRunner().invoke(app, [*options, *arguments], env={"COLUMNS": "100"})


def report(database: str, *arguments: str) -> dict[str, object]:
    return json.loads(run(database, *arguments, "--json").stdout)  # type: ignore[no-any-return]


def test_people_see_parts_residual_and_cohorts(database: str) -> None:
    result = run(database, "--margin", "0.5", "--contact-cost", "1", "--contacts-per-year", "12")
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "40 customers; 25.0 % of revenue comes back, 50 % of the rest is earned, discounted by 10 % a year." in said
    assert "Beyond 1,095 days:" in said
    assert "of it comes later than these data reach back" in said
    assert "2024-03" in said


def test_net_is_margin_on_what_is_kept_less_contacts(database: str) -> None:
    found = report(database, "--margin", "0.5", "--contact-cost", "1", "--contacts-per-year", "12")
    for group in found["groups"]:  # type: ignore[attr-defined]
        for row in group["horizons"]:
            kept = row["gross"]["mean"] - row["returned"]["mean"]
            assert row["net"]["mean"] == pytest.approx(0.5 * kept - row["contact_cost"], rel=1e-6)
    base = found["groups"][0]["horizons"][0]  # type: ignore[index]
    assert base["returned"]["mean"] == pytest.approx(0.25 * base["gross"]["mean"], rel=1e-6)


def test_cohorts_add_up_to_the_base(database: str) -> None:
    base, _, *cohorts = report(database)["groups"]  # type: ignore[misc]
    for h in range(3):
        parts = sum(cohort["horizons"][h]["gross"]["mean"] for cohort in cohorts)  # type: ignore[has-type]
        assert parts == pytest.approx(base["horizons"][h]["gross"]["mean"])  # type: ignore[has-type]


def test_of_one_who_buys_first_today_less_than_all_comes_later_than_the_data_reach_back(database: str) -> None:
    _, newcomer, *_ = report(database, "--horizon-days", "30")["groups"]  # type: ignore[misc]
    assert 0.0 < newcomer["beyond_span_share"] < 0.95  # type: ignore[has-type]


def test_without_a_discount_there_is_no_residual_and_the_table_says_why(database: str) -> None:
    assert "Beyond 1,095 days: needs a discount above 0" in " ".join(run(database, "--discount", "0").output.split())


def test_every_customers_parts_are_written(database: str, tmp_path: Path) -> None:
    run(database, "--customers", str(tmp_path / "out.parquet"), "--horizon-days", "30", "--horizon-days", "90")
    table = pq.read_table(tmp_path / "out.parquet")
    base = report(database, "--horizon-days", "90")["groups"][0]["horizons"][0]  # type: ignore[index]
    last = table.filter(pc.equal(table.column("horizon_days"), 90))
    assert (table.num_rows, last.num_rows) == (80, 40)
    assert pc.sum(last.column("net_value")).as_py() == pytest.approx(base["net"]["mean"], rel=1e-6)
    assert last.column("residual_value").null_count == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--margin", "40"], "margin: must be above 0 and at most 1"),
        (["--discount", "-1"], "discount_rate: must be a number of at least 0"),
        (["--returned-share", "1"], "--returned-share: must be from 0 to below 1"),
        (["--horizon-days", "0"], "horizons_days: needs rising whole numbers"),
        (["--customers", "/no/such/folder/x.parquet"], "--customers"),
    ],
)
def test_what_cannot_be_is_one_clear_line(database: str, arguments: list[str], problem: str) -> None:
    result = run(database, *arguments)
    assert isinstance(result.exception, InvalidInput)
    assert problem in str(result.exception)


def test_without_a_champion_it_says_what_to_run(new_url: str) -> None:
    result = CliRunner().invoke(app, ["value", "--database", new_url])
    assert isinstance(result.exception, FarviewError)
    assert "farview train ltv" in str(result.exception)
