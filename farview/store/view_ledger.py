"""The view of guarantees: promise, kept and deficit, now."""

from farview.core.attention import FIRST_PLACE
from farview.store.view import View, ViewColumn

_NOW = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",
    "postgresql": "now()",
}


def _ledger(dialect: str) -> str:
    """A row a guarantee and sequence; what has expired and was not yet taken off is taken off here."""
    mine = "s.sequence_id = q.sequence_id AND s.state = 'reserved'"
    late, awaited = f"s.expires_at <= {_NOW[dialect]}", f"s.expires_at > {_NOW[dialect]}"
    counted = "(s.counts_for >> CAST(f.bit AS INTEGER)) & 1 = 1"
    gone = f"(SELECT CAST(coalesce(sum(s.attention), 0) AS BIGINT) FROM exposure_slots s WHERE {mine} AND {late}"
    return f"""FROM (
    SELECT f.guarantee_id, q.sequence_id, q.ledger, f.share_numerator, f.share_denominator, f.carried,
        q.window_start, q.window_end, q.opened_at, q.closed_at, q.by_attention,
        q.attention - {gone}) AS attention,
        f.attention - {gone} AND {counted}) AS attention_kept,
        q.slots - (SELECT count(*) FROM exposure_slots s WHERE {mine} AND {late}) AS slots,
        f.kept - (SELECT count(*) FROM exposure_slots s WHERE {mine} AND {late} AND {counted}) AS kept,
        (SELECT count(*) FROM exposure_slots s WHERE {mine} AND {awaited} AND {counted}) AS reserved
    FROM exposure_floors f JOIN exposure_sequences q ON q.sequence_id = f.sequence_id
) l"""


def _owed(given: str) -> str:
    """Share times what was given, rounded down, and what was carried; the product alone may be too large."""
    whole, rest = f"{given} / l.share_denominator", f"{given} % l.share_denominator"
    return f"{whole} * l.share_numerator + {rest} * l.share_numerator / l.share_denominator + l.carried"


_PROMISED = _owed("l.slots")
_EXCEEDED = f"({_owed('l.attention')} - {FIRST_PLACE})"


def _places(sql: str) -> str:
    return f"CASE WHEN NOT l.by_attention THEN {sql} END"


def _attention(sql: str) -> str:
    return f"CASE WHEN l.by_attention THEN {sql} / {FIRST_PLACE}.0 END"


EXPOSURE_LEDGER = View(
    "v_exposure_ledger",
    "How guarantees of exposure stand now, a row for each guarantee and each stretch of slots counted together: a "
    "window, or a part of it between changes of the ledger's guarantees.",
    (
        ViewColumn("guarantee_id", "l.guarantee_id", "The guarantee."),
        ViewColumn("ledger", "l.ledger", "The ledger whose slots it shares with other guarantees."),
        ViewColumn("share", "l.share_numerator * 1.0 / l.share_denominator", "Share of the slots that is promised."),
        ViewColumn("window_start", "l.window_start", "Where the window begins, UTC.", instant=True),
        ViewColumn("window_end", "l.window_end", "Where it ends, UTC; this instant is not in it.", instant=True),
        ViewColumn("opened_at", "l.opened_at", "When the first of these slots was reserved, UTC.", instant=True),
        ViewColumn(
            "closed_at", "l.closed_at", "When the ledger went on without them, UTC; null: still open.", instant=True
        ),
        ViewColumn("slots", "l.slots", "Slots that count: reserved or confirmed."),
        ViewColumn(
            "promised",
            _places(_PROMISED),
            "Placements owed to the cohort by these slots: share times slots, rounded down, and what was carried. Null "
            "in a ledger by attention.",
        ),
        ViewColumn("kept", "l.kept", "Slots that count for the cohort, whatever put them there."),
        ViewColumn(
            "deficit",
            _places(f"CASE WHEN {_PROMISED} > l.kept THEN {_PROMISED} - l.kept ELSE 0 END"),
            "Placements owed and not kept; due at the next slots. Null in a ledger by attention.",
        ),
        ViewColumn(
            "carried",
            _places("l.carried"),
            "Of what is promised, owed by the stretch before, of the same window. Null in a ledger by attention.",
        ),
        ViewColumn("reserved", "l.reserved", "Of the slots kept, those not yet confirmed."),
        ViewColumn("sequence_id", "l.sequence_id", "The stretch of slots; its guarantees share it."),
        ViewColumn(
            "attention",
            _attention("l.attention"),
            "Attention of the slots, here and below in first places of a list; null where slots are counted.",
        ),
        ViewColumn(
            "attention_promised",
            _attention(f"CASE WHEN {_EXCEEDED} > 0 THEN {_EXCEEDED} ELSE 0 END"),
            "The cohort's attention is to exceed this: its share and what was carried, less one first place.",
        ),
        ViewColumn("attention_kept", _attention("l.attention_kept"), "Attention of the slots kept."),
        ViewColumn(
            "attention_deficit",
            _attention(f"CASE WHEN {_EXCEEDED} >= l.attention_kept THEN {_EXCEEDED} + 1 - l.attention_kept ELSE 0 END"),
            "Attention that is missing; due at the next slots.",
        ),
    ),
    {dialect: _ledger(dialect) for dialect in _NOW},
)
