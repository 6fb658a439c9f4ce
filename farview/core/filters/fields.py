"""Types of the fields that a filter may name."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

import pyarrow as pa

from farview.core import columns as c
from farview.core.schemas import FORECAST


class FieldType(StrEnum):
    """What a field holds, and so how its values are written."""

    STRING = "string"
    NUMBER = "number"
    DATE = "date"


FieldTypes: TypeAlias = Mapping[str, FieldType]


def fields_of(schema: pa.Schema) -> dict[str, FieldType]:
    """The fields of an Arrow schema that a filter can compare, in its order; columns of other types are left out."""
    found: dict[str, FieldType] = {}
    for field in schema:
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            found[field.name] = FieldType.STRING
        elif pa.types.is_integer(field.type) or pa.types.is_floating(field.type):
            found[field.name] = FieldType.NUMBER
        elif pa.types.is_date(field.type):
            found[field.name] = FieldType.DATE
    return found


FORECAST_FIELDS: FieldTypes = {name: kind for name, kind in fields_of(FORECAST).items() if name != c.HORIZON_DAYS}
"""What a filter of customers may name: the forecast contract but the horizon, which every request names by itself."""
