"""What the plans of a run come to."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from journeys.plan import Plan


@dataclass(slots=True)
class PlanSummary:
    """Sums over plans, taken up batch by batch."""

    plans: int = 0
    without_touch: int = 0  # plans that advise none
    touches: int = 0
    probability: float = 0.0  # summed: conversions expected with the plans
    probability_without: float = 0.0  # summed: conversions expected without a further touch
    expected_value: float = 0.0  # reporting currency
    expected_cost: float = 0.0
    first_channels: Counter[str] = field(default_factory=Counter)

    def add(self, plans: Iterable[Plan]) -> None:
        """Takes up a batch."""
        for plan in plans:
            self.plans += 1
            self.touches += len(plan.touches)
            self.probability += plan.probability
            self.probability_without += plan.probability_without
            self.expected_value += plan.expected_value
            self.expected_cost += plan.expected_cost
            if plan.touches:
                self.first_channels[plan.touches[0].channel] += 1
            else:
                self.without_touch += 1
