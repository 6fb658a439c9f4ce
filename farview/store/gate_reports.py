"""Reports of the gates: one row an examination, the last one of a version counts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from farview.store import registry
from farview.store.tables_models import GATE_REPORTS


@dataclass(frozen=True, slots=True)
class GateReport:
    """What the gates said of a version."""

    kind: str
    version: int
    champion: int | None  # the version it was held against; None: it was the champion itself
    passed: bool
    checks: Sequence[Mapping[str, Any]]  # gate, figure, value, limit, passed, said
    protocol: Mapping[str, Any]  # how it was examined: margin, origins, refit
    who: str
    made_at: datetime

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.version}"

    @property
    def champion_name(self) -> str | None:
        return None if self.champion is None else f"{self.kind}/{self.champion}"

    @property
    def failures(self) -> list[str]:
        """Every check that did not pass, "gate: in words"."""
        return [f"{check['gate']}: {check['said']}" for check in self.checks if not check["passed"]]


def keep(
    connection: Connection,
    kind: str,
    version: int,
    champion: int | None,
    checks: Sequence[Mapping[str, Any]],
    protocol: Mapping[str, Any],
    *,
    who: str,
) -> GateReport:
    """See Store.keep_gate_report."""
    registry.one(connection, kind, version)
    passed, now = all(check["passed"] for check in checks), datetime.now(UTC)
    document = json.dumps({"checks": list(checks), "protocol": dict(protocol)}, sort_keys=True)
    row = {"kind": kind, "version": version, "champion": champion, "passed": passed, "report": document}
    connection.execute(insert(GATE_REPORTS).values(**row, who=who, made_at=now))
    return GateReport(kind, version, champion, passed, checks, protocol, who, now)


def latest(connection: Connection, kind: str, version: int) -> GateReport | None:
    """See Store.gate_report."""
    query = select(GATE_REPORTS).where(GATE_REPORTS.c.kind == kind, GATE_REPORTS.c.version == version)
    row = connection.execute(query.order_by(GATE_REPORTS.c.gate_report_id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    document = json.loads(row.report)
    return GateReport(
        row.kind, row.version, row.champion, row.passed, document["checks"], document["protocol"], row.who, row.made_at
    )
