"""Random filters and rows over four typed fields, for the tests of both executors."""

from datetime import date
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from farview.core.filters import And, Comparison, FieldType, Filter, Op, Or

FIELDS = {
    "cohort": FieldType.STRING,
    "value_mean": FieldType.NUMBER,
    "frequency": FieldType.NUMBER,
    "first_purchase_date": FieldType.DATE,
}

# Few values, so that rows and filters meet; chosen where orders of locales, bytes and UTF-16 units differ.
_STRINGS = [
    "",
    "a",
    "A",
    "B",
    "b",
    "a b",
    "a-b",
    "ab",
    "é",
    "z",
    "Z",
    "ß",
    "ss",
    "\uff5e",
    "\U0001f600",
    "1997-03",
    "%",
    "'",
]
_NUMBERS = [0.0, -0.0, 0.1, 0.1 + 0.2, 0.3, 1.0, -1.0, 12.5, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308]
_DATES = [date.min, date(1970, 1, 1), date(1997, 3, 31), date(1997, 4, 1), date.max]

_strings = st.sampled_from(_STRINGS) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4
)
_numbers = st.sampled_from(_NUMBERS) | st.floats(allow_nan=False, allow_infinity=False)
_dates = st.sampled_from(_DATES) | st.dates()
_counts = st.integers(-3, 3)


def _comparisons(field: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Comparison]:
    return st.builds(Comparison, st.just(field), st.sampled_from(list(Op)), values)


def trees() -> st.SearchStrategy[Filter]:
    """Comparisons, and ANDs and ORs of two to four of them, in one another by turns."""
    comparison = (
        _comparisons("cohort", _strings)
        | _comparisons("value_mean", _numbers)
        | _comparisons("frequency", _counts.map(float) | _numbers)
        | _comparisons("first_purchase_date", _dates)
    )
    any_of, all_of = _several(Or, comparison), _several(And, comparison)
    for _ in range(2):
        any_of, all_of = _several(Or, comparison | all_of), _several(And, comparison | any_of)
    return comparison | any_of | all_of


def _several(kind: type[And] | type[Or], part: st.SearchStrategy[Any]) -> st.SearchStrategy[Filter]:
    return st.lists(part, min_size=2, max_size=4).map(lambda parts: kind(tuple(parts)))


def rows() -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """Rows of (cohort, value_mean, frequency, first_purchase_date), each None at times."""
    row = st.tuples(
        st.none() | _strings,
        st.none() | _numbers | st.sampled_from([float("inf"), float("-inf")]),
        _counts,
        st.none() | _dates,
    )
    return st.lists(row, min_size=1, max_size=12)


def columns_of(table: list[tuple[Any, ...]]) -> dict[str, NDArray[Any]]:
    """The rows as numpy columns; nulls as None, NaN and NaT."""
    cohort, value_mean, frequency, first_purchase_date = zip(*table, strict=True)
    return {
        "cohort": np.array(cohort, dtype=object),
        "value_mean": np.array([np.nan if value is None else value for value in value_mean]),
        "frequency": np.array(frequency, dtype=np.int32),
        "first_purchase_date": np.array(first_purchase_date, dtype="datetime64[D]"),
    }
