"""What people see of models of effects."""

from collections.abc import Iterator, Mapping

from rich.markup import escape

from farview.store.values import ModelVersion


def uplift_model_lines(version: ModelVersion) -> Iterator[str]:
    """One model: what it was learnt from, what each action changes, whether its order is worth something."""
    metrics = version.metrics
    alias = f" ({', '.join(version.aliases)})" if version.aliases else ""
    yield (
        f"[bold]{version.name}[/bold]{alias}: {version.model} on {metrics['treatments']:,} treatments of "
        f"{metrics['customers']:,} customers, {metrics['control_treatments']:,} of them the control, "
        f"as of {version.lineage.as_of}. Evidence: {metrics['evidence']}."
    )
    for name, action in metrics["actions"].items():
        differs = f"differs between customers, {action['trees']} trees" if action["trees"] else "one effect for all"
        yield f"  {escape(name)}: adds {said(action['average_effect'])} a customer; {differs}"
    yield f"  order by effect on customers left out, above no order: {said(metrics['auuc_above_no_order'])} a customer"
    if metrics["without_outcome"]:
        yield f"[yellow]Note:[/yellow] {metrics['without_outcome']:,} treatments without an outcome are left out."


def said(figure: Mapping[str, float | None]) -> str:
    """`0.123 (0.100 - 0.150)`, or `-` where it is undefined."""
    known = [figure[name] for name in ("estimate", "lower", "upper")]
    if None in known:
        return "-"
    digits = 2 if abs(known[0] or 0.0) >= 10 else 3
    estimate, *ends = (round(value or 0.0, digits) + 0.0 for value in known)  # never -0.000
    return f"{estimate:.{digits}f} ({ends[0]:.{digits}f} - {ends[1]:.{digits}f})"
