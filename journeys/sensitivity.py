"""How strong hidden confounding would have to be to undo a plan: the marginal sensitivity model of observed touches.

Who was touched by what may have depended on something that the log does not show. Suppose it changed the odds of a
channel by a factor of at most Lambda, given what the log shows. Then the customers who were touched otherwise would
have converted by this channel at a rate p' within

    max(p / Lambda, 1 - Lambda (1 - p)) <= p' <= min(Lambda p, 1 - (1 - p) / Lambda),

p the rate of those who were, and everybody at e p + (1 - e) p', e the share who were. Lambda = 1: no confounding.

Source: Tan (2006), Journal of the American Statistical Association 101, section 4.2; sharp for a binary outcome.
"""

from collections.abc import Sequence

import numpy as np

from journeys.inputs import FloatArray
from journeys.plan import Plan
from journeys.support import Support

MOST = 100.0  # factor beyond which it is not looked
_HALVINGS = 40


def hazard_bounds(hazard: FloatArray, share: FloatArray, factor: float) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest hazard of each touch had everybody been sent it.

    Args:
        hazard: of those who were, any shape.
        share: of the touches there that were of this channel, same shape.
        factor: Lambda, at least 1.
    """
    low = np.maximum(hazard / factor, 1 - factor * (1 - hazard))
    high = np.minimum(factor * hazard, 1 - (1 - hazard) / factor)
    return share * hazard + (1 - share) * low, share * hazard + (1 - share) * high


def break_even(plan: Plan, worth: float, shares: FloatArray) -> float:
    """The largest factor by which hidden confounding leaves the plan worth more than it costs; at most MOST.

    1 where it is worth nothing even without any. The odds of all touches are taken to be wrong in the worst way.

    Args:
        plan: with at least one touch, or worth nothing.
        worth: of a conversion.
        shares: of its touches, (touches,).
    """
    hazard = np.array([touch.hazard for touch in plan.touches])
    cost = np.array([touch.cost for touch in plan.touches])
    at_start = plan.touches[0].reached if plan.touches else 1.0

    def brings(factor: float) -> float:
        lowest, _ = hazard_bounds(hazard, shares, factor)
        reached = at_start * np.concatenate([[1.0], np.cumprod(1 - lowest)])
        return float((1 - reached[-1] - plan.probability_without) * worth - reached[:-1] @ cost)

    if brings(1.0) <= 0:
        return 1.0
    if brings(MOST) > 0:
        return MOST
    low, high = 0.0, np.log(MOST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if brings(np.exp(middle)) > 0 else (low, middle)
    return float(np.exp(low))


def shares_of(support: Support, channels: Sequence[str], before: str | None, plan: Plan) -> FloatArray:
    """Of the log's touches after the same channel as each of a plan's, the part of its own channel, (touches,).

    Args:
        support: of the model.
        channels: names of its codes.
        before: channel of the last touch that happened; None for none.
        plan: whose touches.
    """
    table, codes = support.table(), {name: code for code, name in enumerate(channels)}
    C = len(channels)
    last = C + 1 if before is None else codes.get(before, C)
    shares = []
    for touch in plan.touches:
        row = table[last]
        shares.append(row[codes[touch.channel]] / row.sum() if row.sum() else 0.0)
        last = codes[touch.channel]
    return np.array(shares)
