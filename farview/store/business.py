"""The one business of a database."""

import re
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert, select

from farview.core import clock
from farview.core.errors import FailedPrecondition, InvalidInput
from farview.store.engine import write
from farview.store.tables import BUSINESS
from farview.store.values import Business


def check(wanted: Business) -> None:
    """Raises InvalidInput when the time zone or the currency is unknown."""
    clock.zone(wanted.time_zone)
    if not re.fullmatch("[A-Z]{3}", wanted.reporting_currency):
        raise InvalidInput.of("reporting_currency", f"{wanted.reporting_currency!r} is not an ISO 4217 code like EUR")


def set_once(engine: Engine, wanted: Business) -> Business:
    """Writes it, or checks that it is what was written before: stored times and amounts mean what they meant."""
    check(wanted)

    def work(connection: Connection) -> Business:
        found = _find(connection)
        if found is None:
            connection.execute(
                insert(BUSINESS).values(
                    business_id=1,
                    time_zone=wanted.time_zone,
                    reporting_currency=wanted.reporting_currency,
                    consent_required=wanted.consent_required,
                    created_at=datetime.now(UTC),
                )
            )
        elif found != wanted:
            raise FailedPrecondition(
                f"this database belongs to a business in {found.time_zone} reporting in {found.reporting_currency}"
                f"{' with consent required' if found.consent_required else ''}; use another database"
            )
        return wanted

    return write(engine, work)


def read(engine: Engine) -> Business:
    """Raises FailedPrecondition before `farview init`."""
    with engine.connect() as connection:
        return within(connection)


def within(connection: Connection) -> Business:
    """The same inside a transaction."""
    found = _find(connection)
    if found is None:
        raise FailedPrecondition("the database has no business yet; run `farview init` first")
    return found


def _find(connection: Connection) -> Business | None:
    query = select(BUSINESS.c.time_zone, BUSINESS.c.reporting_currency, BUSINESS.c.consent_required)
    row = connection.execute(query).one_or_none()
    return None if row is None else Business(row.time_zone, row.reporting_currency, row.consent_required)
