"""Stored attributes become columns of one type each, whatever was imported."""

import json

import pyarrow as pa
import pytest

from farview.core.errors import InvalidInput
from farview.core.schemas import ATTRIBUTES
from farview.features.attributes import NUMBER, TEXT, TRUTH, attribute_kinds, attribute_table
from farview.features.journey_context import ContextEncoding


def stored(*attributes: dict[str, object]) -> pa.Table:
    """Customers a, b, ... with these attributes."""
    rows = [
        {"customer_id": chr(ord("a") + number), "time_zone": None, "attributes": json.dumps(one)}
        for number, one in enumerate(attributes)
    ]
    return pa.Table.from_pylist(rows, schema=ATTRIBUTES)


def test_numbers_truths_and_texts_keep_their_type() -> None:
    table = stored({"age": 31, "member": True, "segment": "new"}, {"age": 40.5, "member": False, "segment": "loyal"})
    kinds = attribute_kinds(table)
    assert kinds == {"age": NUMBER, "member": TRUTH, "segment": TEXT}
    assert attribute_table(table, kinds).to_pylist() == [
        {"customer_id": "a", "age": 31.0, "member": True, "segment": "new"},
        {"customer_id": "b", "age": 40.5, "member": False, "segment": "loyal"},
    ]


def test_an_attribute_of_several_types_is_text() -> None:
    table = stored({"size": 38}, {"size": "M"}, {"size": True})
    assert attribute_table(table, attribute_kinds(table))["size"].to_pylist() == ["38", "M", "true"]


def test_whom_an_attribute_is_not_known_of_has_null() -> None:
    table = stored({"age": 31}, {}, {"age": None})
    assert attribute_table(table, attribute_kinds(table))["age"].to_pylist() == [31.0, None, None]


def test_only_the_attributes_asked_for_become_columns() -> None:
    assert list(attribute_kinds(stored({"b": 1, "a": 2, "c": 3}), ["c", "a"])) == ["c", "a"]


def test_an_attribute_that_nobody_has_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"no customer has 'shoe'.*known: age"):
        attribute_kinds(stored({"age": 31}), ["shoe"])


def test_a_customer_imported_with_another_type_later_is_read_as_the_model_learnt() -> None:
    """One customer's odd value fails nothing: a number that became text is not known, a truth is its text."""
    learnt = stored({"age": 30, "member": True}, {"age": 40, "member": False})
    encoding = ContextEncoding.learn(attribute_table(learnt, attribute_kinds(learnt)), ["age", "member"])
    now = attribute_table(stored({"age": "unknown", "member": True}), encoding.kinds)
    assert encoding.encode(now, ["a"]).tolist() == [[0.0, 0.0, 1.0]]
