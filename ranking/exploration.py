"""Exploration of one slot: exact probabilities first, then a draw from exactly those."""

from dataclasses import dataclass

import numpy as np

from farview.core.errors import InvalidInput
from farview.core.randomness import generator
from farview.evaluation.arrays import FloatArray
from ranking.floors import BoolArray

THOMPSON_DRAWS = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Exploration:
    """How far a slot may stray from the best item.

    Every item that may be shown and whose relevance lies at most `most_loss` below that of the best one gets at least
    `epsilon` / (number of such items); the rest of the probability goes to the best item, or with `uncertainty` to each
    item as often as it is the best of a normal draw (Thompson).

    Raises:
        InvalidInput: on `exploration.epsilon` or `exploration.most_loss`.
    """

    epsilon: float  # in (0, 1]
    most_loss: float = 1.0  # of relevance, which is in (0, 1]: ranks by score over the number of items
    uncertainty: FloatArray | None = None  # (items,) standard deviation in units of the gain; None for none

    def __post_init__(self) -> None:
        if not 0 < self.epsilon <= 1:
            raise InvalidInput.of("exploration.epsilon", f"{self.epsilon} is not a probability above 0")
        if not 0 <= self.most_loss <= 1:
            raise InvalidInput.of("exploration.most_loss", f"{self.most_loss} is not in [0, 1]")


def probabilities(
    explore: Exploration, gains: FloatArray, relevance: FloatArray, allowed: BoolArray, seed: int, slot: int
) -> FloatArray:
    """P(item at this slot | slots before, allowed items), shape (items,), sums to 1; 0 exactly where never shown."""
    best = int(np.argmax(np.where(allowed, gains, -np.inf)))
    near = allowed & (relevance >= relevance[best] - explore.most_loss - 1e-12)
    chosen = np.zeros(len(gains))
    if explore.uncertainty is None:
        chosen[best] = 1.0
    else:
        items = np.flatnonzero(near)
        noise = generator(seed, "thompson", str(slot)).standard_normal((THOMPSON_DRAWS, len(items)))
        winners = np.argmax(gains[items] + explore.uncertainty[items] * noise, axis=1)
        chosen[items] = np.bincount(winners, minlength=len(items)) / THOMPSON_DRAWS
    return (1 - explore.epsilon) * chosen + explore.epsilon * near / np.count_nonzero(near)


def draw(chances: FloatArray, seed: int, slot: int) -> int:
    """An item, drawn with exactly those probabilities; the same for the same seed and slot."""
    ends = np.cumsum(chances)
    item = int(np.searchsorted(ends, generator(seed, "slot", str(slot)).random() * ends[-1], side="right"))
    return min(item, int(np.flatnonzero(chances)[-1]))  # a draw that rounds up to the very end
