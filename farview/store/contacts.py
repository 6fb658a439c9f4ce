"""Who must not be contacted: consent and caps, asked for a few customers at a time."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, func, select, text, union_all

from farview.core import clock
from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.store import consents
from farview.store.ledger import LOOKUP
from farview.store.promises import Cap, Contact
from farview.store.tables_feedback import EXPOSURES
from farview.store.tables_guarantees import SLOTS

_CONTACTS = ("PrioritizeCustomers", "PlanJourney")  # an item on a page is no contact
_LOCK = 0x46415243  # any constant; PostgreSQL advisory lock of writers who count contacts


def hold(connection: Connection) -> None:
    """Until the transaction ends no other writer that holds this reserves a slot; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def barred(
    connection: Connection, customer_ids: Sequence[str], contact: Contact, now: datetime, *, required: bool
) -> frozenset[str]:
    """See Store.barred. `required`: without a record nothing is allowed."""
    for index, cap in enumerate(contact.caps):
        if cap.contacts < 1 or cap.days < 1:
            raise InvalidInput.of(f"caps[{index}]", f"{cap.contacts} contacts in {cap.days} days; both at least 1")
    found: set[str] = set()
    for start in range(0, len(customer_ids), LOOKUP):
        some = customer_ids[start : start + LOOKUP]
        found |= consents.unreachable(connection, some, contact, now, required=required)
        for cap in contact.caps:
            found.update(_capped(connection, some, cap, now))
    return frozenset(found)


def counts(connection: Connection, days: int, now: datetime) -> dict[str, int]:
    """See Store.contact_counts."""
    shown = (
        select(EXPOSURES.c.customer_id, func.count())
        .where(EXPOSURES.c.time > now - timedelta(days=days), EXPOSURES.c.method.in_(_CONTACTS))
        .group_by(EXPOSURES.c.customer_id)
    )
    return {row[0]: row[1] for row in connection.execute(shown)}


def exposed_before(engine: Engine, cut: Cut, zone: str) -> dict[str, int]:
    """See Store.exposure_counts."""
    shown = (
        select(EXPOSURES.c.customer_id, func.count())
        .where(
            EXPOSURES.c.time < cut.before(clock.zone(zone)),
            EXPOSURES.c.ingested_at <= cut.known_at,
            EXPOSURES.c.customer_id.is_not(None),
            EXPOSURES.c.method.in_(_CONTACTS),
        )
        .group_by(EXPOSURES.c.customer_id)
    )
    with engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(shown)}


def _capped(connection: Connection, customer_ids: Sequence[str], cap: Cap, now: datetime) -> Iterable[str]:
    """Who has had as many contacts as the cap allows, reserved ones among them.

    One statement, so that a reservation which is confirmed meanwhile is seen as one or the other.
    """
    shown = select(EXPOSURES.c.customer_id).where(
        EXPOSURES.c.customer_id.in_(customer_ids),
        EXPOSURES.c.time > now - timedelta(days=cap.days),
        EXPOSURES.c.method.in_(_CONTACTS),
    )
    reserved = select(SLOTS.c.customer_id).where(
        SLOTS.c.customer_id.in_(customer_ids), SLOTS.c.state == "reserved", SLOTS.c.expires_at > now
    )
    contacts = union_all(shown, reserved).subquery()
    counted = select(contacts.c.customer_id).group_by(contacts.c.customer_id).having(func.count() >= cap.contacts)
    return connection.execute(counted).scalars()
