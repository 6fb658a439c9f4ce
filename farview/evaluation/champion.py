"""The one rule that chooses a champion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

RULE = (
    "lowest value CRPS, over that of the zero forecast, averaged over the inner origins; only models whose mean value "
    "Gini over the origins is positive, if there are any, and that could be fitted at each; ties go to the name that "
    "stands first"
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

    CRPS rewards the whole law: level, order and width at once, and cannot be won by hedging. Alone it would crown the
    zero forecast where nearly nobody buys, which orders nobody: hence the condition on Gini. An origin in which all
    values are zero says nothing and is left out.

    Args:
        scores: by model name, in the order asked for; every model at the same origins.

    Returns:
        None when no origin says anything.
    """
    losses = {name: mean_loss(inner) for name, inner in scores.items()}
    known = {name: loss for name, loss in losses.items() if loss is not None}
    ordering = [name for name in known if _orders(scores[name])]
    return min(ordering or known, key=lambda name: known[name], default=None)


def mean_loss(inner: Sequence[InnerScore]) -> float | None:
    """Value CRPS over that of the zero forecast, averaged over the origins that say something; None without one."""
    return _mean([s.relative_value_crps for s in inner if s.relative_value_crps is not None])


def _orders(inner: Sequence[InnerScore]) -> bool:
    gini = _mean([s.value_gini for s in inner if s.value_gini is not None])
    return gini is not None and gini > 0


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
