"""What moves a customer's forecast: TreeSHAP values of the trees, as factors on expected value, in plain words.

Expected value is P(some) E(V | some) kept; on the logarithm of it a change of a head's margin acts with

    d ln P(some) / d f = h exp(-h) / (1 - exp(-h)),  h the corrected hazard;   1 for spend;   -R / (1 - R) for returns,

R the share that comes back. SHAP values of a head add up to its trees' margin: Lundberg, Erion, Lee (2018), Consistent
Individualized Feature Attribution for Tree Ensembles, arXiv 1802.03888. They are told against the customers that the
trees were grown on: a factor of 1.2 is 20 % more than without knowing that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from farview.features.customer_rfm import rfm_of_features
from ltv.boost_anchor import anchor_figures, anchor_margins
from ltv.boost_inputs import INPUTS, input_matrix
from ltv.boost_losses import RETURNED, SOME, SPEND
from ltv.boost_model import BoostModel
from ltv.boost_scorer import Shared
from ltv.boost_words import in_words
from ltv.returns import LEAST_KEPT
from ltv.scorer import Scorer

FloatArray = npt.NDArray[np.float64]

MOST_DRIVERS = 5
LEAST_EFFECT = 0.005  # of the logarithm: half a percent


@dataclass(frozen=True, slots=True)
class Driver:
    """One thing known of a customer and what it does to the expected value."""

    input: str  # one of boost_inputs.INPUTS
    words: str
    factor: float  # on expected value


def drivers_of(
    model: BoostModel, features: pa.RecordBatch, as_of: date, seed: int, shared: Shared | None = None
) -> list[tuple[Driver, ...]]:
    """At most MOST_DRIVERS of each customer, strongest first; none where trees found nothing.

    Args:
        model: whose trees are asked.
        features: rows of `customer_features`.
        as_of: the day at whose end the features stop.
        seed: of the anchor's lattice rule.
        shared: of the model and seed.
    """
    if not features.num_rows:
        return []
    shared = shared or Shared.of(model, seed)
    scorer = Scorer(model.anchor, [model.units.reference_days], as_of, seed, shared.tables)
    said = pa.Table.from_batches(scorer.forecast(rfm_of_features(features, as_of).combine_chunks().to_batches()))
    inputs = input_matrix(features, anchor_figures(said), model.units)
    effects = value_effects(model, shared, inputs, anchor_margins(said)[0])
    return [_strongest(model, row, effect) for row, effect in zip(inputs, effects, strict=True)]


def value_effects(model: BoostModel, shared: Shared, inputs: FloatArray, hazard: FloatArray) -> FloatArray:
    """What each input adds to the logarithm of expected value, (rows, len(INPUTS)).

    Args:
        model: of the trees.
        shared: its trees.
        inputs: of `input_matrix`.
        hazard: the anchor's -log P(no purchase), (rows,).
    """
    effects = np.zeros(inputs.shape)
    for head, slope in (
        (SOME, lambda margin: _slope_of_chance(hazard * np.exp(margin))),
        (SPEND, np.ones_like),
        (RETURNED, _slope_of_kept),
    ):
        if head in shared.trees:
            parts = shared.trees[head].contributions(inputs)  # the last column is what all rows share
            effects += parts[:, :-1] * slope(parts.sum(axis=1) + model.level[head])[:, None]
    return effects


def _slope_of_chance(hazard: FloatArray) -> FloatArray:
    return np.asarray(hazard / np.maximum(np.expm1(np.minimum(hazard, 700.0)), 1e-300))


def _slope_of_kept(margin: FloatArray) -> FloatArray:
    returned = np.minimum(np.exp(margin), 1.0 - LEAST_KEPT)
    return np.asarray(-returned / (1.0 - returned))


def _strongest(model: BoostModel, row: FloatArray, effect: FloatArray) -> tuple[Driver, ...]:
    names: Sequence[str] = list(INPUTS)
    order = np.argsort(-np.abs(effect), kind="stable")[:MOST_DRIVERS]
    return tuple(
        Driver(names[k], in_words(names[k], float(row[k]), model.units), float(np.exp(effect[k])))
        for k in order
        if abs(effect[k]) >= LEAST_EFFECT
    )
