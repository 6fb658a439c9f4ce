"""Fitting the boosted model: events in, a servable model with its diagnostics out."""

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.evaluation.origins import Origin
from farview.features.customer import customer_features
from farview.features.customer_rfm import rfm_of_features
from ltv.boost_heads import Head, fit_head
from ltv.boost_inputs import Units
from ltv.boost_levels import Terms, levels
from ltv.boost_losses import MORE, RETURNED, SOME, SPEND
from ltv.boost_model import BoostDiagnostics, BoostModel, HeadDiagnostics
from ltv.boost_rows import TargetRows, training_origins, training_rows
from ltv.boost_surrogate import Surrogate, surrogate_of, value_correction
from ltv.fit import fit
from ltv.model import BtydModel
from ltv.past_days import reference_days

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
    trees = {name: head.trees for name, head in fitted.items()}
    level = levels(anchored, fitted, features, blocks, Terms(units, origins, cut.as_of, seed))
    surrogate = Surrogate((), 0.0)
    if blocks:
        corrected = value_correction(trees, level, blocks[0].inputs, blocks[0].hazard)
        surrogate = surrogate_of(blocks[0].inputs, corrected, units)
    told = _diagnosed(anchored, customers.num_rows, origins, fitted, surrogate)
    return BoostModel(anchored, units, trees, level, told)


def _mean_spend(features: pa.Table) -> float:
    """Of a purchase day, over everybody's; 1 where nobody has paid."""
    spend, days = pc.sum(features.column("spend")).as_py(), pc.sum(features.column(c.FREQUENCY)).as_py()
    return float(spend / (days + features.num_rows)) or 1.0


def _fit_heads(blocks: Sequence[TargetRows], units: Units, seed: int) -> dict[str, Head]:
    amounts = ("spend", "gross_value", "returned")
    in_units = [replace(rows, **{name: getattr(rows, name) / units.money for name in amounts}) for rows in blocks]
    return {name: fit_head(name, in_units, seed) for name in (SOME, MORE, SPEND, RETURNED)}


def _diagnosed(
    anchored: BtydModel, customers: int, origins: tuple[Origin, ...], fitted: dict[str, Head], surrogate: Surrogate
) -> BoostDiagnostics:
    anchor = anchored.name
    warnings = list(anchored.diagnostics.warnings)
    if not origins:
        warnings.append(f"the history is too short to learn corrections from: these are the forecasts of {anchor}")
    return BoostDiagnostics(
        anchor=anchor,
        customers=customers,
        origins=tuple(f"{origin.as_of} to {origin.target_end}" for origin in origins),
        longest_target_days=max((origin.target_days for origin in origins), default=0),
        heads={name: HeadDiagnostics(head.rounds, head.loss_without, head.loss) for name, head in fitted.items()},
        surrogate=surrogate,
        warnings=tuple(warnings),
    )
