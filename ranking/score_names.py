"""Scores by name and number, as a request that is kept can say them."""

from collections.abc import Callable
from dataclasses import dataclass

from farview.core.errors import InvalidInput
from ranking.outcome_scores import ConditionalTail, Exceedance
from ranking.scores import ExpectedValue, ExpectedValueQuantile, Score, ThompsonDraw, TreatmentEffect, UpperConfidence

_KINDS: dict[str, Callable[[float], Score]] = {
    "expected-value": lambda _: ExpectedValue(),
    "quantile": ExpectedValueQuantile,
    "upper-confidence": UpperConfidence,
    "thompson": lambda _: ThompsonDraw(),
    "exceedance": Exceedance,
    "lower-tail": lambda part: ConditionalTail(part, upper=False),
    "upper-tail": lambda part: ConditionalTail(part, upper=True),
    "treatment-effect": lambda _: TreatmentEffect(),
}
"""What makes each score of its number."""
NAMES = tuple(_KINDS)


@dataclass(frozen=True, slots=True)
class NamedScore:
    """A kind of score."""

    name: str = "expected-value"  # of NAMES
    number: float = 0.0  # the level, the deviations, the threshold, the part; 0 where there is none
    action: str = ""  # of treatment-effect, and of no other

    def kind(self) -> Score:
        """The score.

        Raises:
            InvalidInput: on `score`, when there is none of that name or it cannot have that number.
        """
        if self.name not in _KINDS:
            raise InvalidInput.of("score", f"{self.name!r} is not one of {', '.join(NAMES)}")
        return _KINDS[self.name](self.number)
