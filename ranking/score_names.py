"""Scores by name and number, as a request that is kept can say them."""

from dataclasses import dataclass

from farview.core.errors import InvalidInput
from ranking.outcome_scores import ConditionalTail, Exceedance
from ranking.scores import ExpectedValue, ExpectedValueQuantile, Score, ThompsonDraw, UpperConfidence

NAMES = (
    "expected-value",
    "quantile",
    "upper-confidence",
    "thompson",
    "exceedance",
    "lower-tail",
    "upper-tail",
)


@dataclass(frozen=True, slots=True)
class NamedScore:
    """A kind of score."""

    name: str = "expected-value"  # of NAMES
    number: float = 0.0  # the level, the deviations, the threshold, the part; 0 where there is none

    def kind(self) -> Score:
        """The score.

        Raises:
            InvalidInput: on `score`, when there is none of that name or it cannot have that number.
        """
        match self.name:
            case "expected-value":
                return ExpectedValue()
            case "quantile":
                return ExpectedValueQuantile(self.number)
            case "upper-confidence":
                return UpperConfidence(self.number)
            case "thompson":
                return ThompsonDraw()
            case "exceedance":
                return Exceedance(self.number)
            case "lower-tail" | "upper-tail":
                return ConditionalTail(self.number, upper=self.name == "upper-tail")
        raise InvalidInput.of("score", f"{self.name!r} is not one of {', '.join(NAMES)}")
