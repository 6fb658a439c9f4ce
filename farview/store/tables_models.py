"""Tables of models and their artifacts."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field

from farview.store.tables import Row, core
from farview.store.types import KEY, UtcDateTime


class ArtifactRow(Row, table=True):
    """Bytes by their sha256. In the database, so that a replica needs nothing but its URL."""

    __tablename__ = "artifacts"

    sha256: str = Field(primary_key=True, sa_type=Text)
    size_bytes: int = Field(sa_type=BigInteger)
    content: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=UtcDateTime)


class ModelVersionRow(Row, table=True):
    """A registered model with its lineage. Never changed."""

    __tablename__ = "model_versions"
    __table_args__ = (
        UniqueConstraint("kind", "version"),
        ForeignKeyConstraint(["artifact_sha256"], ["artifacts.sha256"]),
    )

    model_version_id: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    kind: str = Field(sa_type=Text)  # "ltv-revenue", "journeys", "ranking"
    version: int = Field(sa_type=BigInteger)  # 1, 2, ... per kind
    model: str = Field(sa_type=Text)  # the model family's name, "bg_nbd"
    artifact_sha256: str = Field(sa_type=Text)
    as_of: date
    known_at: datetime = Field(sa_type=UtcDateTime)
    snapshot_hash: str = Field(sa_type=Text)
    feature_schema_hash: str = Field(sa_type=Text)
    code_version: str = Field(sa_type=Text)
    library_versions: str = Field(sa_type=Text)  # JSON
    seed: int = Field(sa_type=BigInteger)
    configuration: str = Field(sa_type=Text)  # JSON
    metrics: str = Field(sa_type=Text)  # JSON
    who: str = Field(sa_type=Text)
    why: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)


class ModelAliasRow(Row, table=True):
    """Which version of a kind is the champion, which the candidate."""

    __tablename__ = "model_aliases"
    __table_args__ = (
        CheckConstraint("alias IN ('champion', 'candidate')", name="alias"),
        ForeignKeyConstraint(["kind", "version"], ["model_versions.kind", "model_versions.version"]),
    )

    kind: str = Field(primary_key=True, sa_type=Text)
    alias: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(sa_type=BigInteger)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class GateReportRow(Row, table=True):
    """What the gates said of a version. Never changed: another examination is another row, and the last one counts."""

    __tablename__ = "gate_reports"
    __table_args__ = (
        Index(None, "kind", "version", "gate_report_id"),
        ForeignKeyConstraint(["kind", "version"], ["model_versions.kind", "model_versions.version"]),
    )

    gate_report_id: int | None = Field(default=None, primary_key=True, sa_type=KEY)
    kind: str = Field(sa_type=Text)
    version: int = Field(sa_type=BigInteger)
    champion: int | None = Field(
        default=None, sa_type=BigInteger
    )  # it was held against; null: none, it is the champion
    passed: bool
    report: str = Field(sa_type=Text)  # JSON
    who: str = Field(sa_type=Text)
    made_at: datetime = Field(sa_type=UtcDateTime)


ARTIFACTS = core(ArtifactRow)
MODELS = core(ModelVersionRow)
ALIASES = core(ModelAliasRow)
GATE_REPORTS = core(GateReportRow)
