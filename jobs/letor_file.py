"""Files of learning to rank: graded candidates in SVMlight form, and how many rows each query has.

A reader of our own: the form is a dozen lines, the libraries that read it weigh hundreds of megabytes or stop without
saying where.
"""

import gzip
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.queries import Queries

HIGHEST_GRADE = 31  # 2^31 - 1 is the largest gain that ranks without rounding
MOST_FEATURES = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class LetorFile:
    """n rows of q queries."""

    grades: IntArray  # (n,)
    queries: Queries
    row: IntArray  # (entries,) of each written feature
    feature: IntArray  # (entries,) its index as written
    value: FloatArray  # (entries,)

    @property
    def last_feature(self) -> int:
        """The highest index written; -1 when no row has a feature."""
        return int(self.feature.max(initial=-1))

    def dense(self, features: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        """Shape (n, features): column i is the feature of index i, 0 where not written; higher indices are left out."""
        table = np.zeros((len(self.grades), features), dtype=np.float32)
        kept = self.feature < features
        table[self.row[kept], self.feature[kept]] = self.value[kept]
        return table


def read_letor(path: Path, sizes: Path | None) -> LetorFile:
    """A file in SVMlight form: `GRADE [qid:ID] INDEX:VALUE ... [# remark]`, plain or gzip, indices ascending.

    Args:
        path: rows of one query stand side by side.
        sizes: rows of each query, one number a line; None where the rows carry `qid`.

    Raises:
        InvalidInput: names file, line and what is wrong.
    """
    grades, row, feature, value = array("q"), array("q"), array("q"), array("d")
    qids: dict[int, str] = {}
    for number, text in _lines(path):
        where = f"{path.name}, line {number}"
        words = text.split()
        grades.append(_grade(where, words[0]))
        last = -1
        for word in words[1:]:
            name, colon, written = word.partition(":")
            if name == "qid" and colon:
                qids[len(grades) - 1] = written
                continue
            last = _index(where, name, colon, last)
            row.append(len(grades) - 1)
            feature.append(last)
            value.append(_value(where, word, written))
    if not grades:
        raise InvalidInput.of(path.name, "holds no row")
    if sizes is not None:
        queries = _read_sizes(sizes, len(grades), path)
    else:
        queries = _queries_of([*qids.values()], len(grades), path)
    columns = (np.frombuffer(each, dtype=each.typecode) for each in (row, feature, value))
    return LetorFile(np.frombuffer(grades, dtype=np.int64), queries, *columns)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers from 1 and the lines that hold something, without remarks."""
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, start=1):
                text = line.split("#", 1)[0]
                if text.strip():
                    yield number, text
    except FileNotFoundError:
        raise InvalidInput.of(str(path), "there is no such file") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InvalidInput.of(str(path), f"cannot be read ({error})") from None


def _opened(path: Path) -> IO[str]:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def _grade(where: str, text: str) -> int:
    try:
        grade = float(text)
    except ValueError:
        grade = -1.0
    if not (grade.is_integer() and 0 <= grade <= HIGHEST_GRADE):
        raise InvalidInput.of(where, f"grade {text!r} is not a whole number from 0 to {HIGHEST_GRADE}")
    return int(grade)


def _index(where: str, name: str, colon: str, last: int) -> int:
    if not colon or not name.isdecimal() or int(name) >= MOST_FEATURES:
        raise InvalidInput.of(
            where, f"{name!r} does not begin INDEX:VALUE with an index from 0 to {MOST_FEATURES - 1:,}"
        )
    if int(name) <= last:
        raise InvalidInput.of(where, f"index {name} stands after {last}; indices must ascend")
    return int(name)


def _value(where: str, word: str, written: str) -> float:
    try:
        value = float(written)
    except ValueError:
        value = float("nan")
    if not abs(value) <= np.finfo(np.float32).max:
        raise InvalidInput.of(where, f"{word!r} has no finite number after the colon")
    return value


def _read_sizes(sizes: Path, rows: int, path: Path) -> Queries:
    found = []
    for number, text in _lines(sizes):
        if not text.strip().isdecimal() or int(text) < 1:
            raise InvalidInput.of(
                f"{sizes.name}, line {number}", f"{text.strip()!r} is not a number of rows, at least 1"
            )
        found.append(int(text))
    if sum(found) != rows:
        raise InvalidInput.of(
            sizes.name, f"names {sum(found):,} rows and {path.name} has {rows:,} (do the two files belong together?)"
        )
    return Queries.of_sizes(np.array(found, dtype=np.int64))


def _queries_of(qids: list[str], rows: int, path: Path) -> Queries:
    if len(qids) != rows:
        mend = "name the file of query sizes" if not qids else "give every row one qid"
        raise InvalidInput.of(path.name, f"{len(qids):,} of {rows:,} rows carry a qid ({mend})")
    starts = [0, *(i for i in range(1, rows) if qids[i] != qids[i - 1])]
    names = [qids[i] for i in starts]
    if len(set(names)) < len(names):
        [(twice, _)] = Counter(names).most_common(1)
        raise InvalidInput.of(path.name, f"rows of query {twice} do not stand side by side (sort the file by qid)")
    return Queries(np.array([*starts, rows], dtype=np.int64))
