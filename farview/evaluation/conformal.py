"""Intervals that are made to cover: which interval of a forecast to take so that it holds as many outcomes as it says.

Split conformal prediction with the distance of the probability integral transform from its middle as the score:
Chernozhukov, Wuethrich, Zhu (2021), Distributional conformal prediction, PNAS 118(48). Coverage is marginal, over
customers, and holds under exchangeability: of customers of one time. Whether it carries over to later days is a matter
of fact, which `time_split` shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from farview.evaluation.marginals import Pit
from farview.evaluation.pit import share_inside


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """A nominal level put right on earlier origins and tried on the newest."""

    level: float  # asked: this share of outcomes is to lie inside
    take: float  # level of the forecast's own central interval that does it
    covered: float  # share inside that interval on the newest origin
    covered_as_is: float  # share inside the forecast's interval of the level asked, there


def covered(pit: Pit, level: float) -> float:
    """PIT coverage of the central interval of a level."""
    return float(share_inside(pit.below, pit.upto, (1.0 - level) / 2.0, (1.0 + level) / 2.0).mean())


def level_to_take(pits: Sequence[Pit], level: float) -> float:
    """The least level of a central interval that held `level` of the outcomes, with one more than was seen outside.

    Args:
        pits: where outcomes fell, an origin each.
        level: in (0, 1).

    Returns:
        In (0, 1]; 1 where too few outcomes were seen to promise the level by less than the whole law.
    """
    below, upto = (np.concatenate([getattr(pit, name) for pit in pits]) for name in ("below", "upto"))
    seen = Pit(below, upto)
    wanted = level * (len(below) + 1) / max(len(below), 1)
    if wanted >= 1.0 or covered(seen, 1.0) < wanted:
        return 1.0

    def lack(take: float) -> float:
        return covered(seen, take) - wanted

    return float(brentq(lack, 0.0, 1.0, xtol=1e-6)) if lack(0.0) < 0.0 else 0.0


def time_split(pits: Sequence[Pit], level: float) -> TimeSplit | None:
    """The level to take, learnt on all origins but the newest, and what it covers there; None with fewer than two.

    Args:
        pits: of origins, oldest first.
        level: in (0, 1).
    """
    if len(pits) < 2:
        return None
    take = level_to_take(pits[:-1], level)
    return TimeSplit(level, take, covered(pits[-1], take), covered(pits[-1], level))
