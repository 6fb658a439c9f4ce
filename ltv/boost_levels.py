"""What the boosted model adds to every customer's margin beside the trees."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from farview.evaluation.origins import Origin
from farview.features.customer_rfm import rfm_of_features
from ltv.boost_anchor import anchor_figures, anchor_margins
from ltv.boost_heads import LEVEL_CUSTOMERS, Head, learnt_level, level_of_chances
from ltv.boost_inputs import Units, input_matrix
from ltv.boost_losses import MORE, RETURNED, SOME, SPEND
from ltv.boost_model import NOTHING_RETURNED
from ltv.boost_rows import TargetRows
from ltv.boost_trees import correction
from ltv.model import BtydModel
from ltv.scorer import Scorer

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Terms:
    """What levels are learnt for."""

    units: Units
    origins: Sequence[Origin]  # of the blocks, in their order
    as_of: date
    seed: int


def levels(
    anchored: BtydModel, fitted: dict[str, Head], features: pa.Table, blocks: Sequence[TargetRows], terms: Terms
) -> dict[str, float]:
    """The level of each head.

    How often buyers buy and what they spend, against what the anchor says, hardly changes from one origin to the next:
    these levels are learnt. How many buy at all does change: today's customers are expected to make as many purchases
    as the anchor says, times what it was off by at the origins as far as they agree (`number_level`), over days as many
    as the longest target had.

    Args:
        anchored: fitted to everything.
        fitted: heads by name.
        features: `customer_features` of today's customers.
        blocks: rows of each origin and target.
        terms: what the blocks are of.
    """
    if not blocks:
        return {SOME: 0.0, MORE: 0.0, SPEND: 0.0, RETURNED: NOTHING_RETURNED}
    reference = terms.units.reference_days
    horizons = sorted({reference, max(origin.target_days for origin in terms.origins)})
    scorer = Scorer(anchored, horizons, terms.as_of, terms.seed)
    said = pa.Table.from_batches(scorer.forecast(rfm_of_features(features, terms.as_of).to_batches()))
    near, far = (said.take(pa.array(np.arange(k, said.num_rows, len(horizons)))) for k in (0, len(horizons) - 1))
    inputs = input_matrix(features, anchor_figures(near), terms.units)
    hazard, more, _ = anchor_margins(far)
    found = {name: learnt_level(name, blocks) for name in (MORE, SPEND)}
    purchases = 1.0 + more * np.exp(correction(fitted[MORE].trees, inputs) + found[MORE])
    each = hazard * np.exp(correction(fitted[SOME].trees, inputs))
    alike = [block for origin, block in zip(terms.origins, blocks, strict=True) if origin.target_days == reference]
    total = float((-np.expm1(-hazard) * (1.0 + more)).sum()) * np.exp(number_level(alike))
    return found | {
        SOME: level_of_chances(each, purchases, total),
        RETURNED: _level_of_returns(fitted[RETURNED].trees, blocks),
    }


def number_level(blocks: Sequence[TargetRows]) -> float:
    """Log of actual over expected purchases at origins, as far as it is likely to hold at the next one.

    The mean over origins, drawn towards 0 by how much they differ: (1 - s^2 / (n m^2)) m, or 0 where that is negative,
    the positive-part estimator of James and Stein (1961). A season or a wave moves origins apart and is not carried
    on; what an anchor gets wrong each time is.

    Args:
        blocks: an origin each, targets of one length; fewer than two tell nothing.
    """
    off = np.array([_off(block) for block in blocks])
    bought = sum(int((block.purchases > 0).sum()) for block in blocks)
    if len(off) < 2 or not np.all(np.isfinite(off)) or off.mean() == 0.0:
        return 0.0
    agreement = max(1.0 - off.var(ddof=1) / (len(off) * off.mean() ** 2), 0.0)
    return float(off.mean() * agreement * bought / (bought + len(off) * LEVEL_CUSTOMERS))


def _off(block: TargetRows) -> float:
    """Infinite where nobody bought."""
    expected = float((-np.expm1(-block.hazard) * (1.0 + block.more)).sum())
    actual = float(block.purchases.sum())
    return float(np.log(actual / expected)) if actual > 0 and expected > 0 else float("inf")


def _level_of_returns(trees: bytes, blocks: Sequence[TargetRows]) -> float:
    """Log share of gross value that came back at the origins, beyond what the trees say of each customer."""
    returned = sum(float(rows.returned.sum()) for rows in blocks)
    expected = sum(float(rows.gross_value @ np.exp(correction(trees, rows.inputs))) for rows in blocks)
    return float(np.log(returned / expected)) if returned > 0 and expected > 0 else NOTHING_RETURNED
