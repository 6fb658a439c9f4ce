"""A door of the store. Customers, items, and the lists of items that were shown."""

from collections.abc import Sequence
from datetime import date, datetime

import pyarrow as pa
from sqlalchemy import Engine

from farview.core.clock import Cut
from farview.store import as_known, business, consents, contacts, customers, forgetting, impressions, items
from farview.store.forgetting import Forgotten, Without
from farview.store.promises import Contact
from farview.store.tables_items import IMPRESSIONS
from farview.store.writer import writing


class CatalogueDoor:
    """Customers, items, and the lists of items that were shown."""

    _engine: Engine

    # customers

    def customers(self) -> int:
        """How many customers are known."""
        return customers.count(self._engine)

    def attributes(self, customer_ids: Sequence[str] | None = None) -> pa.Table:
        """schemas.ATTRIBUTES of those customers, or of all; unknown ones are absent, undescribed ones have none."""
        return customers.attributes(self._engine, customer_ids)

    def denied_channels(
        self,
        customer_ids: Sequence[str],
        channels: Sequence[str],
        *,
        purpose: str = "marketing",
        at: datetime | None = None,
    ) -> dict[str, frozenset[str]]:
        """Which of the channels each customer does not allow for a purpose; every customer asked for is a key.

        The latest record up to `at` (default now) decides; without one a channel is allowed, unless the business was
        initialised with consent required.
        """
        required = business.read(self._engine).consent_required
        return consents.denied(self._engine, customer_ids, channels, purpose, at, required=required)

    def barred(self, customer_ids: Sequence[str], contact: Contact, now: datetime) -> frozenset[str]:
        """Which of the customers must not be contacted: by consent, as of the last record up to `now`, or by a cap.

        A contact is a place of an audience or a touch of a plan that was shown, or that is reserved. Where no channel
        is named, those are barred who allow none of the channels that they spoke of.

        Raises:
            InvalidInput: `caps[i]`.
        """
        required = business.read(self._engine).consent_required
        with self._engine.connect() as connection:
            return contacts.barred(connection, customer_ids, contact, now, required=required)

    def forget_customer(self, customer_id: str, without: Without, *, who: str) -> Forgotten:
        """See Writer.forget_customer."""
        return writing(self._engine, lambda writer: writer.forget_customer(customer_id, without, who=who))

    def unknown_customers(self, customer_ids: Sequence[str]) -> frozenset[str]:
        """Which of the customers nothing is known of, any more or yet."""
        with self._engine.connect() as connection:
            return forgetting.unknown(connection, customer_ids)

    def contact_counts(self, days: int, now: datetime) -> dict[str, int]:
        """How many contacts were shown to each customer within the last days; who had none is absent. One scan."""
        with self._engine.connect() as connection:
            return contacts.counts(connection, days, now)

    # items

    def items(self, item_ids: Sequence[str] | None = None) -> pa.Table:
        """schemas.ITEMS of those items, or of all; unknown ones are absent."""
        return items.read(self._engine, item_ids)

    # lists that were shown

    def impressions(self, cut: Cut) -> pa.RecordBatchReader:
        """schemas.IMPRESSIONS inside the cut, in no order. The reader holds a connection until read out or closed."""
        return impressions.read(self._engine, cut, business.read(self._engine).time_zone)

    def impressions_of(self, customer_id: str, before: datetime, most: int) -> pa.Table:
        """schemas.IMPRESSIONS of a customer strictly before a time, as known now: the newest `most` rows, by index."""
        return impressions.read_of(self._engine, customer_id, before, most)

    def last_impression_day(self) -> date | None:
        """Business-zone day of the last list; None without any."""
        return as_known.last_day(self._engine, IMPRESSIONS, business.read(self._engine).time_zone)

    def impressions_hash(self, cut: Cut) -> str:
        """Identity of the impressions inside the cut: equal content has an equal hash in any database and order."""
        return as_known.snapshot_hash(self._engine, IMPRESSIONS, cut, business.read(self._engine).time_zone)
