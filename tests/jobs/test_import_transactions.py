"""Importing files: every good row once, every bad row with its line, reason and mend."""

import csv
import gzip
import math
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.store.store import Store
from jobs.import_file import ImportResult, import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions
from jobs.import_rejects import Rejects

HEADER = "customer_id,time,amount\n"


def run(store: Store, file: Path, *, decimal: str = ".", **columns: str) -> ImportResult:
    return import_file(store, KINDS["transactions"], file, FileOptions(columns, decimal), who="ada")


def written(folder: Path, text: str, name: str = "sales.csv") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def events(store: Store, known_at: datetime | None = None) -> list[tuple[str, datetime, float]]:
    table = store.transactions(Cut(date(2100, 1, 1), known_at or datetime.now(UTC))).read_all()
    return sorted(zip(*(table[name].to_pylist() for name in (c.CUSTOMER_ID, c.TIME, c.AMOUNT)), strict=True))


def test_cdnow_is_imported_whole(store: Store, cdnow_full: Path) -> None:
    result = run(store, cdnow_full)
    with gzip.open(cdnow_full, "rt") as file:
        amounts = [float(row["amount"]) for row in csv.DictReader(file)]
    assert result.lines() == ["69,659 imported."]
    assert math.isclose(sum(amount for _, _, amount in events(store)), sum(amounts), rel_tol=1e-12)
    assert store.last_event_day() == date(1998, 6, 30)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (",2024-01-01,5", "customer_id is empty"),
        ("a\0b,2024-01-01,5", "customer_id contains a NUL character (is the file UTF-8?)"),
        ("a,,5", "time is empty"),
        ("a,31.12.2023,5", 'time "31.12.2023" is not a time (write 1997-09-30 or 1997-09-30T14:05:00+02:00)'),
        ("a,infinity,5", 'time "infinity" is not a time (write 1997-09-30 or 1997-09-30T14:05:00+02:00)'),
        ("a,2999-01-01,5", 'time "2999-01-01" lies in the future (is the year or the order of day and month wrong?)'),
        ("a,0199-01-01,5", 'time "0199-01-01" lies before 1900 (is the year written with four digits?)'),
        ("a,2024-01-01,", "amount is empty"),
        ('a,2024-01-01,"12,50"', 'amount "12,50" is not a number (is the decimal mark a comma? try --decimal ,)'),
        ("a,2024-01-01,twelve", 'amount "twelve" is not a number'),
        ("a,2024-01-01,1_000", 'amount "1_000" is not a number'),
        ("a,2024-01-01,nan", 'amount "nan" is not a number'),
        ("a,2024-01-01,1e12", 'amount "1e12" is not a number below 10^12'),
        ("a,2024-01-01", '"a,2024-01-01" has fewer fields than the header'),
        (
            "a,2024-01-01,12,50",
            '"a,2024-01-01,12,50" has more fields than the header (a decimal comma needs quotes, or another delimiter)',
        ),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason(sqlite_store: Store, tmp_path: Path, row: str, said: str) -> None:
    result = run(sqlite_store, written(tmp_path, f"{HEADER}a,2024-01-01,5\n{row}\nb,2024-01-02,6\n"))
    assert result.lines() == [
        f"sales.csv, line 3: {said}",
        f"1 of 3 rows rejected, written with reasons to {tmp_path / 'sales.rejects.csv'}; 2 imported.",
    ]
    assert [customer for customer, _, _ in events(sqlite_store)] == ["a", "b"]


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (
            "currency",
            "USD",
            'currency "USD" is not the reporting currency EUR, and there is no rate of that day or the 7',
        ),
        ("currency", "dollars", 'currency "dollars" is not an ISO 4217 code like EUR'),
        ("ingested_at", "soon", 'ingested_at "soon" is not a time (write 1997-09-30 or 1997-09-30T14:05:00+02:00)'),
        ("ingested_at", "2999-01-01", 'ingested_at "2999-01-01" lies in the future (is the year or the order of day'),
        ("transaction_id", "t\0", "transaction_id contains a NUL character (is the file UTF-8?)"),
    ],
)
def test_a_bad_optional_column_is_a_reason(
    sqlite_store: Store, tmp_path: Path, column: str, value: str, said: str
) -> None:
    path = written(tmp_path, f"customer_id,time,amount,{column}\na,2024-01-01,5,\na,2024-01-01,5,{value}\n")
    result = run(sqlite_store, path)
    assert result.lines()[0].startswith(f"sales.csv, line 3: {said}")
    assert result.imported.counts.added == 1


def test_the_first_problem_of_each_row_is_the_one_named(sqlite_store: Store, tmp_path: Path) -> None:
    result = run(sqlite_store, written(tmp_path, f"{HEADER},never,much\n"))
    assert [str(reject) for reject in result.rejects] == ["customer_id is empty"]


