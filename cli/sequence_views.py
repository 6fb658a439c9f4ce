"""What people see of a network over events."""

from collections.abc import Iterator, Mapping
from math import expm1
from typing import Any


def sequence_lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    """What it learnt from, how long, and how it did on days that training had not seen."""
    better = metrics["loss_without"] - metrics["loss"]
    yield f"  learnt from {', '.join(metrics['origins'])} in {metrics['epochs']} epochs"
    yield (
        f"  on days it had not seen: {better:.3f} nats a customer better than the population's rates, "
        f"{_off(metrics['purchases_missed'])} purchases and {_off(metrics['value_missed'])} value came than forecast"
    )


def _off(missed: float) -> str:
    return f"{abs(100 * expm1(missed)):.1f} % {'more' if missed >= 0 else 'less'}"
