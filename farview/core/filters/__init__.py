"""The filter language of segments, guarantees and lists: a subset of AIP-160; see docs/filters.md.

    compile_filter(text, fields)  ->  Filter, a frozen and typed tree
    mask(filter, columns, rows)   ->  the rows it selects, as booleans (numpy)

The other executor, over SQL, is `farview.store.filter_sql`; a property test holds the two equal.
"""

from farview.core.filters.check import check
from farview.core.filters.fields import FORECAST_FIELDS, FieldType, FieldTypes, fields_of
from farview.core.filters.grammar import MAX_COMPARISONS, MAX_DEPTH, MAX_LENGTH, parse
from farview.core.filters.masks import mask
from farview.core.filters.tree import EVERYTHING, And, Comparison, Filter, Op, Or, Value, field_names, unparse

__all__ = [
    "EVERYTHING",
    "FORECAST_FIELDS",
    "MAX_COMPARISONS",
    "MAX_DEPTH",
    "MAX_LENGTH",
    "And",
    "Comparison",
    "FieldType",
    "FieldTypes",
    "Filter",
    "Op",
    "Or",
    "Value",
    "compile_filter",
    "field_names",
    "fields_of",
    "mask",
    "unparse",
]


def compile_filter(text: str, fields: FieldTypes, path: str = "filter") -> Filter:
    """The filter that `text` says, its names and values checked against `fields`.

    Args:
        text: the expression; empty or blank selects every row.
        fields: the fields that may be named, with their types.
        path: where the caller wrote it, for the error ("guarantees[1].filter").

    Raises:
        InvalidInput: on `path`; begins with "position N: ", N counting characters from 1.
    """
    return check(parse(text, path), fields, path)
