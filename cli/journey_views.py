"""What people and programs see of journey models and of runs of plans."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Group

from cli.console import amount, table
from farview.store.values import ModelVersion

if TYPE_CHECKING:
    from jobs.plan import Planned
    from jobs.plan_summary import PlanSummary


def journey_model_lines(version: ModelVersion) -> Iterator[str]:
    """One journey model for people: what it saw, how well it foresees, what to worry about."""
    metrics, judged = version.metrics, version.metrics["validation"]
    alias = f" ({', '.join(version.aliases)})" if version.aliases else ""
    yield (
        f"[bold]{version.name}[/bold]{alias}: {version.model} on {metrics['steps']:,} touches of "
        f"{metrics['customers']:,} customers with {metrics['conversions']:,} conversions, "
        f"as of {version.lineage.as_of}."
    )
    rate, worth = metrics["base_rate"], metrics["mean_conversion_value"]
    yield (
        f"  of touches {'-' if rate is None else f'{100 * rate:.1f} %'} convert; "
        + ("no conversion has a value" if worth is None else f"a conversion brings {amount(worth)} on average")
    )
    if not judged["conversions"]:
        yield "[yellow]Note:[/yellow] the later touches hold no conversion, so nothing says how well it foresees."
    else:
        yield (
            f"  on the later {judged['steps']:,} touches, which also calibrated it: {_loss(judged)}, "
            f"AUC in step {_figure(judged['auc'])}, recall at 10 % {_figure(judged['recall_at_10pct'])}"
        )
    if metrics["evidence"] == "observational":
        yield (
            "[yellow]Note:[/yellow] the log is observational: who was touched by what may depend on what also makes "
            "them convert."
        )
    elif metrics["evidence"] == "propensity-weighted":
        yield "  weighted by the logged chances of its touches (--weighting none leaves them out)"


def plan_run_as_data(planned: "Planned") -> dict[str, Any]:
    """One run of plans for programs."""
    run, summary = planned.run, planned.summary
    return {
        "plan_run_id": run.plan_run_id,
        "model": f"journeys/{run.spec.model_version}",
        "as_of": run.spec.as_of,
        "known_at": run.spec.known_at,
        "plans": run.plans,
        "published_at": run.published_at,
        "before": summary is None,
        "summary": None if summary is None else _summary_as_data(summary),
    }


def plan_run_lines(planned: "Planned", currency: str) -> Iterator[str | Group]:
    """One run of plans for people."""
    run, summary = planned.run, planned.summary
    if summary is None:
        yield (
            f"Plan run {run.plan_run_id} was published before, at {run.published_at:%Y-%m-%d %H:%M} UTC: the same "
            f"data and options plan the same {run.plans:,} journeys."
        )
        return
    yield (
        f"Plan run {run.plan_run_id} is published: {run.plans:,} journeys from the end of {run.spec.as_of} on, "
        f"by journeys/{run.spec.model_version}."
    )
    if summary.plans:
        yield table("What they come to", ["", "with the plans", "without a touch"], _rows(summary, currency))
    if summary.first_channels:
        first = [
            [channel, f"{number:,}", f"{100 * number / summary.plans:.1f} %"]
            for channel, number in summary.first_channels.most_common()
        ]
        yield table("First touches", ["channel", "customers", "share"], first)


def _rows(summary: "PlanSummary", currency: str) -> list[list[str]]:
    n = summary.plans
    return [
        [
            "probability of a conversion, mean",
            f"{100 * summary.probability / n:.1f} %",
            f"{100 * summary.probability_without / n:.1f} %",
        ],
        ["conversions expected", f"{summary.probability:,.1f}", f"{summary.probability_without:,.1f}"],
        [f"value added less cost, {currency}", amount(summary.expected_value), "0"],
        [f"cost, {currency}", amount(summary.expected_cost), "0"],
        ["touches of a plan, mean", f"{summary.touches / n:.1f}", "0"],
        ["customers who get none", f"{summary.without_touch:,}", f"{n:,}"],
    ]


def _summary_as_data(summary: "PlanSummary") -> dict[str, Any]:
    return {
        "plans": summary.plans,
        "without_touch": summary.without_touch,
        "touches": summary.touches,
        "expected_conversions": summary.probability,
        "expected_conversions_without_touches": summary.probability_without,
        "expected_value": summary.expected_value,
        "expected_cost": summary.expected_cost,
        "first_channels": dict(summary.first_channels.most_common()),
    }


def _loss(judged: dict[str, Any]) -> str:
    base = judged["log_loss_of_base_rate"]
    beside = "" if base is None else f" ({base:.4f} by the base rate alone)"
    return f"log loss {judged['log_loss']:.4f}{beside}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
