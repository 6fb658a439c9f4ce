"""Attribution of a touch log's conversions to channels and positions, with intervals over customers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from farview.core.errors import InvalidInput
from farview.features.journey_context import ContextEncoding
from farview.features.steps import StepRules, at_risk_steps
from jobs.progress import Progress
from jobs.train_journeys import MODELS, JourneyContext, JourneyFit, fit_journeys
from journeys.attribution import LAST_POSITION, by_rule, markov_removal, model_removal, paths_of

FloatArray = NDArray[np.float64]

DRAWS = 200  # of customers, for intervals
LOW, HIGH = 0.05, 0.95
PLACES = (*(str(number) for number in range(1, LAST_POSITION)), f"{LAST_POSITION} and later")


@dataclass(frozen=True, slots=True)
class AttributionSpec:
    """What is asked."""

    zone: str = "UTC"
    window_days: float = 7.0
    model: str = "lstm"  # whose removal effect is taken
    seed: int = 0


def attribute_conversions(
    log: pa.Table, attributes: tuple[pa.Table, list[str]] | None, spec: AttributionSpec, progress: Progress
) -> dict[str, Any]:
    """Conversions credited to each channel by every method, and to each position by removal, as JSON data.

    {"protocol": ..., "channels": {METHOD: {CHANNEL: figure}}, "positions": {POSITION: figure}}, a figure being
    {"conversions", "lower", "upper", "share"}: 90 % intervals from customers drawn anew, the model being as it is.

    Args:
        log: touches and conversions, see `at_risk_steps`.
        attributes: customers, and which of their columns a network may use; None for none.
        spec: zone, window, model and seed.
        progress: is told of each step.

    Raises:
        InvalidInput: the zone or the model is unknown, or no touch converts.
        FailedPrecondition: conversions are too few to fit the model to.
    """
    if spec.model not in MODELS:
        raise InvalidInput.of("--model", f"{spec.model!r} is not a journey model (known: {', '.join(MODELS)})")
    steps = at_risk_steps(log, StepRules(spec.zone, spec.window_days))
    if not steps.converted.any():
        raise InvalidInput.of("--touchpoints", "holds no conversion within the window of a touch")
    table, names = attributes or (None, [])
    encoding = ContextEncoding.learn(table, names) if table is not None else ContextEncoding()
    encoded = encoding.encode(table, steps.customer_ids)
    progress.start(f"fitting {spec.model}")
    fit = JourneyFit(spec.model, spec.window_days, names, spec.seed)
    model = fit_journeys(fit, steps, JourneyContext(encoding, encoded))
    progress.start("removing channels and positions")
    paths = paths_of(steps)
    by_channel, by_position = model_removal(model, steps, encoded)
    credited = {name: _sums(credit) for name, credit in by_rule(steps, paths).items()}
    credited["markov_removal"] = partial(markov_removal, steps, paths)
    credited["model_removal"] = _sums(by_channel)
    progress.start("drawing customers anew")
    draws = _draws(len(steps.customer_ids), spec.seed)
    channels = {name: _figures(steps.vocabulary.channels, draws, credit) for name, credit in credited.items()}
    positions = _figures(PLACES, draws, _sums(by_position))
    progress.done()
    return {
        "protocol": {
            "unit": "path: a customer's touches since the conversion before",
            "window_days": spec.window_days,
            "time_zone": spec.zone,
            "model": spec.model,
            "evidence": model.about.evidence,
            "seed": spec.seed,
            "paths": len(paths.converted),
            "conversions": int(paths.converted.sum()),
            "interval": [LOW, HIGH],
        },
        "channels": channels,
        "positions": positions,
    }


def _sums(credit: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """Weighted sums over customers of their credited, (customers, groups)."""
    return lambda weight: weight @ credit


def _draws(customers: int, seed: int) -> FloatArray:
    """How often each customer is drawn, (DRAWS + 1, customers); the first row draws everyone once."""
    random = np.random.default_rng(seed)
    anew = random.multinomial(customers, np.full(customers, 1 / customers), DRAWS)
    return np.vstack([np.ones(customers), anew])


def _figures(
    names: Sequence[str], draws: FloatArray, credit: Callable[[FloatArray], FloatArray]
) -> dict[str, dict[str, float]]:
    credited = np.stack([credit(weight) for weight in draws])
    lower, upper = np.quantile(credited[1:], (LOW, HIGH), axis=0)
    whole, total = credited[0], credited[0].sum()
    return {
        name: {
            "conversions": float(whole[number]),
            "lower": float(lower[number]),
            "upper": float(upper[number]),
            "share": float(whole[number] / total) if total else 0.0,
        }
        for number, name in enumerate(names)
    }
