"""Reading transaction files: what is taken, and what is refused with its line and reason."""

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from farview.core import schemas
from farview.core.errors import InvalidInput
from jobs.read_transactions import TransactionFile, TransactionFormat

MESSY = """customer_id,time,amount
001,2020-01-01,1.5
002,2020-07-01T10:00:00+02:00,-2
003,2020-01-01,3,4
004,2020-02-30,5
,2020-01-01,1
005,2020-01-01,"12,50"
006,2020-01-01
007,infinity,1
008,2020-01-01,nan
009,2020-07-01 10:00,1e3
"""


def read(path: Path, format_: TransactionFormat | None = None) -> tuple[list[tuple[object, ...]], TransactionFile]:
    file = TransactionFile(path, format_ or TransactionFormat())
    table = pa.Table.from_batches(file.batches(), schema=schemas.EVENTS)
    return [tuple(row.values()) for row in table.to_pylist()], file


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    path = tmp_path / "messy.csv"
    path.write_text(MESSY)
    return path


def test_good_rows_keep_their_text_ids_and_become_utc(messy: Path) -> None:
    rows, _ = read(messy)
    assert rows == [
        ("001", datetime(2020, 1, 1, tzinfo=UTC), 1.5),
        ("002", datetime(2020, 7, 1, 8, tzinfo=UTC), -2.0),
        ("009", datetime(2020, 7, 1, 10, tzinfo=UTC), 1000.0),
    ]


def test_times_without_an_offset_stand_in_the_business_zone(messy: Path) -> None:
    rows, _ = read(messy, TransactionFormat(zone="Europe/Berlin"))
    assert [row[1] for row in rows] == [
        datetime(2019, 12, 31, 23, tzinfo=UTC),
        datetime(2020, 7, 1, 8, tzinfo=UTC),
        datetime(2020, 7, 1, 8, tzinfo=UTC),
    ]


def test_every_bad_row_is_named_by_line_and_field(messy: Path) -> None:
    _, file = read(messy)
    assert file.rejected_rows == 7
    assert [(reject.line, reject.field) for reject in file.rejects] == [
        (4, "line"),
        (5, "time"),
        (6, "customer_id"),
        (7, "amount"),
        (8, "line"),
        (9, "time"),
        (10, "amount"),
    ]


def test_a_decimal_comma_is_suggested_and_read(messy: Path) -> None:
    _, file = read(messy)
    assert file.rejects[3].problem == '"12,50" is not a number (is the decimal mark a comma? try --decimal ,)'
    rows, _ = read(messy, TransactionFormat(decimal=","))
    assert ("005", datetime(2020, 1, 1, tzinfo=UTC), 12.5) in rows


def test_gzip_and_other_names_of_columns_are_read(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv.gz"
    path.write_bytes(gzip.compress(b"who;when;paid\n7;2020-01-01;9.5\n"))
    rows, _ = read(path, TransactionFormat("who", "when", "paid"))
    assert rows == [("7", datetime(2020, 1, 1, tzinfo=UTC), 9.5)]


def test_parquet_with_its_own_types_is_read(tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    day = pa.array([date(2020, 1, 1), None], pa.date32())
    pq.write_table(pa.table({"customer_id": [7, 8], "time": day, "amount": [9.1, 2.0]}), path)
    rows, file = read(path)
    assert rows == [("7", datetime(2020, 1, 1, tzinfo=UTC), 9.1)]
    assert [(reject.line, reject.field) for reject in file.rejects] == [(2, "time")]


def test_a_missing_column_is_named_beside_those_there(messy: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no column 'paid'; it has customer_id, time, amount .*--amount-column"):
        read(messy, TransactionFormat(amount="paid"))


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe\x01" * 50])
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"broken\.csv"):
        read(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such file"):
        read(tmp_path / "nowhere.csv")
