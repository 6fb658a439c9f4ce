"""One small tree that stands for all the trees of a boosted model: who is corrected upwards, who downwards, how far.

A global surrogate, as in Molnar (2022), Interpretable Machine Learning, section 8.6: fitted to what the model says, not
to what came, and told with the share of its variance that it explains.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ltv.boost_inputs import INPUTS, Units
from ltv.boost_losses import SOME, SPEND
from ltv.boost_trees import correction
from ltv.boost_words import in_words

FloatArray = npt.NDArray[np.float64]

DEPTH = 3
SMALLEST_LEAF = 0.02  # of the rows


@dataclass(frozen=True, slots=True)
class Surrogate:
    """The tree as rules, a line each, deeper ones indented."""

    rules: tuple[str, ...]
    explained: float  # share of the variance of the corrections, on the rows it was fitted to


def surrogate_of(inputs: FloatArray, effect: FloatArray, units: Units) -> Surrogate:
    """A tree of depth DEPTH for the logarithm of what corrections do to expected value.

    Args:
        inputs: (rows, len(INPUTS)).
        effect: (rows,), natural log.
        units: of the model.
    """
    import xgboost

    spread = float(np.var(effect))
    if spread == 0.0:
        return Surrogate((), 0.0)
    names = [f"f{k}" for k in range(len(INPUTS))]
    data = xgboost.DMatrix(inputs.astype(np.float32), effect, feature_names=names)
    settings = {
        "tree_method": "exact",
        "max_depth": DEPTH,
        "eta": 1.0,
        "lambda": 0.0,
        "min_child_weight": max(SMALLEST_LEAF * len(effect), 1.0),
        "base_score": float(effect.mean()),
        "nthread": 1,
    }
    tree = xgboost.train(settings, data, num_boost_round=1)
    left = float(np.mean((tree.predict(data) - effect) ** 2))
    root = json.loads(tree.get_dump(dump_format="json")[0])
    return Surrogate(tuple(_rules(root, float(effect.mean()), units, 0)), 1.0 - left / spread)


def value_correction(
    trees: Mapping[str, bytes], level: Mapping[str, float], inputs: FloatArray, hazard: FloatArray
) -> FloatArray:
    """Natural log of corrected over anchor's expected gross value, (rows,).

    Args:
        trees: by head.
        level: by head.
        inputs: (rows, len(INPUTS)).
        hazard: the anchor's -log P(no purchase), (rows,).
    """
    some, spend = (correction(trees[head], inputs) + level[head] for head in (SOME, SPEND))
    return np.asarray(np.log(np.expm1(-hazard * np.exp(some)) / np.expm1(-hazard)) + spend)


def _rules(node: Mapping[str, Any], base: float, units: Units, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if "leaf" in node:
        yield f"{indent}expected value x {np.exp(base + node['leaf']):.2f}"
        return
    name = list(INPUTS)[int(node["split"][1:])]
    children = {child["nodeid"]: child for child in node["children"]}
    unknown = "below" if node["missing"] == node["yes"] else "not below"
    said = f"{name}, against where it is said: {in_words(name, float(node['split_condition']), units)}"
    yield f"{indent}below in {said} (not known counts as {unknown})"
    yield from _rules(children[node["yes"]], base, units, depth + 1)
    yield f"{indent}not below"
    yield from _rules(children[node["no"]], base, units, depth + 1)
