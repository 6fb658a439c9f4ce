"""Fitting the boosted model: events in, a servable model with its diagnostics out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.evaluation.origins import Origin
from farview.features.customer import customer_features
from farview.features.customer_rfm import rfm_of_features
from ltv.boost_anchor import anchor_figures, anchor_margins
from ltv.boost_heads import Head, fit_head, learnt_level, level_of_chances
from ltv.boost_inputs import Units, input_matrix
from ltv.boost_model import MORE, NOTHING_RETURNED, RETURNED, SOME, SPEND, BoostDiagnostics, BoostModel, HeadDiagnostics
from ltv.boost_rows import TargetRows, reference_days, training_origins, training_rows
from ltv.boost_trees import correction
from ltv.fit import fit
from ltv.model import BtydModel
from ltv.scorer import Scorer

FloatArray = npt.NDArray[np.float64]

ANCHOR = "bg_nbd+first_spend"


def fit_boost(events: pa.Table, cut: Cut, zone: str, *, seed: int = 0, anchor: str = ANCHOR) -> BoostModel:
    """Fits the anchor to everything and the trees to what its forecasts missed at origins in the past.

    Where the span is too short for origins the model is its anchor, and a warning says so.

    Args:
        events: schemas.EVENTS; days after `cut.as_of` are not seen.
        cut: the end of what is known.
        zone: IANA zone of the business.
        seed: same seed and events, same bytes.
        anchor: a family that `ltv.fit` knows.

    Raises:
        InvalidInput: nobody bought by then, or an unknown anchor.
    """
    features = customer_features(events, cut, zone).read_all().combine_chunks()
    if features.num_rows == 0:
        raise InvalidInput.of("rows", "there is no customer (import transactions with a purchase before the as-of day)")
    customers = rfm_of_features(features, cut.as_of)
    anchored = fit(customers, model=anchor, seed=seed)
    first_day = pc.min(customers.column(c.FIRST_PURCHASE_DATE)).as_py()
    origins = training_origins(first_day, cut.as_of)
    units = Units(_mean_spend(features), max(reference_days(first_day, cut.as_of), 1))
    blocks = list(training_rows(events, origins, zone, units, anchor, seed))
    fitted = _fit_heads(blocks, units, seed)
    return BoostModel(
        anchor=anchored,
        units=units,
        trees={name: head.trees for name, head in fitted.items()},
        level=_levels(anchored, fitted, features, blocks, (units, origins, cut.as_of, seed)),
        diagnostics=_diagnosed(anchored, anchor, customers.num_rows, origins, fitted),
    )


def _mean_spend(features: pa.Table) -> float:
    """Of a purchase day, over everybody's; 1 where nobody has paid."""
    spend, days = pc.sum(features.column("spend")).as_py(), pc.sum(features.column(c.FREQUENCY)).as_py()
    return float(spend / (days + features.num_rows)) or 1.0


def _fit_heads(blocks: Sequence[TargetRows], units: Units, seed: int) -> dict[str, Head]:
    amounts = ("spend", "gross_value", "returned")
    in_units = [replace(rows, **{name: getattr(rows, name) / units.money for name in amounts}) for rows in blocks]
    return {name: fit_head(name, in_units, seed) for name in (SOME, MORE, SPEND, RETURNED)}


def _levels(
    anchored: BtydModel,
    fitted: dict[str, Head],
    features: pa.Table,
    blocks: Sequence[TargetRows],
    terms: tuple[Units, Sequence[Origin], date, int],
) -> dict[str, float]:
    """What is added to every customer's margin beside the trees.

    How often buyers buy and what they spend, against what the anchor says, hardly changes from one origin to the next:
    these levels are learnt. How many buy at all does change: today's customers are expected to make as many purchases
    as the anchor says, over days as many as the longest target had.
    """
    if not blocks:
        return {SOME: 0.0, MORE: 0.0, SPEND: 0.0, RETURNED: NOTHING_RETURNED}
    units, origins, as_of, seed = terms
    horizons = sorted({units.reference_days, max(origin.target_days for origin in origins)})
    scorer = Scorer(anchored, horizons, as_of, seed)
    said = pa.Table.from_batches(scorer.forecast(rfm_of_features(features, as_of).to_batches()))
    reference, longest = (
        said.take(pa.array(np.arange(k, said.num_rows, len(horizons)))) for k in (0, len(horizons) - 1)
    )
    inputs = input_matrix(features, anchor_figures(reference), units)
    hazard, more, _ = anchor_margins(longest)
    levels = {name: learnt_level(name, blocks) for name in (MORE, SPEND)}
    purchases = 1.0 + more * np.exp(correction(fitted[MORE].trees, inputs) + levels[MORE])
    each = hazard * np.exp(correction(fitted[SOME].trees, inputs))
    total = float((-np.expm1(-hazard) * (1.0 + more)).sum())
    return levels | {
        SOME: level_of_chances(each, purchases, total),
        RETURNED: _level_of_returns(fitted[RETURNED].trees, blocks),
    }


def _level_of_returns(trees: bytes, blocks: Sequence[TargetRows]) -> float:
    """Log share of gross value that came back at the origins, beyond what the trees say of each customer."""
    returned = sum(float(rows.returned.sum()) for rows in blocks)
    expected = sum(float(rows.gross_value @ np.exp(correction(trees, rows.inputs))) for rows in blocks)
    return float(np.log(returned / expected)) if returned > 0 and expected > 0 else NOTHING_RETURNED


def _diagnosed(
    anchored: BtydModel, anchor: str, customers: int, origins: tuple[Origin, ...], fitted: dict[str, Head]
) -> BoostDiagnostics:
    warnings = list(anchored.diagnostics.warnings)
    if not origins:
        warnings.append(f"the history is too short to learn corrections from: these are the forecasts of {anchor}")
    return BoostDiagnostics(
        anchor=anchor,
        customers=customers,
        origins=tuple(f"{origin.as_of} to {origin.target_end}" for origin in origins),
        longest_target_days=max((origin.target_days for origin in origins), default=0),
        heads={name: HeadDiagnostics(head.rounds, head.loss_without, head.loss) for name, head in fitted.items()},
        warnings=tuple(warnings),
    )
