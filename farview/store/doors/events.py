"""A door of the store. Files, sales, rates, touches and conversions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import Engine

from farview.core.clock import Cut
from farview.store import as_known, business, import_options, imports, rates, touchpoints, transactions
from farview.store.tables import TRANSACTIONS
from farview.store.tables_touches import TOUCHPOINTS
from farview.store.values import ImportedFile, ImportSource, Touchpoint, Transaction, WriteCounts
from farview.store.writer import writing


class EventsDoor:
    """Files, sales, rates, touches and conversions."""

    _engine: Engine

    # files

    def import_file(
        self,
        kind: str,
        source: ImportSource,
        batches: Iterable[pa.RecordBatch],
        rejected: Callable[[], int],
        *,
        who: str,
    ) -> ImportedFile:
        """Writes a file's rows (batches.BATCHES[kind]) in one transaction, or nothing when it was imported before.

        `rejected` is asked once, after the last batch.
        """
        return imports.import_file(self._engine, kind, source, batches, rejected, who=who)

    def import_options(self, kind: str) -> dict[str, Any]:
        """The options of the last import of a kind; empty before the first."""
        return import_options.read(self._engine, kind)

    def keep_import_options(self, kind: str, options: Mapping[str, Any], *, who: str) -> None:
        """Remembers the options of an import for the next one of its kind."""
        import_options.keep(self._engine, kind, options, who)

    def imported_before(self, kind: str, source: ImportSource) -> ImportedFile | None:
        """The earlier import of the same kind, content and mapping, if any."""
        return imports.imported_before(self._engine, kind, source)

    # transactions

    def record_transactions(self, rows: Sequence[Transaction], *, who: str) -> WriteCounts:
        """Adds transactions; a known id with the same content is a no-op, with other content a correction.

        Raises:
            InvalidInput: `transactions[i].field` cannot be stored, or its currency has no rate of its day.
            Conflict: the database is busy with another write; retry.
        """
        return writing(self._engine, lambda writer: writer.record_transactions(rows, who=who))

    def transactions(self, cut: Cut) -> pa.RecordBatchReader:
        """schemas.EVENTS inside the cut, in no order. The reader holds a connection until it is read out or closed."""
        return transactions.read(self._engine, cut, business.read(self._engine).time_zone)

    def transactions_of(self, cut: Cut, customer_ids: Sequence[str]) -> pa.Table:
        """schemas.EVENTS of those customers inside the cut, in no order; one scan."""
        return transactions.read_of(self._engine, cut, business.read(self._engine).time_zone, customer_ids)

    def transactions_since(self, since: Cut, cut: Cut) -> pa.RecordBatchReader:
        """schemas.EVENTS inside a cut that an earlier one does not hold, in no order; a reader as of `transactions`."""
        return transactions.read_news(self._engine, since, cut, business.read(self._engine).time_zone)

    def corrected_since(self, since: Cut, cut: Cut) -> list[str]:
        """Customers of whom an earlier cut holds a transaction that a later one does not hold any more, in order."""
        return transactions.corrected(self._engine, since, cut, business.read(self._engine).time_zone)

    def last_event_day(self) -> date | None:
        """Business-zone day of the last event; None without events."""
        return as_known.last_day(self._engine, TRANSACTIONS, business.read(self._engine).time_zone)

    def snapshot_hash(self, cut: Cut) -> str:
        """Identity of the transactions inside the cut: the same content has the same hash in any database and order."""
        return as_known.snapshot_hash(self._engine, TRANSACTIONS, cut, business.read(self._engine).time_zone)

    # rates

    def rates(self) -> pa.Table:
        """batches.RATES as known now, by currency and date."""
        return rates.every(self._engine)

    # touchpoints

    def record_touchpoints(self, rows: Sequence[Touchpoint], *, who: str) -> WriteCounts:
        """Adds touches and conversions; a known id with the same content is a no-op, with other content a correction.

        Raises:
            InvalidInput: `touchpoints[i].field` cannot be stored, or its currency has no rate of its day.
            Conflict: the database is busy with another write; retry.
        """
        return writing(self._engine, lambda writer: writer.record_touchpoints(rows, who=who))

    def touchpoints(self, cut: Cut) -> pa.RecordBatchReader:
        """schemas.TOUCHPOINTS inside the cut, in no order. The reader holds a connection as that of `transactions`."""
        return touchpoints.read(self._engine, cut, business.read(self._engine).time_zone)

    def touchpoints_of(self, customer_ids: Sequence[str], before: datetime) -> pa.Table:
        """schemas.TOUCHPOINTS of those customers strictly before a time, as known now, in no order; by index."""
        return touchpoints.read_of(self._engine, customer_ids, before)

    def last_touch_day(self) -> date | None:
        """Business-zone day of the last touch or conversion; None without any."""
        return as_known.last_day(self._engine, TOUCHPOINTS, business.read(self._engine).time_zone)

    def touchpoints_hash(self, cut: Cut) -> str:
        """Identity of the touchpoints inside the cut, as snapshot_hash is of the transactions."""
        return as_known.snapshot_hash(self._engine, TOUCHPOINTS, cut, business.read(self._engine).time_zone)
