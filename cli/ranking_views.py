"""What people see of rankers."""

from collections.abc import Iterator

from cli.console import table
from farview.store.values import ModelVersion

K = 10


def ranking_model_lines(version: ModelVersion) -> Iterator[object]:
    """One ranker for people: what it saw, how well it orders later lists, and its operating point."""
    metrics, told = version.metrics, version.lineage.configuration
    judged, grades = metrics["validation"], metrics["grades"]
    alias = f" ({', '.join(version.aliases)})" if version.aliases else ""
    yield (
        f"[bold]{version.name}[/bold]{alias}: {version.model} on {metrics['lists']:,} lists of {metrics['items']:,} "
        f"items, as of {version.lineage.as_of}; {grades['1']:,} clicks, {grades['2']:,} carts, {grades['3']:,} "
        f"checkouts, {grades['4']:,} purchases."
    )
    figures = judged[f"debiased_ndcg@{K}"]
    rows = [
        [f"{name} *" if name == version.model else name, f"{figure:.4f}"]
        for name, figure in sorted(figures.items(), key=lambda pair: -pair[1])
    ]
    note = f"NDCG@{K} as if every place were looked at alike; by models that saw earlier lists only. * registered"
    yield table(f"The newest {judged['lists']:,} lists", ["model", f"NDCG@{K}"], rows, caption=note)
    looks = ", ".join(f"{100 * share:.0f}" for share in metrics["chance_of_a_look"][:K])
    yield f"Chance of a look at places 1, 2, ... over that of the first, in %: {looks}."
    yield _operating_point(told["relevance_weight"], told["relevance_loss"], priced=bool(judged["frontier"]))
    if told["purchase"] is None:
        yield "[yellow]Note:[/yellow] too few lists with a purchase to tell probabilities; expected revenue needs them."
    for name, reason in judged["left_out"].items():
        yield f"[yellow]Note:[/yellow] {name} is left out: too few to learn from, {reason}."


def next_item_model_lines(version: ModelVersion) -> Iterator[object]:
    """One next-item model for people: what it saw, and how well each model finds what was taken later."""
    metrics, judged = version.metrics, version.metrics["validation"]
    alias = f" ({', '.join(version.aliases)})" if version.aliases else ""
    yield (
        f"[bold]{version.name}[/bold]{alias}: {version.model} on {metrics['taken']:,} items taken from lists by "
        f"{metrics['customers']:,} customers, of {metrics['items']:,} in the catalogue, as of {version.lineage.as_of}."
    )
    figures = judged[f"ndcg@{K}"]
    rows = [
        [f"{name} *" if name == version.model else name, f"{figure:.4f}"]
        for name, figure in sorted(figures.items(), key=lambda pair: -pair[1])
    ]
    note = "New items, sought in the whole catalogue; by models that saw earlier days only. * registered"
    title = f"What {judged['customers']:,} customers took after {judged['split_date']}"
    yield table(title, ["model", f"NDCG@{K}"], rows, caption=note)


def _operating_point(weight: float, loss: float, *, priced: bool) -> str:
    if not priced:
        return "[yellow]Note:[/yellow] not every item that was shown has a price, so relevance alone orders."
    return (
        f"Operating point: relevance {weight:g}, price {1 - weight:g}: the most price while the area of NDCG grows by "
        f"at most {100 * loss:g} % (--relevance-loss)."
    )
