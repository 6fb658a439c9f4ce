"""What can be done inside one writing transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Connection, Engine

from farview.store import (
    business,
    catalog,
    champions,
    contacts,
    exposures,
    forgetting,
    guarantees,
    plans,
    queue,
    segments,
    sequences,
    slots,
    touchpoints,
    transactions,
)
from farview.store.catalog import DescribedCustomer, DescribedItem
from farview.store.engine import write
from farview.store.forgetting import Forgotten, Without
from farview.store.job_requests import JobRequest
from farview.store.promises import (
    Contact,
    GuaranteeTerms,
    HeldLedger,
    NewSlot,
    Reservation,
    Segment,
    Settled,
    StoredGuarantee,
    StoredSegment,
)
from farview.store.values import (
    Answered,
    Exposure,
    ModelVersion,
    NewPlan,
    OperationRecord,
    StoredPlan,
    Touchpoint,
    Transaction,
    WriteCounts,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Writer:
    """The writes of the RPC services, bound to a transaction that `Store.once` or `Store` itself commits."""

    connection: Connection

    def record_transactions(self, rows: Sequence[Transaction], *, who: str) -> WriteCounts:
        """See Store.record_transactions."""
        return transactions.record(self.connection, rows, who=who)

    def record_touchpoints(self, rows: Sequence[Touchpoint], *, who: str) -> WriteCounts:
        """See Store.record_touchpoints."""
        return touchpoints.record(self.connection, rows, who=who)

    def record_exposures(self, answered: Answered, rows: Sequence[Exposure], *, who: str) -> WriteCounts:
        """Adds what was shown of an answer; the same ids at the same place of it were told before: unchanged.

        Raises:
            InvalidInput: `exposures[i].field` cannot be stored.
        """
        return exposures.record(self.connection, answered, rows, who=who)

    def add_plan(self, plan: NewPlan, *, who: str) -> StoredPlan:
        """Stores a plan that one call made.

        Raises:
            NotFound: no such model version.
        """
        return plans.add(self.connection, plan, who=who)

    def promote(
        self, kind: str, version: int, *, expected_champion: int | None, force: bool = False, who: str, why: str
    ) -> ModelVersion:
        """See Store.promote."""
        return champions.promote(self.connection, kind, version, expected_champion, force=force, who=who, why=why)

    def rollback(self, kind: str, *, expected_champion: int | None, who: str, why: str) -> ModelVersion:
        """See Store.rollback."""
        return champions.rollback(self.connection, kind, expected_champion, who=who, why=why)

    def queue_operation(self, request: JobRequest, *, who: str) -> OperationRecord:
        """Adds an operation that waits for a worker."""
        return queue.add(self.connection, request, who=who)

    # what is known of customers and items

    def upsert_customers(self, rows: Sequence[DescribedCustomer], *, who: str) -> tuple[WriteCounts, WriteCounts]:
        """Adds to what is known of customers, each named once: counts of customers, and of records of consent."""
        return catalog.upsert_customers(self.connection, rows, who=who)

    def upsert_items(self, rows: Sequence[DescribedItem]) -> WriteCounts:
        """Adds items or changes them, each named once."""
        return catalog.upsert_items(self.connection, rows)

    def forget_customer(self, customer_id: str, without: Without, *, who: str) -> Forgotten:
        """Deletes every row of a customer; slots under guarantees stay counted, without the name.

        Args:
            customer_id: whom to forget.
            without: takes the customer out of an answer that is remembered for a request id.
            who: for the audit log, which does not say who was forgotten.

        Raises:
            NotFound: nothing names them.
        """
        return forgetting.forget(self.connection, customer_id, without, who=who)

    def unknown_customers(self, customer_ids: Sequence[str]) -> frozenset[str]:
        """See Store.unknown_customers."""
        return forgetting.unknown(self.connection, customer_ids)

    # segments and guarantees

    def set_segment(self, segment: Segment, *, who: str) -> StoredSegment:
        """Adds a segment, or changes the one of that id. Its filter is the caller's to check."""
        return segments.put(self.connection, segment, who=who)

    def delete_segment(self, segment_id: str, *, who: str) -> None:
        """Forgets a segment.

        Raises:
            NotFound: there is none of that id.
            FailedPrecondition: it is the cohort of a guarantee; named.
        """
        segments.drop(self.connection, segment_id, who=who)

    def set_guarantee(self, terms: GuaranteeTerms, *, who: str) -> StoredGuarantee:
        """Adds a guarantee, or changes the one of that id. Its filter is the caller's to check.

        Raises:
            InvalidInput: `guarantee.share`, `.end_time` or `.window_days`.
            NotFound: its segment.
            FailedPrecondition: with the others of its ledger the shares would sum to more than 1.
        """
        return guarantees.put(self.connection, terms, who=who)

    def delete_guarantee(self, guarantee_id: str, *, who: str) -> None:
        """Ends a promise; what was counted for it stays. Raises NotFound."""
        guarantees.drop(self.connection, guarantee_id, who=who)

    def hold_ledger(self, ledger: str, now: datetime) -> HeldLedger:
        """How a ledger stands at `now`, reservations that have expired taken off; held until the transaction ends.

        Opens what counts its slots where a window begins or its guarantees changed. Within a window a change carries
        over what each guarantee is owed.

        Raises:
            FailedPrecondition: no guarantee of the ledger runs.
        """
        return sequences.hold(self.connection, ledger, business.within(self.connection).time_zone, now)

    def hold_contacts(self) -> None:
        """Waits for whoever else reserves under caps, and holds them off until the transaction ends.

        Before `hold_ledger`, always: who holds one and waits for the other would never get it.
        """
        contacts.hold(self.connection)

    def barred(self, customer_ids: Sequence[str], contact: Contact, now: datetime) -> frozenset[str]:
        """See Store.barred."""
        required = business.within(self.connection).consent_required
        return contacts.barred(self.connection, customer_ids, contact, now, required=required)

    def reserve(self, held: HeldLedger, new: Sequence[NewSlot], reservation: Reservation, now: datetime) -> None:
        """Reserves slots of a ledger that is held, in the order given."""
        slots.reserve(self.connection, held, new, reservation, now)

    def settle(self, answer_id: str, shown: Mapping[int, str], released: Sequence[int] | None) -> Settled:
        """Confirms the places of an answer that were shown (place -> customer), and gives others back.

        `released` None: all others that are still reserved. A place that was shown counts also when its reservation
        had expired or been released. An answer without guarantees has nothing to settle.

        Raises:
            InvalidInput: on `exposures`, when somebody else stood at a place.
        """
        return slots.settle(self.connection, answer_id, dict(shown), released, datetime.now(UTC))


def writing(engine: Engine, work: Callable[[Writer], T]) -> T:
    """Does `work` in one writing transaction; see farview.store.engine.write."""
    return write(engine, lambda connection: work(Writer(connection)))
