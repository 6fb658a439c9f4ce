"""Attributes of customers as the store keeps them, JSON of whatever was imported, as columns of one type each."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.errors import InvalidInput

NUMBER, TRUTH, TEXT = pa.float64(), pa.bool_(), pa.string()

Kinds = Mapping[str, pa.DataType]
"""The type of each attribute, one of NUMBER, TRUTH and TEXT."""


def attribute_kinds(stored: pa.Table, names: Iterable[str] | None = None) -> dict[str, pa.DataType]:
    """What each attribute is: numbers, truths, or else, and where customers differ in it, text.

    Args:
        stored: schemas.ATTRIBUTES.
        names: the attributes asked for; default: all that any customer has, by name.

    Raises:
        InvalidInput: no customer has an attribute that was asked for.
    """
    found: dict[str, pa.DataType] = {}
    for attributes in _parsed(stored):
        for name, value in attributes.items():
            if value is not None:
                kind = _kind(value)
                found[name] = kind if found.get(name, kind) == kind else TEXT
    if names is None:
        return dict(sorted(found.items()))
    for name in names:
        if name not in found:
            known = ", ".join(sorted(found)) or "none"
            raise InvalidInput.of("attributes", f"no customer has {name!r} (known: {known})")
    return {name: found[name] for name in names}


def attribute_table(stored: pa.Table, kinds: Kinds) -> pa.Table:
    """`customer_id` and a column for each attribute of `kinds`; what a customer lacks, or has as another type, is null.

    As text, numbers and truths are written as JSON writes them.

    Args:
        stored: schemas.ATTRIBUTES.
        kinds: of `attribute_kinds`, or of the model that will read the table.
    """
    rows = _parsed(stored)
    columns = {name: pa.array([_as(kind, row.get(name)) for row in rows], kind) for name, kind in kinds.items()}
    return pa.table({c.CUSTOMER_ID: stored[c.CUSTOMER_ID], **columns})


def with_attributes(customers: pa.Table, stored: pa.Table, names: Iterable[str]) -> pa.Table:
    """The customers with a column of text for each attribute; what one lacks is null.

    Args:
        customers: with a column `customer_id`.
        stored: schemas.ATTRIBUTES; customers beyond those, and customers that it lacks, do not matter.
        names: of attributes; those that are columns already stay as they are.
    """
    wanted = [name for name in names if name not in customers.column_names]
    if not wanted:
        return customers
    found = attribute_table(stored, dict.fromkeys(wanted, TEXT))
    place = pc.index_in(customers[c.CUSTOMER_ID], value_set=found[c.CUSTOMER_ID].combine_chunks())
    for name in wanted:
        customers = customers.append_column(name, found[name].combine_chunks().take(place))
    return customers


def _parsed(stored: pa.Table) -> list[dict[str, Any]]:
    return [json.loads(text) for text in stored["attributes"].to_pylist()]


def _kind(value: object) -> pa.DataType:
    if isinstance(value, bool):  # before numbers: in Python a truth is one
        return TRUTH
    return NUMBER if isinstance(value, int | float) else TEXT


def _as(kind: pa.DataType, value: object) -> object:
    if value is None or kind == _kind(value):
        return value
    return json.dumps(value) if kind == TEXT else None
