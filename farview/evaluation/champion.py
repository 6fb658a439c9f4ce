"""The one rule that chooses a champion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

AS_GOOD = 0.01
"""As a share of the lowest value CRPS: models that are this near to it are told apart by how they order customers."""

RULE = (
    "the highest value Gini, averaged over the inner origins, among the models whose value CRPS, over that of the zero "
    f"forecast and averaged alike, is within {100 * AS_GOOD:.0f} % of the lowest; only models whose mean value Gini is "
    "positive, if there are any, and that could be fitted at each origin; ties go to the name that stands first"
)


@dataclass(frozen=True, slots=True)
class InnerScore:
    """One model at one inner origin, all customers of that origin."""

    value_crps: float  # mean, currency units
    zero_crps: float  # of the forecast 0, the mean absolute value: makes origins comparable
    value_gini: float | None

    @property
    def relative_value_crps(self) -> float | None:
        """Value CRPS over that of the zero forecast; None where all values are zero."""
        return self.value_crps / self.zero_crps if self.zero_crps > 0 else None


def choose(scores: Mapping[str, Sequence[InnerScore]]) -> str | None:
    """The champion's name by RULE.

    CRPS rewards the whole law: level, order and width at once, and cannot be won by hedging. What is left between
    models that are equally good by it is mostly noise, while customers are served in the order of their values: there
    the order decides. CRPS alone would also crown the zero forecast where nearly nobody buys, which orders nobody:
    hence the condition on Gini. An origin in which all values are zero says nothing and is left out.

    Args:
        scores: by model name, in the order asked for; every model at the same origins.

    Returns:
        None when no origin says anything.
    """
    losses = contenders(scores)
    if not any(_orders(scores[name]) for name in losses):
        return min(losses, key=losses.__getitem__, default=None)
    enough = (1.0 + AS_GOOD) * min(losses.values())
    return max((name for name in losses if losses[name] <= enough), key=lambda name: mean_gini(scores[name]) or 0.0)


def contenders(scores: Mapping[str, Sequence[InnerScore]]) -> dict[str, float]:
    """Mean losses of the models that can win: of those that order customers; of all where none does."""
    known = {name: loss for name, inner in scores.items() if (loss := mean_loss(inner)) is not None}
    return {name: loss for name, loss in known.items() if _orders(scores[name])} or known


def mean_loss(inner: Sequence[InnerScore]) -> float | None:
    """Value CRPS over that of the zero forecast, averaged over the origins that say something; None without one."""
    return _mean([s.relative_value_crps for s in inner if s.relative_value_crps is not None])


def mean_gini(inner: Sequence[InnerScore]) -> float | None:
    """Value Gini averaged over the origins that have one; None without one."""
    return _mean([s.value_gini for s in inner if s.value_gini is not None])


def _orders(inner: Sequence[InnerScore]) -> bool:
    return (mean_gini(inner) or 0.0) > 0.0


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
