"""A file of contracts is read as it is meant, and what cannot be is named with its mend."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from farview.core.errors import InvalidInput
from jobs.contract_file import ContractColumns, read_contracts

COLUMNS = ContractColumns("months", "left", covariates=("charge", "term"))


def written(folder: Path, *rows: str, header: str = "months,left,charge,term,since") -> Path:
    path = folder / "contracts.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_durations_ends_and_covariates_are_read(tmp_path: Path) -> None:
    read = read_contracts(written(tmp_path, "3,Yes,10.5,year,0", "7,No, ,month,2"), COLUMNS)
    assert read.duration.tolist() == [3.0, 7.0]
    assert read.ended.tolist() == [True, False]
    assert read.covariates.to_pydict() == {"charge": [10.5, None], "term": ["year", "month"]}
    assert (read.entry, read.group, read.never_watched, read.rejected_rows) == (None, None, 0, 0)


@pytest.mark.parametrize(("yes", "no"), [("Yes", "No"), ("true", "FALSE"), ("1", "0"), ("y", "N")])
def test_ends_are_truths_in_any_of_the_usual_ways(tmp_path: Path, yes: str, no: str) -> None:
    read = read_contracts(written(tmp_path, f"3,{yes},1,a,0", f"3,{no},1,a,0"), COLUMNS)
    assert read.ended.tolist() == [True, False]


def test_another_text_is_an_end_where_it_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "3,churned,1,a,0", "3,active,1,a,0", "4,,1,a,0")
    read = read_contracts(path, ContractColumns("months", "left", "churned"))
    assert (read.ended.tolist(), read.rejected_rows) == ([True, False], 1)


def test_texts_that_are_no_truths_need_the_one_that_means_an_end(tmp_path: Path) -> None:
    path = written(tmp_path, "3,churned,1,a,0", "3,active,1,a,0")
    with pytest.raises(InvalidInput, match=r"--event-value.*active, churned"):
        read_contracts(path, COLUMNS)


def test_an_end_that_never_happens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="never 'gone'"):
        read_contracts(written(tmp_path, "3,Yes,1,a,0"), ContractColumns("months", "left", "gone"))


def test_bad_rows_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "3,Yes,1,a,0", "-1,No,1,a,0", "2,maybe,1,a,0", "x,No,1,a,0")
    read = read_contracts(path, COLUMNS)
    assert (len(read.duration), read.rejected_rows) == (1, 3)
    assert read.first_reject == "contracts.csv, row 2: months '-1' is not a number of at least 0"


def test_what_was_never_watched_is_left_out_and_counted(tmp_path: Path) -> None:
    path = written(tmp_path, "0,No,1,a,0", "5,Yes,1,a,5", "5,Yes,1,a,3")
    read = read_contracts(path, ContractColumns("months", "left", entry="since"))
    assert (read.duration.tolist(), read.entry.tolist() if read.entry is not None else None) == ([5.0], [3.0])
    assert (read.never_watched, read.rejected_rows) == (2, 0)


def test_a_parquet_file_reads_as_its_csv(tmp_path: Path) -> None:
    rows = {"months": [3.0, 7.0], "left": [True, False], "charge": [10.5, None], "term": ["year", "month"]}
    pyarrow.parquet.write_table(pa.table(rows), tmp_path / "contracts.parquet")
    read = read_contracts(tmp_path / "contracts.parquet", COLUMNS)
    assert (read.duration.tolist(), read.ended.tolist()) == ([3.0, 7.0], [True, False])
    assert read.covariates.to_pydict() == {"charge": [10.5, None], "term": ["year", "month"]}


def test_a_column_that_is_not_there_is_named_beside_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no column 'tenure'; it has months, left"):
        read_contracts(written(tmp_path, "3,Yes,1,a,0"), ContractColumns("tenure", "left"))


def test_a_file_without_a_good_row_is_refused_with_its_first_problem(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no row is good \(contracts.csv, row 1: months 'x'"):
        read_contracts(written(tmp_path, "x,Yes,1,a,0"), COLUMNS)
