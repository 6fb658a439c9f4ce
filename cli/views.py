"""What people and programs see of models and runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group
from rich.markup import escape

from cli.boost_views import boost_lines, combination_lines
from cli.console import table
from cli.sequence_views import sequence_lines
from farview.store.values import ForecastRun, ModelVersion


def model_as_data(version: ModelVersion) -> dict[str, Any]:
    """One model for programs."""
    return {
        "name": version.name,
        "model": version.model,
        "aliases": list(version.aliases),
        "artifact_sha256": version.artifact_sha256,
        "artifact_size_bytes": version.artifact_size_bytes,
        "created_at": version.created_at,
        "lineage": asdict(version.lineage),
        "metrics": version.metrics,
    }


def model_lines(version: ModelVersion) -> Iterator[str]:
    """One model for people: what it is, how the fit went, what to worry about."""
    metrics = version.metrics
    repeat = f", {metrics['repeat_buyers']:,} of them repeat buyers" if "repeat_buyers" in metrics else ""
    alias = f" ({', '.join(version.aliases)})" if version.aliases else ""
    yield (
        f"[bold]{version.name}[/bold]{alias}: {version.model} on {metrics['customers']:,} customers{repeat}, "
        f"as of {version.lineage.as_of}."
    )
    yield from _HOW.get(version.model, _posterior_lines)(metrics)
    if "choice" in metrics:
        yield escape(metrics["choice"]["said"])
    for warning in metrics["warnings"]:
        yield f"[yellow]Note:[/yellow] {escape(warning)}"


def _posterior_lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    for part in ("purchases", "spend"):
        yield f"  {part}: {quality(metrics[part])}"


_HOW = {"boost": boost_lines, "combination": combination_lines, "gru": sequence_lines, "transformer": sequence_lines}
"""How a fit of these models went; others have posteriors."""


def quality(part: Mapping[str, Any]) -> str:
    """How a posterior was found, and the figures that say whether to trust it."""
    said = [str(part["method"])]
    for name, label, digits in (("k_hat", "k-hat", 2), ("r_hat", "R-hat", 3), ("effective_size", "effective draws", 0)):
        if part[name] is not None:
            said.append(f"{label} {part[name]:,.{digits}f}")
    return ", ".join(said)


def models_table(versions: Sequence[ModelVersion]) -> Group:
    """Models, one line each."""
    rows = [
        [
            version.name,
            ", ".join(version.aliases) or "-",
            version.model,
            f"{version.lineage.as_of}",
            f"{version.created_at:%Y-%m-%d %H:%M}",
            version.lineage.who,
            f"{version.artifact_size_bytes / 1024:,.0f}",
        ]
        for version in versions
    ]
    return table("Models", ["name", "alias", "family", "as of", "registered (UTC)", "by", "size, KiB"], rows, left=3)


def lineage_table(version: ModelVersion) -> Group:
    """Where a model comes from."""
    lineage = version.lineage
    rows = [
        ["data", f"{lineage.snapshot_hash[:16]} known at {lineage.known_at:%Y-%m-%d %H:%M:%S} UTC"],
        ["features", lineage.feature_schema_hash[:16]],
        ["configuration", ", ".join(f"{name} {value}" for name, value in lineage.configuration.items())],
        ["seed", str(lineage.seed)],
        ["artifact", f"sha256 {version.artifact_sha256[:16]}, {version.artifact_size_bytes:,} bytes"],
        ["code", f"farview {lineage.code_version}"],
        ["libraries", ", ".join(f"{name} {number}" for name, number in lineage.library_versions.items())],
        ["registered", f"{version.created_at:%Y-%m-%d %H:%M:%S} UTC by {lineage.who}"],
        ["why", lineage.why or "-"],
    ]
    return table("Lineage", ["", ""], rows, left=2)


def run_as_data(run: ForecastRun) -> dict[str, Any]:
    """One run for programs."""
    return {
        "run_id": run.run_id,
        "model": run.model_name,
        "as_of": run.spec.as_of,
        "known_at": run.spec.known_at,
        "horizons_days": list(run.spec.horizons_days),
        "forecasts": run.forecasts,
        "published_at": run.published_at,
    }


def run_lines(run: ForecastRun) -> Iterator[str]:
    """One run for people."""
    horizons = run.spec.horizons_days
    yield (
        f"Run {run.run_id} is published: {run.forecasts // len(horizons):,} customers over "
        f"{', '.join(map(str, horizons))} days after {run.spec.as_of}, by {run.model_name}."
    )


def runs_table(runs: Sequence[ForecastRun], served: ForecastRun | None) -> Group:
    """Runs, one line each."""
    rows = [
        [
            f"{run.run_id}",
            "served" if run == served else "-",
            f"{run.spec.as_of}",
            run.model_name,
            ", ".join(map(str, run.spec.horizons_days)),
            f"{run.published_at:%Y-%m-%d %H:%M}",
            f"{run.forecasts // len(run.spec.horizons_days):,}",
        ]
        for run in runs
    ]
    heads = ["run", "", "as of", "model", "horizons, days", "published (UTC)", "customers"]
    return table("Forecast runs", heads, rows, left=6)
