"""What people see of a registered law of contracts."""

from collections.abc import Iterator

from rich.markup import escape

from cli.views import quality
from farview.store.values import ModelVersion

MOST_COHORTS = 24


def retention_model_lines(version: ModelVersion) -> Iterator[str]:
    """What it is, how each cohort's fit went, what to worry about."""
    metrics = version.metrics
    alias = f" ({', '.join(version.aliases)})" if version.aliases else ""
    yield (
        f"[bold]{version.name}[/bold]{alias}: {version.model} on {metrics['customers']:,} contracts of "
        f"{len(metrics['cohorts']):,} cohorts."
    )
    for name, cohort in list(metrics["cohorts"].items())[:MOST_COHORTS]:
        parameters = ", ".join(
            f"{parameter} {mean:.3g} (sd {cohort['parameters_sd'][parameter]:.2g})"
            for parameter, mean in cohort["parameters"].items()
        )
        yield f"  {escape(name)}: {parameters}; {quality(cohort)}"
    if len(metrics["cohorts"]) > MOST_COHORTS:
        yield f"  and {len(metrics['cohorts']) - MOST_COHORTS:,} cohorts more (--json has all)"
    scores = ", ".join(f"{law} {score:.4f}" for law, score in metrics["inner_log_score"].items())
    yield f"  log score of a renewal foreseen from those before it, higher is better: {scores}"
    for warning in metrics["warnings"]:
        yield f"[yellow]Note:[/yellow] {escape(warning)}"
