"""Tables of customers, transactions, imports and what guards writes. Forecasts and models have files of their own."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from farview.store.types import AMOUNT, CUSTOMER_KEY, KEY, UtcDateTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


OPEN = "queued_at IS NOT NULL AND state IN ('waiting', 'running')"
"""Of an operation: a worker has to look at it."""


class Row(SQLModel):
    """Base of all tables: one metadata, constraints named by rule so that a migration can drop them on any database."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


def core(row: type[Row]) -> Table:
    """The table behind a row class: queries are written on tables, whose columns are typed as SQL and not as values."""
    table: Table = getattr(row, "__table__")  # noqa: B009 - SQLModel adds it where mypy does not look
    return table


class BusinessRow(Row, table=True):
    """The one business of this database, written by `farview init`."""

    __tablename__ = "business"
    __table_args__ = (CheckConstraint("business_id = 1", name="single"),)

    business_id: int = Field(default=1, primary_key=True, sa_type=KEY)
    time_zone: str = Field(sa_type=Text)
    reporting_currency: str = Field(sa_type=Text)
    consent_required: bool = Field(sa_type=Boolean)
    created_at: datetime = Field(sa_type=UtcDateTime)


class CustomerRow(Row, table=True):
    """Everyone who was ever named by a transaction, a touchpoint, a consent, an impression or a file of customers."""

    __tablename__ = "customers"
    __table_args__ = ({"sqlite_with_rowid": False},)

    customer_id: str = Field(primary_key=True, sa_type=CUSTOMER_KEY)
    created_at: datetime = Field(sa_type=UtcDateTime)
    attributes: str | None = Field(default=None, sa_type=Text)  # JSON object; null: never described
    time_zone: str | None = Field(default=None, sa_type=Text)  # IANA
    described_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # last change of the two above


class TransactionRow(Row, table=True):
    """Sales and returns. Rows are never changed: a correction is a new row, and `superseded_at` closes the old one.

    A read as known at T sees rows with ingested_at <= T that were not superseded by T, so the past can be read again.
    There is no index by customer or time: every read scans a cut, and at 10^7 rows an index in another order than the
    file's costs more than the whole import. No foreign key to customers or imports for the same reason: PostgreSQL
    checks it row by row. Both are written in the same transaction as the row.
    """

    __tablename__ = "transactions"
    __table_args__ = (
        Index(
            "uq_transactions_transaction_id_current",
            "transaction_id",
            unique=True,
            sqlite_where=text("transaction_id IS NOT NULL AND superseded_at IS NULL"),
            postgresql_where=text("transaction_id IS NOT NULL AND superseded_at IS NULL"),
        ),
    )

    transaction_key: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    transaction_id: str | None = Field(default=None, sa_type=Text)
    customer_id: str = Field(sa_type=CUSTOMER_KEY)
    time: datetime = Field(sa_type=UtcDateTime)
    amount: float = Field(sa_type=AMOUNT)  # reporting currency
    currency: str = Field(sa_type=Text)
    original_amount: float | None = Field(default=None, sa_type=AMOUNT)  # as sent; null: in the reporting currency
    original_currency: str | None = Field(default=None, sa_type=Text)
    ingested_at: datetime = Field(sa_type=UtcDateTime)
    superseded_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    row_hash: int = Field(sa_type=BigInteger)  # see farview.store.row_hash
    import_id: int | None = Field(default=None, sa_type=BigInteger)  # null: came over RPC


class ImportFileRow(Row, table=True):
    """Files imported, so that the same file with the same column options is not imported twice."""

    __tablename__ = "import_files"
    __table_args__ = (UniqueConstraint("kind", "content_hash", "mapping"),)

    import_id: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    kind: str = Field(sa_type=Text, sa_column_kwargs={"server_default": "transactions"})  # of batches.BATCHES
    content_hash: str = Field(sa_type=Text)  # sha256 of the content, decompressed
    mapping: str = Field(sa_type=Text)  # canonical JSON of the options that change what is read
    name: str = Field(sa_type=Text)
    rows_imported: int = Field(sa_type=BigInteger)
    rows_unchanged: int = Field(sa_type=BigInteger)
    rows_corrected: int = Field(sa_type=BigInteger)
    rows_rejected: int = Field(sa_type=BigInteger)
    imported_at: datetime = Field(sa_type=UtcDateTime)


class OperationRow(Row, table=True):
    """One run of a long job: when it started, how far it came, how it ended.

    A command writes its row when it starts. JobService writes rows that wait for a worker: they have `queued_at`, and
    what is said of queue and claim below is only theirs.
    """

    __tablename__ = "operations"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'running', 'done', 'failed', 'cancelled')", name="state"),
        Index(None, "started_at"),
        Index("ix_operations_open", "operation_id", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
    )

    operation_id: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    kind: str = Field(sa_type=Text)  # import | train | score | plan
    state: str = Field(sa_type=Text)
    request: str = Field(sa_type=Text)  # JSON
    step: str = Field(sa_type=Text)  # what it is doing, in words
    done: int = Field(sa_type=BigInteger)
    total: int | None = Field(default=None, sa_type=BigInteger)
    result: str | None = Field(default=None, sa_type=Text)  # JSON; while it runs, what is in place already
    error: str | None = Field(default=None, sa_type=Text)  # "Kind: message"
    who: str = Field(sa_type=Text)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # null: still waiting
    updated_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    queued_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # null: recorded by a command
    claimed_by: str | None = Field(default=None, sa_type=Text)  # the worker; unique for every claim
    heartbeat_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # last sign of life of that worker
    attempts: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})  # claims
    cancel_requested_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class IdempotencyRow(Row, table=True):
    """Answers to writes by request id."""

    __tablename__ = "idempotency"

    request_id: str = Field(primary_key=True, sa_type=Text)
    method: str = Field(sa_type=Text)
    body_hash: str = Field(sa_type=Text)
    answer: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=UtcDateTime)


class AuditRow(Row, table=True):
    """Who changed what and why. Triggers refuse any change to a row."""

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "subject", "audit_id"),)

    audit_id: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    at: datetime = Field(sa_type=UtcDateTime)
    who: str = Field(sa_type=Text)
    action: str = Field(sa_type=Text)  # correct | register | promote | import | publish
    subject: str = Field(sa_type=Text)
    detail: str = Field(sa_type=Text)  # JSON


BUSINESS = core(BusinessRow)
CUSTOMERS = core(CustomerRow)
TRANSACTIONS = core(TransactionRow)
IMPORT_FILES = core(ImportFileRow)
OPERATIONS = core(OperationRow)
IDEMPOTENCY = core(IdempotencyRow)
AUDIT_LOG = core(AuditRow)
