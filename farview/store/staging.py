"""Runs of any kind: begun, staged into batch by batch, published in one transaction.

Each batch is committed on its own. One transaction for the whole run would hold SQLite's only write lock for minutes
and let its WAL grow to the size of the run, 1.2 GB for a million customers and three horizons, because pages of an
open transaction cannot be written back. What makes staged rows invisible is the status of their run, not a
transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    Table,
    and_,
    delete,
    insert,
    or_,
    select,
    true,
    update,
)

from farview.core.errors import Conflict
from farview.store import registry
from farview.store.engine import write
from farview.store.tables_models import MODELS

DEAD_AFTER = timedelta(hours=24)  # without a staged batch
_LOST = "run {run_id} is not open: another job began the same run again, or it is published; start over"
_CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Stage:
    """A table of runs, and the table whose rows they publish, which names its run as the former names itself."""

    runs: Table
    rows: Table

    @property
    def run_id(self) -> Column[Any]:
        """Key of the runs."""
        (key,) = self.runs.primary_key.columns
        return key


@dataclass(frozen=True, slots=True)
class Key:
    """What makes two runs the same."""

    kind: str
    model_version: int
    as_of: date
    snapshot_hash: str
    config_hash: str


def begin(engine: Engine, stage: Stage, key: Key, known: Mapping[str, Any]) -> Row[Any]:
    """The published run of that key, or a new one with what else is `known` of it; a row of `query`.

    Removes what a dead run of the key had staged, and runs of other keys that gave no sign of life for a day.

    Raises:
        NotFound: no such model version.
    """
    same = same_key(stage, key)
    with engine.connect() as connection:
        found = connection.execute(published(stage).where(same)).one_or_none()
    if found is not None:
        return found
    for run_id in write(engine, lambda connection: _abandon(connection, stage, same)):
        remove(engine, stage, run_id)

    def work(connection: Connection) -> Row[Any]:
        connection.execute(delete(stage.runs).where(stage.runs.c.status == "abandoned"))
        return _insert(connection, stage, key, known)

    return write(engine, work)


def hold(
    connection: Connection,
    stage: Stage,
    run_id: int,
    rows: int,
    *,
    only: ColumnElement[bool] | None = None,
    also: Mapping[str, Any] | None = None,
) -> None:
    """Counts rows about to be staged, and holds the run's row until the commit, so that nobody removes it before.

    Args:
        connection: whose transaction stages the rows.
        stage: whose run it is.
        run_id: of the run.
        rows: how many.
        only: what else must hold of the run, or it is lost to this job.
        also: what else to write to the run.

    Raises:
        Conflict: the run was begun again by another job, or published.
    """
    runs = stage.runs
    alive = update(runs).where(stage.run_id == run_id, runs.c.status == "staging", true() if only is None else only)
    counted = alive.values(rows_staged=runs.c.rows_staged + rows, staged_at=datetime.now(UTC), **(also or {}))
    if connection.execute(counted).rowcount != 1:
        raise Conflict(_LOST.format(run_id=run_id))


def publish(
    connection: Connection,
    stage: Stage,
    run_id: int,
    *,
    only: ColumnElement[bool] | None = None,
    also: Mapping[str, Any] | None = None,
) -> Row[Any]:
    """Makes a run's rows visible; they are in place already, so this costs the same for any number of them.

    `only` and `also` are as in `hold`.

    Raises:
        Conflict: the run was begun again by another job, or published.
    """
    runs = stage.runs
    open_ = update(runs).where(stage.run_id == run_id, runs.c.status == "staging", true() if only is None else only)
    if (
        connection.execute(open_.values(status="published", published_at=datetime.now(UTC), **(also or {}))).rowcount
        != 1
    ):
        raise Conflict(_LOST.format(run_id=run_id))
    return connection.execute(query(stage).where(stage.run_id == run_id)).one()


def published(stage: Stage) -> Select[Any]:
    """Published runs, newest first."""
    runs = stage.runs
    return query(stage).where(runs.c.status == "published").order_by(runs.c.published_at.desc(), stage.run_id.desc())


def query(stage: Stage) -> Select[Any]:
    """Runs with kind and version of their model."""
    return select(stage.runs, MODELS.c.kind, MODELS.c.version).join(
        MODELS, MODELS.c.model_version_id == stage.runs.c.model_version_id
    )


def same_key(stage: Stage, key: Key) -> ColumnElement[bool]:
    """Of the runs in `query`, those of that key."""
    return and_(
        MODELS.c.kind == key.kind,
        MODELS.c.version == key.model_version,
        stage.runs.c.as_of == key.as_of,
        stage.runs.c.snapshot_hash == key.snapshot_hash,
        stage.runs.c.config_hash == key.config_hash,
    )


def _abandon(connection: Connection, stage: Stage, same: ColumnElement[bool]) -> list[int]:
    """Ids of dead runs, now closed to their jobs: should one still live, its next `hold` or `publish` fails."""
    runs = stage.runs
    dead = or_(same, runs.c.staged_at < datetime.now(UTC) - DEAD_AFTER, runs.c.status == "abandoned")
    ids = select(stage.run_id).join(MODELS, MODELS.c.model_version_id == runs.c.model_version_id)
    found = list(connection.execute(ids.where(runs.c.status != "published", dead)).scalars())
    closed = update(runs).where(stage.run_id.in_(found), runs.c.status == "staging")
    connection.execute(closed.values(status="abandoned"))
    return found


def remove(engine: Engine, stage: Stage, run_id: int) -> None:
    """Deletes the rows of an abandoned run, a short transaction at a time."""
    (row_id,) = stage.rows.primary_key.columns
    some = select(row_id).where(stage.rows.c[stage.run_id.name] == run_id).limit(_CHUNK)

    def work(connection: Connection) -> int:
        return connection.execute(delete(stage.rows).where(row_id.in_(some))).rowcount

    while write(engine, work):
        pass


def _insert(connection: Connection, stage: Stage, key: Key, known: Mapping[str, Any]) -> Row[Any]:
    now = datetime.now(UTC)
    row = {
        "status": "staging",
        "model_version_id": registry.key_of(connection, key.kind, key.model_version),
        "as_of": key.as_of,
        "snapshot_hash": key.snapshot_hash,
        "config_hash": key.config_hash,
        "rows_staged": 0,
        "created_at": now,
        "staged_at": now,
        **known,
    }
    run_id = connection.execute(insert(stage.runs).values(row).returning(stage.run_id)).scalar_one()
    return connection.execute(query(stage).where(stage.run_id == run_id)).one()
