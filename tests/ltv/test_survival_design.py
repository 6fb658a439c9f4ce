"""Covariates as columns: readable names, references, and nothing that says the same twice."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.errors import InvalidInput
from ltv.survival_design import learn_design
from tests.tiers import examples

TABLE = pa.table(
    {
        "id": [f"c{k}" for k in range(60)],
        "term": (["month", "month", "month", "year", None, "two years"] * 10),
        "charge": [10.0, 20.0, None, 30.0, 40.0, 20.0] * 10,
        "twice": [20.0, 40.0, None, 60.0, 80.0, 40.0] * 10,
        "senior": [True, False, False, True, False, False] * 10,
        "same": ["x"] * 60,
    }
)


def test_texts_have_a_column_for_each_value_but_the_most_frequent() -> None:
    design = learn_design(TABLE, ["term", "charge", "senior"])
    assert [column.name for column in design.columns] == [
        "term = (blank)",
        "term = two years",
        "term = year",
        "charge",
        "senior = true",
    ]
    assert design.matrix(TABLE)[3].tolist() == [0.0, 0.0, 1.0, 30.0, 1.0]


def test_a_number_that_is_not_known_is_its_mean() -> None:
    assert learn_design(TABLE, ["charge"]).matrix(TABLE)[2].tolist() == [24.0]


def test_a_value_never_seen_is_as_the_reference() -> None:
    design = learn_design(TABLE, ["term"])
    assert design.matrix(pa.table({"term": ["decade"]})).tolist() == [[0.0, 0.0, 0.0]]


def test_what_says_nothing_more_is_left_out_and_named() -> None:
    design = learn_design(TABLE, ["charge", "twice", "same"])
    assert ([column.name for column in design.columns], design.left_out) == (["charge"], ("twice",))


@settings(max_examples=examples(ci=50, soak=3000))
@given(st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, 1e4])] * 4), min_size=6, max_size=20))
def test_columns_that_are_kept_are_independent_of_each_other_and_of_a_constant(rows) -> None:  # type: ignore[no-untyped-def]
    table = pa.table({name: list(column) for name, column in zip("abcd", zip(*rows, strict=True), strict=True)})
    matrix = learn_design(table, list("abcd")).matrix(table)
    scaled = matrix / np.maximum(np.abs(matrix).max(axis=0, initial=0.0), 1.0)
    assert np.linalg.matrix_rank(np.column_stack([np.ones(len(rows)), scaled])) == 1 + matrix.shape[1]


def test_an_identifier_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"id: has 60 different texts.*identifier"):
        learn_design(TABLE, ["id"])


def test_a_column_that_is_not_there_is_refused_and_those_that_are_named() -> None:
    with pytest.raises(InvalidInput, match=r"shoe: there is no such column \(there are id, term"):
        learn_design(TABLE, ["shoe"])
