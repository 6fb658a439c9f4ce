"""What a score is changed by: factors of season and stock, fatigue, and the cost of the contact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from farview.core.places import places_among
from ranking.floors import BoolArray
from ranking.scores import FloatArray, Scored

FACTORS = "factors"
FATIGUE = "fatigue"
CONTACT_COST = "contact_cost"


@dataclass(frozen=True, slots=True)
class Factor:
    """Multiplies the score of some customers: a season that suits them, goods for them that run out."""

    members: BoolArray  # (customers,)
    factor: float  # at least 0


@dataclass(frozen=True, slots=True)
class Fatigue:
    """Each of a customer's last contacts leaves so much of the score."""

    contacts: NDArray[np.int64]  # (customers,) within the window
    left: float  # in (0, 1]

    @classmethod
    def of(cls, counts: Mapping[str, int], customer_ids: NDArray[np.str_], left: float) -> "Fatigue":
        """Of the contacts that some have had; `customer_ids` (customers,), increasing."""
        contacts = np.zeros(len(customer_ids), dtype=np.int64)
        places = places_among(customer_ids, list(counts))
        known = places >= 0
        contacts[places[known]] = np.array(list(counts.values()), dtype=np.int64)[known]
        return cls(contacts, left)


def adjusted(
    scored: Scored, factors: Sequence[Factor] = (), fatigue: Fatigue | None = None, contact_cost: float = 0.0
) -> Scored:
    """The score after its adjustments, in this order: factors, fatigue, cost.

    Factors and fatigue act on what is above 0: a customer who is expected to cost money does not become a better choice
    by being tired of us.

    Returns:
        With parts for those adjustments that were asked for.
    """
    score, parts = scored.score, dict(scored.parts)
    if factors:
        product = np.ones(len(score))
        for one in factors:
            product[one.members] *= one.factor
        score, parts[FACTORS] = _damped(score, product)
    if fatigue is not None:
        score, parts[FATIGUE] = _damped(score, fatigue.left ** fatigue.contacts.astype(np.float64))
    if contact_cost:
        parts[CONTACT_COST] = np.full(len(score), -contact_cost)
        score = score - contact_cost
    return Scored(score, parts)


def _damped(score: FloatArray, factor: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The score with what is above 0 multiplied, and what that changed."""
    after = np.where(score > 0, score * factor, score)
    return after, after - score
