"""Promises of exposure."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, delete, func, insert, or_, select, text, update

from farview.core.errors import FailedPrecondition, InvalidInput, NotFound
from farview.store import audit
from farview.store.promises import GuaranteeTerms, StoredGuarantee
from farview.store.tables_guarantees import GUARANTEES, SEGMENTS

LARGEST_DENOMINATOR = 10**6
MOST_OF_A_LEDGER = 16  # so many bits a slot has, and so many floors an answer
_LOCK = 0x46415247  # any constant; PostgreSQL advisory locks of ledgers whose guarantees change


def put(connection: Connection, terms: GuaranteeTerms, *, who: str) -> StoredGuarantee:
    """See Writer.set_guarantee."""
    now = datetime.now(UTC)
    _check(connection, terms, now)
    said = {
        "ledger": terms.ledger,
        "share_numerator": terms.share.numerator,
        "share_denominator": terms.share.denominator,
        "cohort_filter": terms.cohort_filter,
        "segment_id": terms.segment_id,
        "window_days": terms.window_days,
        "by_attention": terms.by_attention,
        "end_time": terms.end_time,
        "description": terms.description,
        "who": who,
        "updated_at": now,
    }
    changed = update(GUARANTEES).where(GUARANTEES.c.guarantee_id == terms.guarantee_id).values(said)
    if connection.execute(changed).rowcount == 0:
        connection.execute(insert(GUARANTEES).values(guarantee_id=terms.guarantee_id, created_at=now, **said))
    detail = {"ledger": terms.ledger, "share": str(terms.share), "cohort": terms.cohort_filter or terms.segment_id}
    audit.append(connection, who, "set", {f"guarantees/{terms.guarantee_id}": detail})
    return _read(connection, terms.guarantee_id)


def drop(connection: Connection, guarantee_id: str, *, who: str) -> None:
    """See Writer.delete_guarantee."""
    if connection.execute(delete(GUARANTEES).where(GUARANTEES.c.guarantee_id == guarantee_id)).rowcount == 0:
        raise NotFound("guarantee", guarantee_id)
    audit.append(connection, who, "delete", {f"guarantees/{guarantee_id}": {}})


def one(engine: Engine, guarantee_id: str) -> StoredGuarantee:
    """See Store.guarantee."""
    with engine.connect() as connection:
        return _read(connection, guarantee_id)


def page(engine: Engine, page_size: int, after: str) -> list[StoredGuarantee]:
    """See Store.guarantees."""
    query = selected().where(GUARANTEES.c.guarantee_id > after).order_by(GUARANTEES.c.guarantee_id).limit(page_size)
    with engine.connect() as connection:
        return [value(row) for row in connection.execute(query)]


def selected() -> Select[Any]:
    """Guarantees with the filter of their cohort; `value` reads a row."""
    cohort = func.coalesce(GUARANTEES.c.cohort_filter, SEGMENTS.c.filter).label("filter")
    joined = GUARANTEES.outerjoin(SEGMENTS, SEGMENTS.c.segment_id == GUARANTEES.c.segment_id)
    return select(GUARANTEES, cohort).select_from(joined)


def value(row: Row[Any]) -> StoredGuarantee:
    """A row of `selected`."""
    terms = GuaranteeTerms(
        guarantee_id=row.guarantee_id,
        ledger=row.ledger,
        share=Fraction(row.share_numerator, row.share_denominator),
        cohort_filter=row.cohort_filter,
        segment_id=row.segment_id,
        window_days=row.window_days,
        end_time=row.end_time,
        description=row.description,
        by_attention=row.by_attention,
    )
    return StoredGuarantee(terms, row.filter, row.who, row.created_at, row.updated_at)


def _read(connection: Connection, guarantee_id: str) -> StoredGuarantee:
    row = connection.execute(selected().where(GUARANTEES.c.guarantee_id == guarantee_id)).one_or_none()
    if row is None:
        raise NotFound("guarantee", guarantee_id)
    return value(row)


def _check(connection: Connection, terms: GuaranteeTerms, now: datetime) -> None:
    if not 0 < terms.share <= 1 or terms.share.denominator > LARGEST_DENOMINATOR:
        raise InvalidInput.of("guarantee.share", f"{float(terms.share):g} is not a share above 0 and at most 1")
    if terms.end_time is not None and terms.end_time <= now:
        raise InvalidInput.of("guarantee.end_time", f"{terms.end_time.isoformat()} has passed")
    if terms.segment_id is not None:
        known = select(SEGMENTS.c.segment_id).where(SEGMENTS.c.segment_id == terms.segment_id)
        if connection.execute(known).one_or_none() is None:
            raise NotFound("segment", terms.segment_id)
    _hold(connection, terms.ledger)
    others = [
        value(row).terms
        for row in connection.execute(
            selected()
            .where(
                GUARANTEES.c.ledger == terms.ledger,
                GUARANTEES.c.guarantee_id != terms.guarantee_id,
                or_(GUARANTEES.c.end_time.is_(None), GUARANTEES.c.end_time > now),
            )
            .order_by(GUARANTEES.c.guarantee_id)
            .with_for_update(of=GUARANTEES)
        )
    ]
    _check_beside(terms, others)


def _hold(connection: Connection, ledger: str) -> None:
    """Until the transaction ends nobody else sets a guarantee of the ledger; SQLite has one writer anyway.

    A lock on the guarantees that are there would not see one that another caller is about to add.
    """
    if connection.dialect.name == "postgresql":
        locked = text("SELECT pg_advisory_xact_lock(:lock, hashtext(:ledger))")
        connection.execute(locked, {"lock": _LOCK, "ledger": ledger})


def _check_beside(terms: GuaranteeTerms, others: list[GuaranteeTerms]) -> None:
    """Refuses what the other guarantees of the ledger leave no room for."""
    if len(others) >= MOST_OF_A_LEDGER:
        raise FailedPrecondition(f"ledger {terms.ledger!r} has {len(others)} guarantees; at most {MOST_OF_A_LEDGER}")
    total = terms.share + sum(other.share for other in others)
    if total > 1:
        named = ", ".join(f"{other.guarantee_id} ({float(other.share):g})" for other in others)
        raise FailedPrecondition(
            f"the shares of ledger {terms.ledger!r} would sum to {float(total):g}, above 1: it has {named}"
        )
    for other in others:
        if other.window_days != terms.window_days:
            raise InvalidInput.of(
                "guarantee.window_days",
                f"is {terms.window_days}; guarantees of one ledger share its window, and {other.guarantee_id} has "
                f"{other.window_days}",
            )
        if other.by_attention != terms.by_attention:
            unit = "attention" if other.by_attention else "places"
            raise InvalidInput.of(
                "guarantee.exposure_unit",
                f"differs; guarantees of one ledger share its slots, and that of {other.guarantee_id} is of {unit}",
            )
