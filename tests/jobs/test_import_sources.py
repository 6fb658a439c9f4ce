"""Folders, queries of other databases, and options that are remembered."""

import sqlite3
from pathlib import Path

import duckdb
import pytest

from farview.core.errors import InvalidInput
from farview.store.store import Store
from jobs import import_from as module
from jobs.import_file import ImportResult, import_file
from jobs.import_folder import FolderResult, import_folder
from jobs.import_from import import_from
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions
from tests.jobs.test_import_transactions import events, written

SALES = KINDS["transactions"]
HEADER = "customer_id,time,amount\n"


def folder_of(store: Store, folder: Path) -> FolderResult:
    return import_folder(store, SALES, folder, FileOptions(), who="ada")


def file_of(store: Store, file: Path, **columns: str) -> ImportResult:
    return import_file(store, SALES, file, FileOptions(columns), who="ada")


def test_every_file_of_the_kind_is_imported_in_the_order_of_names(store: Store, tmp_path: Path) -> None:
    for name, row in (("2.csv", "b,2024-01-02,2"), ("1.csv.gz", "a,2024-01-01,1"), (".3.csv", "c,2024-01-03,3")):
        written(tmp_path, HEADER + row + "\n", name)
    written(tmp_path, "item_id,price\ni,1\n", "items.csv")
    (tmp_path / "notes.md").write_text("not a table")
    result = folder_of(store, tmp_path)
    assert [one.file for one in result.results] == ["1.csv.gz", "2.csv"]
    assert [reason.split(": ", 1)[1][:23] for reason in result.left_out] == ["no column 'customer_id'"]
    assert [amount for _, _, amount in events(store)] == [1.0, 2.0]
    assert result.lines()[-1].endswith("2 of 2 files imported now, 2 new transactions, 0 rejected; 0 were in before.")


def test_a_folder_goes_on_after_the_files_that_are_in(sqlite_store: Store, tmp_path: Path) -> None:
    written(tmp_path, f"{HEADER}a,2024-01-01,1\n", "1.csv")
    broken = written(tmp_path, f"{HEADER}b,2024-01-02,2\n" + "x,2024-01-01,1\n" * 9_000, "2.csv.gz")
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-9])
    written(tmp_path, f"{HEADER}c,2024-01-03,bad\nc,2024-01-03,3\n", "3.csv")
    first = folder_of(sqlite_store, tmp_path)
    assert [one.file for one in first.results] == ["1.csv", "3.csv"]
    assert "cannot be read to its end" in first.failed[0]
    broken.write_bytes(whole)
    again = folder_of(sqlite_store, tmp_path)  # and the rejects of 3.csv are no file of it
    assert [one.imported.before for one in again.results] == [True, False, True]
    assert len(events(sqlite_store)) == 9_003


def test_a_folder_without_a_file_of_the_kind_is_refused(sqlite_store: Store, tmp_path: Path) -> None:
    written(tmp_path, "item_id,price\ni,1\n", "items.csv")
    with pytest.raises(InvalidInput, match=r"has no file of transactions; .*no column 'customer_id'"):
        folder_of(sqlite_store, tmp_path)


def test_the_columns_of_the_last_import_are_those_of_the_next(store: Store, tmp_path: Path) -> None:
    text = "client;time;total\na;2024-01-01;1,5\n"
    options = FileOptions({"customer_id": "client", "amount": "total"}, ",")
    import_file(store, SALES, written(tmp_path, text), options, who="ada")
    result = file_of(store, written(tmp_path, text.replace("1,5", "2,5"), "next.csv"))
    said = "As in the last import of transactions: --customer-column client --amount-column total --decimal ,"
    assert result.lines() == [said, "1 imported."]
    assert [amount for _, _, amount in events(store)] == [1.5, 2.5]


def test_what_is_named_and_what_the_file_lacks_is_not_taken_over(sqlite_store: Store, tmp_path: Path) -> None:
    file_of(
        sqlite_store, written(tmp_path, "client,time,total\na,2024-01-01,1\n"), customer_id="client", amount="total"
    )
    other = written(tmp_path, "customer_id,client,time,amount\nb,shop,2024-01-01,2\n", "other.csv")
    assert file_of(sqlite_store, other, customer_id="customer_id").taken_over == ""
    assert [customer for customer, _, _ in events(sqlite_store)] == ["a", "b"]
    assert sqlite_store.import_options("transactions") == {}


def test_an_import_that_fails_is_not_remembered(sqlite_store: Store, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        file_of(sqlite_store, written(tmp_path, "client,time\na,2024-01-01\n"), customer_id="client")
    assert sqlite_store.import_options("transactions") == {}


def sold(tmp_path: Path, kind: str) -> str:
    """URL of a shop's database with two sales."""
    statements = (
        "CREATE TABLE sales (client TEXT, sold_at TEXT, total NUMERIC)",
        "INSERT INTO sales VALUES ('a', '2024-01-01', 1.25), ('b', '2024-01-02 10:00', NULL)",
    )
    path = tmp_path / f"shop.{kind}"
    connection = sqlite3.connect(path) if kind == "sqlite" else duckdb.connect(str(path))
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return f"{kind}:///{path}"


QUERY = "SELECT client AS customer_id, sold_at AS time, total AS amount FROM sales ORDER BY client"


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_query_is_imported_like_a_file(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    url = sold(tmp_path, kind)
    result = import_from(sqlite_store, SALES, url, QUERY, FileOptions(), who="ada")
    assert result.lines()[0] == "query.csv, line 3: amount is empty"
    assert (tmp_path / "query.rejects.csv").is_file()
    assert [(customer, amount) for customer, _, amount in events(sqlite_store)] == [("a", 1.25)]
    assert import_from(sqlite_store, SALES, url, QUERY, FileOptions(), who="ada").imported.before


def test_a_query_of_postgresql_is_read(sqlite_store: Store, postgres_server: str) -> None:
    query = "SELECT 'a' AS customer_id, TIMESTAMPTZ '2024-01-01 00:00:00+00' AS time, 12.50::numeric AS amount"
    import_from(sqlite_store, SALES, postgres_server, query, FileOptions(), who="ada")
    assert [amount for _, _, amount in events(sqlite_store)] == [12.5]


@pytest.mark.parametrize(
    ("url", "query", "said"),
    [
        ("no url", QUERY, "--from: is not a database URL"),
        ("sqlite:///missing.db", QUERY, "--from: there is no file missing.db"),
        ("nothing://host/x", QUERY, "--from: needs a driver that is not installed"),
        ("SHOP", "SELECT nothing FROM sales", "--query: was refused .*nothing"),
        ("SHOP", "DELETE FROM sales", "--query: was refused .*readonly"),
    ],
)
def test_what_cannot_be_asked_is_refused(sqlite_store: Store, tmp_path: Path, url: str, query: str, said: str) -> None:
    found = url.replace("SHOP", sold(tmp_path, "sqlite"))
    with pytest.raises(InvalidInput, match=said):
        import_from(sqlite_store, SALES, found, query, FileOptions(), who="ada")


def test_values_are_written_as_files_write_them() -> None:
    values = (None, True, 1, 0.1)
    assert [module._text(value) for value in values] == ["", "true", "1", "0.1"]
