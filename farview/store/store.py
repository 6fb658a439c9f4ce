"""The store's front door. Each group of methods has its queries in a file of the same name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from typing import Any, Self, TypeVar

import pyarrow as pa
from sqlalchemy import Engine

from farview.core.clock import Cut
from farview.core.filters import EVERYTHING, Filter
from farview.store import (
    as_known,
    audit,
    business,
    champions,
    claims,
    consents,
    contacts,
    customers,
    floor_states,
    forecasts,
    gate_reports,
    guarantees,
    idempotency,
    import_options,
    imports,
    items,
    migrate,
    operations,
    plan_runs,
    plans,
    queue,
    rates,
    registry,
    retention,
    runs,
    segments,
    signing_keys,
    totals,
    touchpoints,
    transactions,
)
from farview.store.champions import ChampionChange
from farview.store.claims import Claim
from farview.store.engine import open_engine, write
from farview.store.gate_reports import GateReport
from farview.store.operations import Operation
from farview.store.promises import (
    Contact,
    FloorState,
    GuaranteeTerms,
    Segment,
    StoredGuarantee,
    StoredSegment,
)
from farview.store.tables import TRANSACTIONS
from farview.store.tables_touches import TOUCHPOINTS
from farview.store.values import (
    LTV_REVENUE,
    AuditEntry,
    Business,
    ForecastRun,
    ImportedFile,
    ImportSource,
    Lineage,
    ModelVersion,
    NewModel,
    NewPlan,
    OperationRecord,
    OrderBy,
    Page,
    PageKey,
    PlanPage,
    PlanRun,
    PlanRunSpec,
    RunSpec,
    StoredPlan,
    Touchpoint,
    Transaction,
    WriteCounts,
    WriteRequest,
)
from farview.store.writer import Writer

T = TypeVar("T")


class Store:
    """A migrated database. Safe to share between threads; every method is one transaction unless it says otherwise."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Self:
        """Opens a database that `farview init` made.

        Raises:
            InvalidInput: not a URL of SQLite or PostgreSQL.
            FailedPrecondition: the database has another revision than this code.
        """
        migrate.check(url)
        return cls(open_engine(url))

    def close(self) -> None:
        """Closes the pooled connections."""
        self._engine.dispose()

    # business

    def set_business(self, wanted: Business) -> Business:
        """Writes the business, or returns it when the same was written before.

        Raises:
            FailedPrecondition: another business was written before.
            InvalidInput: the time zone or currency is unknown.
        """
        return business.set_once(self._engine, wanted)

    def business(self) -> Business:
        """Raises FailedPrecondition before `farview init`."""
        return business.read(self._engine)

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
        return self._write(lambda writer: writer.record_transactions(rows, who=who))

    def transactions(self, cut: Cut) -> pa.RecordBatchReader:
        """schemas.EVENTS inside the cut, in no order. The reader holds a connection until it is read out or closed."""
        return transactions.read(self._engine, cut, business.read(self._engine).time_zone)

    def transactions_of(self, cut: Cut, customer_ids: Sequence[str]) -> pa.Table:
        """schemas.EVENTS of those customers inside the cut, in no order; one scan."""
        return transactions.read_of(self._engine, cut, business.read(self._engine).time_zone, customer_ids)

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
        return self._write(lambda writer: writer.record_touchpoints(rows, who=who))

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

    def contact_counts(self, days: int, now: datetime) -> dict[str, int]:
        """How many contacts were shown to each customer within the last days; who had none is absent. One scan."""
        with self._engine.connect() as connection:
            return contacts.counts(connection, days, now)

    # segments and guarantees

    def set_segment(self, segment: Segment, *, who: str) -> StoredSegment:
        """See Writer.set_segment."""
        return self._write(lambda writer: writer.set_segment(segment, who=who))

    def segment(self, segment_id: str) -> StoredSegment:
        """Raises NotFound."""
        return segments.one(self._engine, segment_id)

    def segments(self, *, page_size: int = 1_000, after: str = "") -> list[StoredSegment]:
        """One page by id; `after` is the last id of the page before."""
        return segments.page(self._engine, page_size, after)

    def delete_segment(self, segment_id: str, *, who: str) -> None:
        """See Writer.delete_segment."""
        self._write(lambda writer: writer.delete_segment(segment_id, who=who))

    def set_guarantee(self, terms: GuaranteeTerms, *, who: str) -> StoredGuarantee:
        """See Writer.set_guarantee."""
        return self._write(lambda writer: writer.set_guarantee(terms, who=who))

    def guarantee(self, guarantee_id: str) -> StoredGuarantee:
        """Raises NotFound."""
        return guarantees.one(self._engine, guarantee_id)

    def guarantees(self, *, page_size: int = 1_000, after: str = "") -> list[StoredGuarantee]:
        """One page by id; `after` is the last id of the page before."""
        return guarantees.page(self._engine, page_size, after)

    def delete_guarantee(self, guarantee_id: str, *, who: str) -> None:
        """See Writer.delete_guarantee."""
        self._write(lambda writer: writer.delete_guarantee(guarantee_id, who=who))

    def floor_states(self, guarantee_id: str | None = None) -> list[FloorState]:
        """Promise, kept and deficit now, of one guarantee or all, the newest window first."""
        return floor_states.read(self._engine, guarantee_id)

    # items

    def items(self, item_ids: Sequence[str] | None = None) -> pa.Table:
        """schemas.ITEMS of those items, or of all; unknown ones are absent."""
        return items.read(self._engine, item_ids)

    # registry

    def register_model(
        self, kind: str, model: str, artifact: bytes, lineage: Lineage, metrics: Mapping[str, Any]
    ) -> ModelVersion:
        """Adds the next version of a kind. The first becomes champion, a later one candidate."""
        return registry.register(self._engine, NewModel(kind, model, artifact, lineage, metrics))

    def model_versions(self, kind: str | None = None) -> list[ModelVersion]:
        """Newest first within each kind."""
        return registry.versions(self._engine, kind)

    def model_version(self, kind: str, version: int) -> ModelVersion:
        """Raises NotFound."""
        return registry.version(self._engine, kind, version)

    def champion(self, kind: str = LTV_REVENUE) -> ModelVersion:
        """Raises NotFound before the first version of the kind."""
        return registry.champion(self._engine, kind)

    def artifact(self, model: ModelVersion) -> bytes:
        """The model's bytes.

        Raises:
            ArtifactMismatch: the stored bytes do not have the sha256 that the version names.
        """
        return registry.artifact(self._engine, model)

    def promote(
        self, kind: str, version: int, *, expected_champion: int | None, force: bool = False, who: str, why: str
    ) -> ModelVersion:
        """Makes a version the champion. `expected_champion` None: whoever is champion now.

        Raises:
            NotFound: no such version.
            Conflict: the champion is not the expected one.
            FailedPrecondition: the version's last gate report did not pass, is against another champion, or there is
                none; not with `force`, which is logged with its reason. Also, always: its stored bytes are not those
                registered.
            InvalidInput: `force` without a reason.
        """
        return self._write(
            lambda writer: writer.promote(
                kind, version, expected_champion=expected_champion, force=force, who=who, why=why
            )
        )

    def rollback(self, kind: str, *, expected_champion: int | None, who: str, why: str) -> ModelVersion:
        """Makes the champion before the champion again. Gates are not asked: it has served before.

        Raises:
            NotFound: the kind has no champion.
            Conflict: the champion is not the expected one.
            FailedPrecondition: there was no champion before, or its stored bytes are not those registered.
        """
        return self._write(lambda writer: writer.rollback(kind, expected_champion=expected_champion, who=who, why=why))

    def champion_history(self, kind: str | None = None) -> list[ChampionChange]:
        """Every change of champion of a kind, or of all, newest first. Raises NotFound for a kind without versions."""
        with self._engine.connect() as connection:
            return champions.history(connection, kind)

    def keep_gate_report(
        self,
        model: ModelVersion,
        champion: ModelVersion | None,
        checks: Sequence[Mapping[str, Any]],
        protocol: Mapping[str, Any],
        *,
        who: str,
    ) -> GateReport:
        """Stores what the gates said of a version; its last report counts. `champion` None: it is the champion.

        `checks` have gate, figure, value, limit, passed and said; the version passed when every check did.
        """
        against = None if champion is None else champion.version
        return write(
            self._engine,
            lambda connection: gate_reports.keep(
                connection, model.kind, model.version, against, checks, protocol, who=who
            ),
        )

    def gate_report(self, kind: str, version: int) -> GateReport | None:
        """The last report of a version; None when it was never examined."""
        with self._engine.connect() as connection:
            return gate_reports.latest(connection, kind, version)

    # runs: staged rows are invisible to every read until publish

    def begin_run(self, spec: RunSpec, parts: int = 1) -> ForecastRun:
        """The published run of that key; or that which a dead job left, to go on with; or a new one of `parts` parts.

        A run that is gone on with keeps its own `parts`; those before `parts_staged` are in. The job that had begun it,
        should it live, can no longer write to it.
        """
        return runs.begin(self._engine, spec, parts)

    def staged_sums(self, run: ForecastRun) -> bytes | None:
        """What the last part staged said of all up to it; None before the first."""
        return runs.sums(self._engine, run)

    def stage(self, run: ForecastRun, rows: pa.Table, *, part: int = 0, sums: bytes = b"") -> None:
        """Adds the rows of schemas.FORECAST of the next part, and what to remember of all parts so far; once.

        Raises:
            Conflict: the run was begun again by another job, or published, or the part is not the next.
        """
        runs.stage(self._engine, run, part, rows, sums)

    def publish(self, run: ForecastRun, group_totals: pa.Table, *, who: str) -> ForecastRun:
        """Makes a run whose parts are all in, and its totals (schemas.TOTALS), visible, in one transaction.

        Raises:
            Conflict: the run was begun again by another job, or published, or lacks a part.
        """
        return runs.publish(self._engine, run, group_totals, who)

    def latest_run(self, kind: str = LTV_REVENUE) -> ForecastRun | None:
        """The published run to serve: the newest as-of day; of that day the champion's, then the last published."""
        return runs.latest(self._engine, kind)

    def run(self, run_id: int) -> ForecastRun:
        """A published run. Raises NotFound."""
        return runs.published(self._engine, run_id)

    def runs(self, kind: str = LTV_REVENUE) -> list[ForecastRun]:
        """Published runs, newest first."""
        return runs.every(self._engine, kind)

    def prune_runs(self, keep: int, kind: str = LTV_REVENUE, *, who: str) -> list[ForecastRun]:
        """Deletes published runs but for the `keep` published last and the one served; answers which.

        They are closed to readers in one transaction; their rows go after it, in short ones.
        """
        return retention.prune(self._engine, kind, keep, who)

    # forecasts of published runs; an unpublished or unknown run raises NotFound

    def forecasts(self, run_id: int, customer_ids: Sequence[str], horizon_days: int | None = None) -> pa.Table:
        """schemas.FORECAST rows of those customers, by customer id and horizon; customers without one are absent."""
        return forecasts.of_customers(self._engine, run_id, customer_ids, horizon_days)

    def list_forecasts(
        self,
        run_id: int,
        horizon_days: int,
        *,
        where: Filter = EVERYTHING,
        order_by: OrderBy = OrderBy(),  # noqa: B008 - frozen
        page_size: int = 100,
        after: PageKey | None = None,
    ) -> Page:
        """One page in order. A page never repeats or skips a row, whatever is published meanwhile.

        Raises:
            InvalidInput: `order_by` is not an orderable column.
        """
        return forecasts.page(
            self._engine, run_id, horizon_days, where=where, order_by=order_by, page_size=page_size, after=after
        )

    def run_table(self, run_id: int, horizon_days: int, columns: Sequence[str]) -> pa.Table:
        """Some columns of schemas.FORECAST for all customers of a run, ordered by customer id."""
        return forecasts.table(self._engine, run_id, horizon_days, columns)

    def totals(self, run_id: int) -> pa.Table:
        """schemas.TOTALS of a run, base first."""
        return totals.read(self._engine, run_id)

    # plans: those of a run are invisible to every read until it is published

    def plan(self, plan_id: int) -> StoredPlan:
        """Raises NotFound."""
        return plans.one(self._engine, plan_id)

    def list_plans(self, *, customer_id: str | None, page_size: int, after: int | None) -> PlanPage:
        """One page of a customer's plans, or of all, newest first; `after` is that of the page before, or None."""
        return plans.page(self._engine, customer_id, page_size, after)

    def begin_plan_run(self, spec: PlanRunSpec) -> PlanRun:
        """The published run of that key, or a new one to stage into; as begin_run.

        Raises:
            NotFound: no such version of a journeys model.
        """
        return plan_runs.begin(self._engine, spec)

    def stage_plans(self, run: PlanRun, new: Sequence[NewPlan]) -> None:
        """Adds plans to a run that is not published. One transaction a call.

        Raises:
            Conflict: the run was begun again by another job, or published.
        """
        plan_runs.stage(self._engine, run.plan_run_id, new)

    def publish_plans(self, run: PlanRun, *, who: str) -> PlanRun:
        """Makes a run of plans visible.

        Raises:
            Conflict: the run was begun again by another job, or published.
        """
        return plan_runs.publish(self._engine, run.plan_run_id, who)

    def plan_runs(self) -> list[PlanRun]:
        """Published runs of plans, newest first."""
        return plan_runs.every(self._engine)

    # writes over RPC, operations, audit

    def signing_keys(self) -> list[bytes]:
        """The secrets that sign answers, oldest first; makes the first if there is none, the same for all callers."""
        return signing_keys.every(self._engine)

    def once(self, request: WriteRequest, work: Callable[[Writer], bytes]) -> bytes:
        """Does `work` and remembers its answer in one transaction; a repeat gets that answer and does nothing.

        Raises:
            AlreadyExists: the request id was used with another method or body.
            Conflict: the database is busy with another write; retry.
        """
        return idempotency.once(self._engine, request, work)

    def operation(self, kind: str, request: Mapping[str, Any], *, who: str) -> AbstractContextManager[Operation]:
        """Records a long job: start, progress, end, error."""
        return operations.record(self._engine, kind, request, who=who)

    def operations(self, limit: int = 100) -> list[OperationRecord]:
        """Newest first."""
        return operations.recent(self._engine, limit)

    def queued_operation(self, operation_id: int) -> OperationRecord:
        """One that was queued by `Writer.queue_operation`. Raises NotFound."""
        return queue.one(self._engine, operation_id)

    def queued_operations(
        self, *, where: Filter = EVERYTHING, page_size: int = 100, after: int | None = None
    ) -> list[OperationRecord]:
        """One page of them, newest first; `after` is the last id of the page before. Fields: queue.FILTER_FIELDS."""
        return queue.page(self._engine, where, page_size, after)

    def cancel_operation(self, operation_id: int, *, who: str) -> OperationRecord:
        """Cancels one that waits; asks the worker of one that runs to stop; leaves one that has ended as it is.

        Raises:
            NotFound: no such operation was queued.
        """
        return queue.cancel(self._engine, operation_id, who=who)

    def delete_operation(self, operation_id: int, *, who: str) -> None:
        """Forgets one that has ended; what it published stays.

        Raises:
            NotFound: no such operation was queued.
            FailedPrecondition: it waits or runs.
        """
        queue.forget(self._engine, operation_id, who=who)

    def claim_operation(self, worker: str, *, dead_after: timedelta) -> Claim | None:
        """The oldest operation that waits, or whose worker gave no sign of life for so long; None: nothing to do."""
        return claims.claim(self._engine, worker, dead_after)

    def audit_log(self, limit: int = 100) -> list[AuditEntry]:
        """Newest first."""
        return audit.recent(self._engine, limit)

    def _write(self, work: Callable[[Writer], T]) -> T:
        return write(self._engine, lambda connection: work(Writer(connection)))
