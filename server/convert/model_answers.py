"""Registered models as protobuf messages."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from farview.store.gate_reports import GateReport
from farview.store.values import Lineage, ModelVersion
from farview.v1 import model_pb2 as pb
from server.convert.basics import day, instant

_ALIASES = {"candidate": pb.MODEL_ALIAS_CANDIDATE, "champion": pb.MODEL_ALIAS_CHAMPION}


def model_version(version: ModelVersion) -> pb.ModelVersion:
    """A version with its lineage and figures."""
    return pb.ModelVersion(
        model_version=version.name,
        kind=version.kind,
        version=version.version,
        model=version.model,
        aliases=sorted(_ALIASES[alias] for alias in version.aliases),
        create_time=instant(version.created_at),
        lineage=_lineage(version.lineage),
        metrics=[pb.ModelMetric(name=name, value=value) for name, value in sorted(_figures(version.metrics))],
        artifact_sha256=version.artifact_sha256,
    )


def gate_report(report: GateReport) -> pb.GateReport:
    """What the gates said."""
    return pb.GateReport(
        passed=report.passed,
        champion=report.champion_name or "",
        checks=[
            pb.GateCheck(
                gate=check["gate"],
                figure=check["figure"],
                value=check["value"],
                limit=check["limit"],
                passed=check["passed"],
                explanation=check["said"],
            )
            for check in report.checks
        ],
        create_time=instant(report.made_at),
        created_by=report.who,
    )


def _lineage(lineage: Lineage) -> pb.ModelLineage:
    return pb.ModelLineage(
        as_of_date=day(lineage.as_of),
        known_at_time=instant(lineage.known_at),
        data_snapshot_hash=lineage.snapshot_hash,
        feature_schema_hash=lineage.feature_schema_hash,
        configuration_json=json.dumps(lineage.configuration, sort_keys=True, separators=(",", ":")),
        seed=lineage.seed,
        code_version=lineage.code_version,
        library_versions=[
            pb.LibraryVersion(library=library, version=version)
            for library, version in sorted(lineage.library_versions.items())
        ],
        registered_by=lineage.who,
        reason=lineage.why,
    )


def _figures(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every finite number, nested names joined by dots; words, lists and undefined figures are left out."""
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from _figures(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield f"{prefix}{name}", float(value)
