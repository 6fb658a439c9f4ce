"""What people see of a boosted model, and of the combination."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.markup import escape

SEGMENTS = {"new": "customers who are new", "0": "customers who came once", "1+": "customers who came back"}
"""Of a combination, in plain words."""

_HEADS = {
    "some": "who buys at all",
    "more": "how often buyers buy",
    "spend": "what buyers spend",
    "returned": "what comes back",
}


def boost_lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    """What its trees correct, and how much that helped with customers they had not seen."""
    yield f"  corrects {metrics['anchor']}; learnt from {', '.join(metrics['origins']) or 'no origin'}"
    for head, meaning in _HEADS.items():
        found = metrics["heads"][head]
        if found["rounds"] == 0:
            yield f"  {meaning}: as its anchor says"
            continue
        better = 100 * (1 - found["loss"] / found["loss_without"]) if found["loss_without"] else 0.0
        yield (
            f"  {meaning}: {found['rounds']} trees, loss on customers left out {found['loss_without']:.4f} without and "
            f"{found['loss']:.4f} with them ({better:.1f} % better)"
        )
    rules = metrics["surrogate"]["rules"]
    if rules:
        explained = 100 * metrics["surrogate"]["explained"]
        yield f"  one small tree explains {explained:.0f} % of what all of them do to expected value:"
        yield from (f"    {escape(rule)}" for rule in rules)


def combination_lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Who is pooled with which weight, and what that was worth."""
    for segment, weights in metrics["weights"].items():
        meaning, shares = SEGMENTS[segment], zip(metrics["members"], weights, strict=True)
        yield f"  {meaning}: " + ", ".join(f"{100 * share:.0f} % {member}" for member, share in shares)
    yield f"  learnt from {', '.join(metrics['origins'])}; on origins left out {100 * metrics['gain']:+.1f} % of CRPS"
