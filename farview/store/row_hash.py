"""A transaction's content as one number: one specification, one executor for few rows and one for bulk.

The first 60 bits of the MD5 of customer id, time in microseconds, amount in millionths, currency and transaction id,
each but the last followed by the unit separator. MD5 because DuckDB has it and its result never changes; nothing here
guards against somebody who wants a collision.
"""

import hashlib
from decimal import ROUND_HALF_UP, Decimal

from farview.store.types import microseconds
from farview.store.values import Transaction

MILLIONTH = Decimal("0.000001")
ROUNDING = ROUND_HALF_UP


def of(row: Transaction) -> int:
    """The number of one transaction."""
    millionths = int(row.amount.quantize(MILLIONTH, ROUNDING).scaleb(6))
    parts = (row.customer_id, str(microseconds(row.time)), str(millionths), row.currency, row.transaction_id or "")
    return int(hashlib.md5("\x1f".join(parts).encode(), usedforsecurity=False).hexdigest()[:15], 16)


def sql(customer_id: str, microseconds: str, millionths: str, currency: str, transaction_id: str) -> str:
    """The same as a DuckDB expression over expressions; the two numbers are BIGINT, the rest VARCHAR."""
    parts = ", ".join((customer_id, microseconds, millionths, currency, f"coalesce({transaction_id}, '')"))
    return f"CAST('0x' || left(md5(concat_ws(chr(31), {parts})), 15) AS BIGINT)"
