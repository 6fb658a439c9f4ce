"""What rolled journeys come to: means over customers with intervals, as JSON data."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from journeys.rollout import Rolled
from journeys.scorer import FloatArray


def summary(rolled: Sequence[Rolled], draws: FloatArray) -> Mapping[str, Any]:
    """Figures of a way of choosing with 90 % intervals over customers drawn anew, as JSON data.

    Args:
        rolled: the same customers, rolled once or several times with other seeds, which are averaged.
        draws: how often each customer is drawn, (D + 1, n), the first row each once.
    """

    def mean(part: Callable[[Rolled], FloatArray]) -> FloatArray:
        return np.asarray(np.mean([part(each) for each in rolled], axis=0))

    first = rolled[0]
    converting = mean(lambda each: each.converted)
    late = mean(lambda each: (each.converted * each.hours).sum(axis=1))
    known = mean(lambda each: (each.converted * each.supported).sum(axis=1))
    planned = converting.sum(axis=1)
    columns = {
        "conversion": mean(lambda each: each.probability),
        "touches": mean(lambda each: each.reached.sum(axis=1)),
        "revenue": mean(lambda each: each.probability * each.margin),
        "cost": mean(lambda each: each.cost),
        "value": mean(lambda each: each.value),
    }
    figures: dict[str, Any] = {name: _interval(draws @ column / draws.sum(axis=1)) for name, column in columns.items()}
    figures["hours_to_conversion"] = _ratio(draws, late, planned)
    figures["supported_share"] = _ratio(draws, known, planned)
    steps = [first.before.mean(), *(first.before.mean() + np.cumsum(converting.mean(axis=0)))]
    return figures | {"cumulative_conversion": [float(step) for step in steps]}


def draws_of(customers: int, seed: int, times: int = 200) -> FloatArray:
    """How often each customer is drawn, (times + 1, customers); the first row draws everyone once."""
    anew = np.random.default_rng(seed).multinomial(customers, np.full(customers, 1 / customers), times)
    return np.vstack([np.ones(customers), anew])


def _ratio(draws: FloatArray, top: FloatArray, bottom: FloatArray) -> dict[str, float] | None:
    below = draws @ bottom
    return _interval(draws @ top / below) if (below > 0).all() else None


def _interval(values: FloatArray) -> dict[str, float]:
    lower, upper = np.quantile(values[1:], (0.05, 0.95))
    return {"mean": float(values[0]), "lower": float(lower), "upper": float(upper)}
