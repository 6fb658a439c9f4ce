"""Files of learning to rank: what is read, and that what is wrong is named with its line."""

import gzip
from pathlib import Path

import pytest

from farview.core.errors import InvalidInput
from jobs.letor_file import read_letor
from jobs.letor_tables import read_tables

GOOD = "2 1:0.5 3:1e2 # a remark\n\n0 2:-1\n1 1:.25\n"


def written(folder: Path, rows: str, sizes: str | None = None) -> tuple[Path, Path | None]:
    (folder / "r.svmlight").write_text(rows)
    if sizes is None:
        return folder / "r.svmlight", None
    (folder / "r.query").write_text(sizes)
    return folder / "r.svmlight", folder / "r.query"


def test_features_that_are_not_written_are_0(tmp_path: Path) -> None:
    read = read_letor(*written(tmp_path, GOOD, "2\n1\n"))
    assert read.dense(4).tolist() == [[0, 0.5, 0, 100], [0, 0, -1, 0], [0, 0.25, 0, 0]]
    assert read.grades.tolist() == [2, 0, 1]
    assert read.queries.starts.tolist() == [0, 2, 3]


def test_a_packed_file_reads_as_a_plain_one(tmp_path: Path) -> None:
    (tmp_path / "r.svmlight.gz").write_bytes(gzip.compress(GOOD.encode()))
    _, sizes = written(tmp_path, GOOD, "3")
    assert read_letor(tmp_path / "r.svmlight.gz", sizes).grades.tolist() == [2, 0, 1]


def test_queries_may_be_named_in_the_rows(tmp_path: Path) -> None:
    files = written(tmp_path, "1 qid:7 1:1\n0 qid:7 1:2\n1 qid:9 1:3\n")
    assert read_letor(*files).queries.starts.tolist() == [0, 2, 3]


def test_a_test_file_has_the_columns_of_the_training_file(tmp_path: Path) -> None:
    train = written(tmp_path, "1 qid:1 1:1 2:2\n")
    (tmp_path / "t.svmlight").write_text("1 qid:1 1:3 9:4\n")
    first, second = read_tables(train, (tmp_path / "t.svmlight", None), price_feature=1)
    assert second is not None
    assert (first.features.shape[1], second.features.tolist()) == (3, [[0, 3, 0]])


@pytest.mark.parametrize(
    ("rows", "sizes", "complaint"),
    [
        ("x 1:1\n", "1", "r.svmlight, line 1: grade 'x' is not a whole number from 0 to 31"),
        ("1 1:1\n-1 1:1\n", "2", "r.svmlight, line 2: grade '-1' is not"),
        ("1 1:1\n1 3:1 2:1\n", "2", "r.svmlight, line 2: index 2 stands after 3"),
        ("1 1:1 1:1\n", "1", "index 1 stands after 1"),
        ("1 1:nan\n", "1", "'1:nan' has no finite number"),
        ("1 1\n", "1", "'1' does not begin INDEX:VALUE"),
        ("1 -4:1\n", "1", "'-4' does not begin INDEX:VALUE"),
        ("1 1:1\n", "2", "r.query: names 2 rows and r.svmlight has 1"),
        ("1 1:1\n", "one", "r.query, line 1: 'one' is not a number of rows"),
        ("1 1:1\n", "0", "r.query, line 1: '0' is not a number of rows"),
        ("1 1:1\n", None, "0 of 1 rows carry a qid (name the file of query sizes)"),
        ("1 qid:1 1:1\n1 1:1\n", None, "1 of 2 rows carry a qid (give every row one qid)"),
        ("1 qid:1 1:1\n1 qid:2 1:1\n0 qid:1 1:1\n", None, "rows of query 1 do not stand side by side"),
        ("\n# only a remark\n", "1", "r.svmlight: holds no row"),
        ("0 1:1\n0 1:2\n", "2", "every grade is 0"),
        ("1\n", "1", "no row has a feature"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, rows: str, sizes: str | None, complaint: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_tables(written(tmp_path, rows, sizes), None, None)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(("feature", "complaint"), [(5, "5 is not in r.svmlight"), (1, "row 2 has price 0")])
def test_a_price_that_is_none_is_refused(tmp_path: Path, feature: int, complaint: str) -> None:
    files = written(tmp_path, "1 1:5\n0 2:1\n", "2")
    with pytest.raises(InvalidInput, match=complaint):
        read_tables(files, None, price_feature=feature)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no such file"):
        read_letor(tmp_path / "none", None)
