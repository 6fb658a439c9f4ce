"""The numpy executor against plain Python, row by row."""

import operator
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from farview.core.filters import EVERYTHING, And, Comparison, Filter, Op, compile_filter, mask, unparse
from tests.core.filter_cases import FIELDS, columns_of, rows, trees
from tests.tiers import examples

OPERATORS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def selects(tree: Filter, row: dict[str, Any]) -> bool:
    if not isinstance(tree, Comparison):
        return (all if isinstance(tree, And) else any)(selects(part, row) for part in tree.parts)
    return row[tree.field] is not None and bool(OPERATORS[tree.op](row[tree.field], tree.value))


@given(trees(), rows())
@settings(max_examples=examples(ci=300, soak=100_000))
def test_the_mask_equals_a_comparison_of_each_row(tree: Filter, table: list[tuple[Any, ...]]) -> None:
    expected = [selects(tree, dict(zip(FIELDS, row, strict=True))) for row in table]
    assert mask(tree, columns_of(table), len(table)).tolist() == expected


@pytest.mark.parametrize("op", list(Op))
def test_a_null_never_matches(op: Op) -> None:
    columns = columns_of([(None, None, 0, None)])
    for text in (f"cohort {op} a", f"value_mean {op} 1", f"first_purchase_date {op} 1997-03-31"):
        assert not mask(compile_filter(text, FIELDS), columns, 1).any()
        assert not mask(compile_filter(f"NOT {text}", FIELDS), columns, 1).any()


@given(trees(), rows())
@settings(max_examples=examples(ci=100, soak=10_000))
def test_not_selects_the_other_rows_where_all_is_known(tree: Filter, table: list[tuple[Any, ...]]) -> None:
    known = [tuple(0.0 if value is None else value for value in row) for row in table]
    known = [(str(cohort), value, count, day or date(1997, 3, 31)) for cohort, value, count, day in known]
    columns = columns_of(known)
    other = compile_filter(f"NOT ({unparse(tree)})", FIELDS)
    assert np.array_equal(mask(other, columns, len(known)), ~mask(tree, columns, len(known)))


def test_the_empty_filter_selects_every_row() -> None:
    assert mask(EVERYTHING, {}, 3).tolist() == [True, True, True]


@given(trees(), rows())
@settings(max_examples=examples(ci=100, soak=5_000))
def test_fixed_width_strings_compare_as_objects_do(tree: Filter, table: list[tuple[Any, ...]]) -> None:
    columns = columns_of([(cohort or "", *rest) for cohort, *rest in table])
    fixed = columns | {"cohort": columns["cohort"].astype(np.str_)}
    assert mask(tree, fixed, len(table)).tolist() == mask(tree, columns, len(table)).tolist()


def test_a_narrow_column_is_widened_before_it_is_compared() -> None:
    tenth = np.array([0.1], dtype=np.float32)  # 0.100000001490116 as a double
    assert mask(Comparison("value_mean", Op.GT, 0.1), {"value_mean": tenth}, 1).tolist() == [True]
