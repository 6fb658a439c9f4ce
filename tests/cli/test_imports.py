"""`farview import`: a command for every kind of file, with options that follow from its columns."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from farview.core.errors import InvalidInput
from farview.store.store import Store
from farview.store.values import Business
from jobs.import_kinds import KINDS


@pytest.fixture
def database(sqlite_url: str) -> str:
    """An empty database of a business in Berlin."""
    store = Store.open(sqlite_url)
    store.set_business(Business("Europe/Berlin", "EUR", consent_required=False))
    store.close()
    return sqlite_url


def run(*arguments: str, database: str = "sqlite:///nowhere.db") -> Result:
    environment = {"FARVIEW_DATABASE_URL": database, "COLUMNS": "300", "TERMINAL_WIDTH": "300"}
    return CliRunner().invoke(app, ["import", *arguments], env=environment)


def written(folder: Path, text: str, name: str = "file.csv") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


@pytest.mark.parametrize("kind", KINDS)
def test_help_lists_an_option_for_every_column_and_an_example(kind: str) -> None:
    shown = run(kind, "--help").output
    assert f"Example: farview import {kind} " in shown
    assert all(column.option in shown for column in KINDS[kind].columns)
    assert ("--attribute " in shown) == KINDS[kind].attributes
    assert ("--decimal " in shown) == KINDS[kind].decimal


@pytest.mark.parametrize("kind", KINDS)
def test_options_of_a_kind_differ(kind: str) -> None:
    options = [column.option for column in KINDS[kind].columns]
    assert len(set(options)) == len(options)


def test_columns_are_found_by_their_options(tmp_path: Path, database: str) -> None:
    text = "sku;cost;kind;colour\nI1;9,50;toys;red\n"
    file = written(tmp_path, text)
    named = ["--item-column", "sku", "--price-column", "cost", "--category-column", "kind", "--decimal", ","]
    assert run("items", file, *named, database=database).output.splitlines() == [
        "1 imported.",
        "Next: farview import impressions FILE",
    ]
    store = Store.open(database)
    (item,) = store.items(["I1"]).to_pylist()
    store.close()
    assert (item["price"], item["category"], item["attributes"]) == (9.5, "toys", '{"colour": "red"}')


def test_bad_rows_are_told_and_what_to_do_with_them(tmp_path: Path, database: str) -> None:
    file = written(tmp_path, "customer_id,time_zone,age\na,Asia/Tokyo,34\nb,Mars,35\n")
    rejects = tmp_path / "file.rejects.csv"
    assert run("customers", file, database=database).output.splitlines() == [
        'file.csv, line 3: time_zone "Mars" is not an IANA time zone (for example Europe/Berlin)',
        f"1 of 2 rows rejected, written with reasons to {rejects}; 1 imported.",
        f"Next: mend {rejects} and import it with the same options, or farview import consents FILE",
    ]
    rejects.write_text(rejects.read_text().replace("b,Mars", "b,Europe/Paris"))
    assert run("customers", str(rejects), database=database).output.startswith("1 imported.")


def test_a_file_of_bad_rows_only_leaves_mending(tmp_path: Path, database: str) -> None:
    file = written(tmp_path, "customer_id,channel,allowed,time\na,email,perhaps,2024-01-01\n")
    said = run("consents", file, database=database).output.splitlines()[-1]
    assert said == f"Next: mend {tmp_path / 'file.rejects.csv'} and import it with the same options"


def test_a_file_of_a_header_says_so(tmp_path: Path, database: str) -> None:
    said = run("transactions", written(tmp_path, "customer_id,time,amount\n"), database=database).output.splitlines()
    assert said == ["file.csv has no rows below its header.", "Next: farview import transactions FILE"]


def test_a_customer_who_is_imported_again_is_updated(tmp_path: Path, database: str) -> None:
    run("customers", written(tmp_path, "customer_id,age,city\na,34,Rome\nb,35,Rome\n"), database=database)
    again = written(tmp_path, "customer_id,age,city\na,34,\nb,36,Rome\n", "next.csv")
    assert run("customers", again, database=database).output.startswith("0 imported, 1 known already, 1 updated.")


def test_named_attributes_are_the_only_ones_read(tmp_path: Path, database: str) -> None:
    file = written(tmp_path, "customer_id,age,city,note\na,34,Rome,x\n")
    run("customers", file, "--attribute", "age", "--attribute", "city", database=database)
    store = Store.open(database)
    (row,) = store.attributes().to_pylist()
    store.close()
    assert json.loads(row["attributes"]) == {"age": 34, "city": "Rome"}


def test_json_counts_what_became_of_the_rows(tmp_path: Path, database: str) -> None:
    text = "query_id,customer_id,time,position,item_id,grade\nq,a,2024-01-01,1,i,2\nq,a,2024-01-01,2,j,none\n"
    said = json.loads(run("impressions", written(tmp_path, text), "--json", database=database).stdout)
    assert said == {
        "kind": "impressions",
        "file": "file.csv",
        "import_id": 1,
        "imported_before": False,
        "rows": 2,
        "imported": 1,
        "unchanged": 0,
        "corrected": 0,
        "rejected": 1,
        "rejects_file": str(tmp_path / "file.rejects.csv"),
        "taken_over": "",
    }


def test_a_file_of_another_kind_is_told_what_it_lacks(tmp_path: Path, database: str) -> None:
    refused = run("touchpoints", written(tmp_path, "customer_id,time,amount\n"), database=database)
    assert isinstance(refused.exception, InvalidInput)
    assert "no column 'interaction'; it has customer_id, time, amount" in str(refused.exception)
    assert "(name it with --interaction-column)" in str(refused.exception)