@pytest.mark.parametrize("name", ["sales.csv", "sales.csv.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_those_an_editor_shows(sqlite_store: Store, tmp_path: Path, name: str, end: str) -> None:
    lines = [
        "customer_id,time,amount",
        "a,2024-01-01,1",
        "",
        "b,2024-01-01,2,3",  # 4: too long
        '"c',  # 5 and 6: a quoted line break in a good row
        'c",2024-01-01,4',
        "d,2024-01-01,five",  # 7
        "e",  # 8: too short
        "",
        '"f',  # 10 and 11: a bad row that begins on line 10
        'f",2024-01-01,six',
        "g,2024-01-01,7",
    ]
    result = run(sqlite_store, written(tmp_path, end.join(lines) + end, name))
    assert [reject.line for reject in result.rejects] == [4, 7, 8, 10]
    assert [amount for _, _, amount in events(sqlite_store)] == [1.0, 4.0, 7.0]


def test_lines_stay_right_beyond_the_first_batch(sqlite_store: Store, tmp_path: Path) -> None:
    rows = [f"c{i},2024-01-01,{i}" for i in range(150_000)]
    for i in (5, 70_000, 149_999):
        rows[i] = f"c{i},2024-01-01,none"
    rows[100_000] = "short"
    result = run(sqlite_store, written(tmp_path, HEADER + "\n".join(rows) + "\n"))
    assert [reject.line for reject in result.rejects] == [7, 70_002, 100_002, 150_001]


def test_bytes_that_are_not_utf8_are_rejected_with_their_line(sqlite_store: Store, tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes(HEADER.encode() + b"a,2024-01-01,1\nM\xfcller,2024-01-01,2\nb,2024-01-01,3\n")
    result = run(sqlite_store, path)
    assert [(reject.line, "is not UTF-8" in reject.problem) for reject in result.rejects] == [(3, True)]
    assert result.imported.counts.added == 2


def test_a_mended_rejects_file_can_be_imported(sqlite_store: Store, tmp_path: Path) -> None:
    run(
        sqlite_store,
        written(tmp_path, "client;time;total\na;2024-01-01;1\nb;2024-01-01;x\n"),
        customer_id="client",
        amount="total",
    )
    rejects = tmp_path / "sales.rejects.csv"
    assert rejects.read_text().splitlines() == [
        "line,field,problem,client,time,total",
        '3,total,"""x"" is not a number",b,2024-01-01,x',
    ]
    rejects.write_text(rejects.read_text().replace(",x", ",2"))
    assert run(sqlite_store, rejects, customer_id="client", amount="total").lines() == ["1 imported."]
    assert [customer for customer, _, _ in events(sqlite_store)] == ["a", "b"]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_decimal_commas_and_other_delimiters_are_read(sqlite_store: Store, tmp_path: Path, delimiter: str) -> None:
    text = HEADER.replace(",", delimiter) + delimiter.join(["a", "2024-01-01", "-12,50"]) + "\n"
    run(sqlite_store, written(tmp_path, text), decimal=",")
    assert events(sqlite_store)[0][2] == -12.5


def test_a_point_among_decimal_commas_is_not_taken_for_one(sqlite_store: Store, tmp_path: Path) -> None:
    result = run(sqlite_store, written(tmp_path, "customer_id;time;amount\na;2024-01-01;1.250\n"), decimal=",")
    assert str(result.rejects[0]) == 'amount "1.250" is not a number (is the decimal mark a point? try --decimal .)'


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-07-01", datetime(2024, 6, 30, 22, tzinfo=UTC)),  # a date: the start of the day in Berlin
        ("20240701", datetime(2024, 6, 30, 22, tzinfo=UTC)),
        ("2024-07-01 00:30", datetime(2024, 6, 30, 22, 30, tzinfo=UTC)),  # no offset: time in Berlin
        ("2024-01-01T00:30:15.5", datetime(2023, 12, 31, 23, 30, 15, 500_000, tzinfo=UTC)),
        ("2024-07-01T00:30:00Z", datetime(2024, 7, 1, 0, 30, tzinfo=UTC)),
        ("2024-07-01 00:30:00-05:00", datetime(2024, 7, 1, 5, 30, tzinfo=UTC)),
        ("2024-03-31 02:30", datetime(2024, 3, 31, 1, 30, tzinfo=UTC)),  # skipped by summer time: an hour on
    ],
)
def test_times_without_an_offset_are_business_time(
    sqlite_store: Store, tmp_path: Path, text: str, utc: datetime
) -> None:
    run(sqlite_store, written(tmp_path, f"{HEADER}a,{text},1\n"))
    assert events(sqlite_store)[0][1] == utc


def test_parquet_is_read_with_its_own_types(sqlite_store: Store, tmp_path: Path) -> None:
    path = tmp_path / "sales.parquet"
    times = pa.array([datetime(2024, 7, 1, 0, 30)] * 3, pa.timestamp("us"))
    table = pa.table({"customer_id": pa.array([7, None, 8]), "time": times, "amount": pa.array([0.1, 1.0, None])})
    pq.write_table(table, path)
    result = run(sqlite_store, path)
    assert events(sqlite_store) == [("7", datetime(2024, 6, 30, 22, 30, tzinfo=UTC), 0.1)]
    assert result.lines()[:2] == ["sales.parquet, row 2: customer_id is empty", "sales.parquet, row 3: amount is empty"]


def test_the_same_content_is_imported_once_even_compressed(store: Store, tmp_path: Path) -> None:
    text = f"{HEADER}a,2024-01-01,5\n"
    first = run(store, written(tmp_path, text))
    again = run(store, written(tmp_path, text, "copy.csv.gz"))
    assert "was imported before" in again.lines()[0]
    assert (again.imported.import_id, len(events(store))) == (first.imported.import_id, 1)


def test_the_same_content_with_other_columns_is_another_import(sqlite_store: Store, tmp_path: Path) -> None:
    path = written(tmp_path, "customer_id,time,amount,margin\na,2024-01-01,5,2\n")
    run(sqlite_store, path)
    assert not run(sqlite_store, path, amount="margin").imported.before


def test_identical_rows_of_a_file_without_ids_are_kept(store: Store, tmp_path: Path) -> None:
    run(store, written(tmp_path, HEADER + "a,2024-01-01,5\n" * 3))
    assert len(events(store)) == 3


def test_a_longer_file_with_the_same_ids_adds_and_corrects(store: Store, tmp_path: Path) -> None:
    head = "transaction_id,customer_id,time,amount\n"
    run(store, written(tmp_path, f"{head}t1,a,2024-01-01,5\nt2,a,2024-01-02,6\n"))
    result = run(
        store, written(tmp_path, f"{head}t1,a,2024-01-01,5\nt2,a,2024-01-02,7\nt3,b,2024-01-03,8\n", "next.csv")
    )
    assert result.lines() == ["1 imported, 1 known already, 1 corrected."]
    assert [amount for _, _, amount in events(store)] == [5.0, 7.0, 8.0]


def test_rows_are_known_from_their_ingested_at(store: Store, tmp_path: Path) -> None:
    rows = "a,2024-01-01,5,2024-01-02T00:00:00Z\nb,2024-01-01,6,2024-02-02T00:00:00Z\n"
    run(store, written(tmp_path, f"customer_id,time,amount,ingested_at\n{rows}"))
    assert [customer for customer, _, _ in events(store, datetime(2024, 1, 31, tzinfo=UTC))] == ["a"]


def test_the_reporting_currency_is_accepted_in_small_letters(sqlite_store: Store, tmp_path: Path) -> None:
    result = run(sqlite_store, written(tmp_path, "customer_id,time,amount,currency\na,2024-01-01,5,eur\n"))
    assert result.imported.counts.added == 1


def test_a_missing_column_is_named_with_those_there_are(sqlite_store: Store, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no column 'customer_id'; it has client, time, amount .*--customer-column"):
        run(sqlite_store, written(tmp_path, "client,time,amount\na,2024-01-01,5\n"))


def test_a_file_that_is_cut_off_imports_nothing(sqlite_store: Store, tmp_path: Path) -> None:
    path = tmp_path / "sales.csv.gz"
    path.write_bytes(gzip.compress((HEADER + "a,2024-01-01,5\n" * 50_000).encode())[:-20])
    with pytest.raises(InvalidInput, match="cannot be read to its end"):
        run(sqlite_store, path)
    assert events(sqlite_store) == []
    assert sqlite_store.operations()[0].state == "failed"


@pytest.mark.parametrize("name", ["missing.csv", "sales.xlsx", "empty.csv"])
def test_what_is_no_table_is_refused(sqlite_store: Store, tmp_path: Path, name: str) -> None:
    if name != "missing.csv":
        (tmp_path / name).write_text("")
    with pytest.raises(InvalidInput, match=name):
        run(sqlite_store, tmp_path / name)


def test_a_file_of_bad_rows_stops_at_the_limit() -> None:
    rejects = Rejects({"time": "when"}, [("time", "is empty")], "EUR", limit=2)
    rows = pa.RecordBatch.from_pydict({"ordinal": [1, 2, 3], "problem": [1] * 3, "time": [""] * 3})
    with pytest.raises(InvalidInput, match="when: is empty, and 2 more rows are bad; nothing was imported"):
        rejects.add(rows)


def test_customers_are_known_after_an_import(store: Store, tmp_path: Path) -> None:
    run(store, written(tmp_path, f"{HEADER}b,2024-01-01,5\na,2024-01-01,5\nb,2024-01-01,5\n"))
    assert store.customers() == 2
