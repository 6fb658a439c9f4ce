"""Transaction files as a backtest takes them: by the rules of the import."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from farview.core.errors import InvalidInput
from jobs.backtest_events import FileEvents, read_events
from jobs.import_reading import FileOptions


def read(tmp_path: Path, text: str, zone: str = "UTC") -> FileEvents:
    path = tmp_path / "shop.csv"
    path.write_text(text)
    return read_events(path, FileOptions(), zone, "EUR")


def test_rows_become_utc_events_with_text_ids(tmp_path: Path) -> None:
    file = read(tmp_path, "customer_id,time,amount\n007,2024-07-01,1.5\n", zone="Europe/Berlin")
    assert file.events.to_pylist() == [
        {"customer_id": "007", "time": datetime(2024, 6, 30, 22, tzinfo=UTC), "amount": 1.5}
    ]


def test_rejected_rows_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    file = read(tmp_path, "customer_id,time,amount\na,2024-07-01,1\na,2024-13-01,1\na,2024-07-01,x\n")
    assert (file.events.num_rows, file.rejected_rows) == (1, 2)
    assert file.first_reject is not None
    assert (file.first_reject.line, file.first_reject.field) == (3, "time")


def test_rows_in_another_currency_are_not_added_up(tmp_path: Path) -> None:
    file = read(tmp_path, "customer_id,time,amount,currency\na,2024-07-01,1,EUR\na,2024-07-01,9,JPY\n")
    assert (file.events.column("amount").to_pylist(), file.rejected_rows) == ([1.0], 1)


def test_the_last_row_of_a_transaction_id_counts_and_rows_without_one_all_do(tmp_path: Path) -> None:
    rows = ["x,a,1", "y,a,2", ",a,3", "x,a,4", ",a,3"]
    text = "transaction_id,customer_id,amount,time\n" + "\n".join(row + ",2024-07-01" for row in rows)
    assert read(tmp_path, text).events.column("amount").to_pylist() == [2.0, 3.0, 4.0, 3.0]


def test_a_file_without_a_good_row_is_refused_with_the_first_reason(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidInput, match=r'no usable transaction; rejected rows: 1, the first at line 2: amount "1,5"'
    ):
        read(tmp_path, 'customer_id,time,amount\na,2024-07-01,"1,5"\n')


def test_an_unknown_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="IANA"):
        read(tmp_path, "customer_id,time,amount\na,2024-07-01,1\n", zone="Mars")
