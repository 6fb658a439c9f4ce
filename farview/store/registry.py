"""Model versions, their artifacts, and which of them is champion."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from farview.core.errors import ArtifactMismatch, NotFound
from farview.store import audit
from farview.store.engine import write
from farview.store.tables_models import ALIASES, ARTIFACTS, MODELS
from farview.store.values import Lineage, ModelVersion, NewModel

CHAMPION = "champion"
CANDIDATE = "candidate"


def register(engine: Engine, new: NewModel) -> ModelVersion:
    """See Store.register_model."""
    return write(engine, lambda connection: add(connection, new))


def add(connection: Connection, new: NewModel) -> ModelVersion:
    """See Store.register_model; in a transaction of the caller's."""
    numbers = select(func.coalesce(func.max(MODELS.c.version), 0)).where(MODELS.c.kind == new.kind)
    number = int(connection.execute(numbers).scalar_one()) + 1
    now = datetime.now(UTC)
    sha256 = _keep_artifact(connection, new.artifact, now)
    connection.execute(insert(MODELS).values(_row(new, number, sha256, now)))
    alias = CHAMPION if number == 1 else CANDIDATE
    _set_alias(connection, new.kind, alias, number, now)
    detail = {"alias": alias, "artifact_sha256": sha256, "why": new.lineage.why}
    audit.append(connection, new.lineage.who, "register", {f"{new.kind}/{number}": detail})
    return one(connection, new.kind, number)


def versions(engine: Engine, kind: str | None) -> list[ModelVersion]:
    """See Store.model_versions."""
    query = _query().order_by(MODELS.c.kind, MODELS.c.version.desc())
    if kind is not None:
        query = query.where(MODELS.c.kind == kind)
    with engine.connect() as connection:
        aliases = _aliases(connection)
        return [_value(row, aliases) for row in connection.execute(query)]


def version(engine: Engine, kind: str, number: int) -> ModelVersion:
    """See Store.model_version."""
    with engine.connect() as connection:
        return one(connection, kind, number)


def champion(engine: Engine, kind: str) -> ModelVersion:
    """See Store.champion."""
    with engine.connect() as connection:
        number = connection.execute(
            select(ALIASES.c.version).where(ALIASES.c.kind == kind, ALIASES.c.alias == CHAMPION)
        ).scalar_one_or_none()
        if number is None:
            raise NotFound("model", f"{kind}/{CHAMPION}", f"run `farview train {kind.partition('-')[0]}` first")
        return one(connection, kind, number)


def key_of(connection: Connection, kind: str, number: int) -> int:
    """The version's key in tables. Raises NotFound."""
    query = select(MODELS.c.model_version_id).where(MODELS.c.kind == kind, MODELS.c.version == number)
    key: int | None = connection.execute(query).scalar_one_or_none()
    if key is None:
        raise NotFound("model", f"{kind}/{number}", "list them with `farview models list`")
    return key


def key_of_name(connection: Connection, name: str) -> int:
    """The same of a name like "journeys/3"."""
    kind, _, number = name.rpartition("/")
    if not (number.isascii() and number.isdigit()):
        raise NotFound("model", name, "list them with `farview models list`")
    return key_of(connection, kind, int(number))


def artifact(engine: Engine, model: ModelVersion) -> bytes:
    """See Store.artifact."""
    with engine.connect() as connection:
        return artifact_of(connection, model)


def artifact_of(connection: Connection, model: ModelVersion) -> bytes:
    """See Store.artifact; in a transaction of the caller's."""
    query = select(ARTIFACTS.c.content).where(ARTIFACTS.c.sha256 == model.artifact_sha256)
    content = connection.execute(query).scalar_one_or_none()
    if content is None:
        raise ArtifactMismatch(f"the artifact of {model.name} ({model.artifact_sha256}) is not in the database")
    found = hashlib.sha256(content).hexdigest()
    if found != model.artifact_sha256:
        raise ArtifactMismatch(
            f"the artifact of {model.name} has sha256 {found}, registered as {model.artifact_sha256}"
        )
    return bytes(content)


def _keep_artifact(connection: Connection, content: bytes, now: datetime) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = {"sha256": sha256, "size_bytes": len(content), "content": content, "created_at": now}
    connection.execute(dialect.insert(ARTIFACTS).values(row).on_conflict_do_nothing())
    return sha256


def _set_alias(connection: Connection, kind: str, alias: str, number: int, now: datetime) -> None:
    connection.execute(delete(ALIASES).where(ALIASES.c.kind == kind, ALIASES.c.alias == alias))
    connection.execute(insert(ALIASES).values(kind=kind, alias=alias, version=number, updated_at=now))


def _row(new: NewModel, number: int, sha256: str, now: datetime) -> dict[str, Any]:
    lineage = new.lineage
    return {
        "kind": new.kind,
        "version": number,
        "model": new.model,
        "artifact_sha256": sha256,
        "as_of": lineage.as_of,
        "known_at": lineage.known_at,
        "snapshot_hash": lineage.snapshot_hash,
        "feature_schema_hash": lineage.feature_schema_hash,
        "code_version": lineage.code_version,
        "library_versions": json.dumps(dict(lineage.library_versions), sort_keys=True),
        "seed": lineage.seed,
        "configuration": json.dumps(dict(lineage.configuration), sort_keys=True),
        "metrics": json.dumps(dict(new.metrics), sort_keys=True),
        "who": lineage.who,
        "why": lineage.why,
        "created_at": now,
    }


def _query() -> Select[Any]:
    return select(MODELS, ARTIFACTS.c.size_bytes).join(ARTIFACTS, ARTIFACTS.c.sha256 == MODELS.c.artifact_sha256)


def one(connection: Connection, kind: str, number: int) -> ModelVersion:
    """See Store.model_version; in a transaction of the caller's."""
    query = _query().where(MODELS.c.kind == kind, MODELS.c.version == number)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("model", f"{kind}/{number}", "list them with `farview models list`")
    return _value(row, _aliases(connection))


def _aliases(connection: Connection) -> dict[tuple[str, int], tuple[str, ...]]:
    query = select(ALIASES.c.kind, ALIASES.c.version, ALIASES.c.alias).order_by(ALIASES.c.alias.desc())
    found: dict[tuple[str, int], tuple[str, ...]] = {}
    for kind, number, alias in connection.execute(query):
        found[kind, number] = (*found.get((kind, number), ()), alias)
    return found


def _value(row: Row[Any], aliases: Mapping[tuple[str, int], tuple[str, ...]]) -> ModelVersion:
    lineage = Lineage(
        as_of=row.as_of,
        known_at=row.known_at,
        snapshot_hash=row.snapshot_hash,
        feature_schema_hash=row.feature_schema_hash,
        code_version=row.code_version,
        library_versions=json.loads(row.library_versions),
        seed=row.seed,
        configuration=json.loads(row.configuration),
        who=row.who,
        why=row.why,
    )
    return ModelVersion(
        kind=row.kind,
        version=row.version,
        model=row.model,
        aliases=aliases.get((row.kind, row.version), ()),
        artifact_sha256=row.artifact_sha256,
        artifact_size_bytes=row.size_bytes,
        lineage=lineage,
        metrics=json.loads(row.metrics),
        created_at=row.created_at,
    )
