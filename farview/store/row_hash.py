"""A row's content as one number: one specification, one executor for few rows and one for bulk.

The first 60 bits of the MD5 of the columns of `CONTENT` as texts, joined by the unit separator: instants in
microseconds, amounts in millionths, propensities in 10^-12, null as nothing. MD5 because DuckDB has it and its result
never changes; nothing here guards against somebody who wants a collision.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa

from farview.core import columns as c
from farview.store.batches import BATCHES
from farview.store.types import microseconds

MILLIONTH = Decimal("0.000001")
ROUNDING = ROUND_HALF_UP

CONTENT: Mapping[str, tuple[str, ...]] = {
    "transactions": (c.CUSTOMER_ID, c.TIME, c.AMOUNT, "currency", "transaction_id"),
    "touchpoints": (
        c.CUSTOMER_ID,
        c.TIME,
        c.INTERACTION,
        c.CHANNEL,
        c.CONVERSION_VALUE,
        c.PROPENSITY,
        "touchpoint_id",
    ),
    "impressions": ("query_id", c.ITEM_ID, c.CUSTOMER_ID, c.TIME, "position", "grade", c.PROPENSITY),
    "treatments": (c.CUSTOMER_ID, c.TIME, "action", c.PROPENSITY, "outcome"),
}
"""By kind of file. Rows in databases carry these hashes: another list or order makes every resend a correction."""

CONVERTED: Mapping[str, tuple[str, ...]] = {
    "transactions": ("original_amount", "original_currency"),
    "touchpoints": ("original_value", "original_currency"),
    "treatments": ("original_outcome", "original_currency"),
}
"""Texts that follow where they are not null, so that a row in the reporting currency has the hash it always had.

The amount counts beside its original: what was worth something else at another rate is not the same row.
"""


def of(kind: str, row: Mapping[str, Any]) -> int:
    """The number of one row, given by column: values as Python has them, aware times, Decimal amounts."""
    parts = [_text(row[name], _TEXTS[type_]) for name, type_ in _columns(kind, CONTENT)]
    converted = ((row.get(name), _TEXTS[type_]) for name, type_ in _columns(kind, CONVERTED))
    return of_texts([*parts, *(_text(value, text) for value, text in converted if value is not None)])


def of_texts(parts: Iterable[str]) -> int:
    """The number of texts that no file has as a row."""
    return int(hashlib.md5("\x1f".join(parts).encode(), usedforsecurity=False).hexdigest()[:15], 16)


def sql(kind: str) -> str:
    """The same as a DuckDB expression over columns of those names, typed as the kind's batch is."""
    parts = [f"coalesce({_SQL[type_].format(name)}, '')" for name, type_ in _columns(kind, CONTENT)]
    parts += [_SQL[type_].format(name) for name, type_ in _columns(kind, CONVERTED)]  # concat_ws leaves nulls out
    return f"CAST('0x' || left(md5(concat_ws(chr(31), {', '.join(parts)})), 15) AS BIGINT)"


def _columns(kind: str, named: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(name, str(BATCHES[kind].field(name).type)) for name in named.get(kind, ())]


def _text(value: Any, text: Callable[[Any], Any]) -> str:
    return "" if value is None else str(text(value))


_INSTANT, _AMOUNT = str(pa.timestamp("us", tz="UTC")), str(pa.decimal128(18, 6))
_TEXTS: Mapping[str, Callable[[Any], Any]] = {
    "string": str,
    "int64": int,
    "double": lambda share: math.floor(share * 1e12 + 0.5),
    _INSTANT: microseconds,
    _AMOUNT: lambda amount: int(amount.quantize(MILLIONTH, ROUNDING).scaleb(6)),
}
_SQL: Mapping[str, str] = {
    "string": "{}",
    "int64": "CAST({} AS VARCHAR)",
    "double": "CAST(CAST(floor({} * 1e12 + 0.5) AS BIGINT) AS VARCHAR)",
    _INSTANT: "CAST(epoch_us({}) AS VARCHAR)",
    # Times a million overflows DECIMAL(18, 6) from a million on.
    _AMOUNT: "CAST(CAST(CAST({} AS DECIMAL(38, 6)) * 1000000 AS BIGINT) AS VARCHAR)",
}
