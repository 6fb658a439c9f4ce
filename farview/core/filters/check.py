"""Syntax to a typed tree: every name is a known field, every value has its field's type."""

import math
import re
from dataclasses import replace
from datetime import date

from farview.core.filters.fields import FieldType, FieldTypes
from farview.core.filters.syntax import Conjunction, Expression, Negation, Restriction, Word, wrong
from farview.core.filters.tree import And, Comparison, Filter, Or, Value

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def check(syntax: Expression, fields: FieldTypes, path: str = "filter", *, negated: bool = False) -> Filter:
    """The typed tree of a parsed filter, or of its negation.

    NOT goes down to the comparisons by De Morgan's laws, so that it selects no row whose field is null, either.

    Raises:
        InvalidInput: on `path`; an unknown field (the known ones are listed) or a value of another type.
    """
    if isinstance(syntax, Restriction):
        found = _comparison(syntax, fields, path)
        return replace(found, op=found.op.opposite) if negated else found
    if isinstance(syntax, Negation):
        return check(syntax.part, fields, path, negated=not negated)
    kind = And if isinstance(syntax, Conjunction) != negated else Or
    parts = [check(part, fields, path, negated=negated) for part in syntax.parts]
    return kind(tuple(inner for part in parts for inner in (part.parts if isinstance(part, kind) else (part,))))


def _comparison(syntax: Restriction, fields: FieldTypes, path: str) -> Comparison:
    field_type = fields.get(syntax.field.text)
    if field_type is None:
        known = ", ".join(fields)
        raise wrong(path, syntax.field.position, f"unknown field {syntax.field}; known fields: {known}")
    return Comparison(syntax.field.text, syntax.op, _value(syntax.field.text, field_type, syntax.value, path))


def _value(field: str, field_type: FieldType, word: Word, path: str) -> Value:
    if field_type is FieldType.STRING:
        return word.text
    if field_type is FieldType.NUMBER:
        return _number(field, word, path)
    return _date(field, word, path)


def _number(field: str, word: Word, path: str) -> float:
    if word.quoted or not _NUMBER.fullmatch(word.text):
        raise wrong(path, word.position, f"{field} is a number and cannot be compared with {word}; write it like 12.5")
    value = float(word.text)
    if math.isinf(value):
        raise wrong(path, word.position, f"{word} is beyond the largest number, 1.8e308")
    return value


def _date(field: str, word: Word, path: str) -> date:
    if _DATE.fullmatch(word.text):
        try:
            return date.fromisoformat(word.text)
        except ValueError:
            raise wrong(path, word.position, f"{word} is not a day of the calendar") from None
    raise wrong(
        path, word.position, f'{field} is a date and cannot be compared with {word}; write it like "1997-03-31"'
    )
