"""Evaluation of journey models: every one on the same later steps of a log, beside what looks at one simple thing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from farview.core.clock import Cut
from farview.core.clock import zone as zone_of
from farview.core.errors import InvalidInput
from farview.evaluation import journey_champion
from farview.evaluation.conformal_sets import ConformalFigures, conformal_figures
from farview.evaluation.hazard_metrics import HazardMetrics, hazard_metrics, log_losses
from farview.evaluation.journey_champion import Gain
from farview.evaluation.journey_splits import Observed, day_by_which, held_out_customers, observed
from farview.evaluation.stratified_auc import stratified_auc
from farview.features.journey_context import ContextEncoding
from farview.features.journey_state import DAY_US, local_time_us
from farview.features.steps import StepRules, Steps, at_risk_steps, micros
from jobs.progress import Progress
from journeys.baselines import BASELINES
from journeys.markov import train_markov
from journeys.markov2 import train_markov2
from journeys.scorer import JourneyModel
from journeys.training import NETWORKS, TrainingOptions, train_network

FloatArray = NDArray[np.float64]

TRAIN_SHARE = 0.7
MODELS = (*NETWORKS, "markov2", "markov")


@dataclass(frozen=True, slots=True)
class JourneySpec:
    """What is asked."""

    zone: str = "UTC"
    window_days: float = 7.0
    split_date: date | None = None  # last day of training; default: the day by which TRAIN_SHARE of steps have passed
    held_out_share: float = 0.0  # of customers whom models never see and who alone are judged; 0: all are both
    seed: int = 0
    models: Sequence[str] = MODELS  # that are fitted; what looks at one simple thing always stands beside


@dataclass(frozen=True, slots=True)
class JourneyEvaluation:
    """Everything a report is made from. Test steps are those touched after the split whose outcome the log tells."""

    spec: JourneySpec
    split_date: date
    steps: Steps
    train: Observed
    test: Observed
    models: Mapping[str, HazardMetrics]
    gains: Mapping[str, Gain]  # over the base rate
    auc_of_new_customers: Mapping[str, float | None]  # of those without a touch before the split
    new_customers: int
    champion: str
    conformal: Mapping[str, ConformalFigures]  # sets made on the earlier half of the test steps, judged on the later
    total_length_auc: float | None  # of minus the journey's total number of touches, which nobody knows at a step


def evaluate_journeys(
    log: pa.Table, attributes: tuple[pa.Table, list[str]] | None, spec: JourneySpec, progress: Progress
) -> JourneyEvaluation:
    """Fits every model on what was known by the end of the split day, and judges it on the steps after that.

    No training window reaches past the split; test steps may know touches before it. With `held_out_share` the split is
    by customer as well: some are only judged, the others only learnt from. Censored steps are left out and
    weighted for, in training and in every figure.

    Args:
        log: touches and conversions, see `at_risk_steps`.
        attributes: customers, and which of their columns the networks may use; None for none.
        spec: zone, window, split and seed.
        progress: is told of each model.

    Raises:
        InvalidInput: the zone or a model is unknown, or the split leaves nothing to learn from or no whole window to
            judge on.
    """
    for name in spec.models:
        if name not in MODELS:
            raise InvalidInput.of("--models", f"{name!r} is not a journey model (known: {', '.join(MODELS)})")
    steps = at_risk_steps(log, StepRules(spec.zone, spec.window_days))
    if len(steps) == 0:
        raise InvalidInput.of("--touchpoints", "holds conversions and no touch")
    split_date, split_us = _split(steps, spec)
    judged, learnt_from = _sides(steps, spec)
    train = observed(steps.time_us, steps.resolved_us, int(steps.time_us.min()), split_us).of(
        learnt_from[steps.customer]
    )
    test = observed(steps.time_us, steps.resolved_us, split_us, steps.limits.until_us).of(judged[steps.customer])
    learning = _Learning(steps, train, learnt_from, split_us, spec)
    forecasts = _forecasts(learning, attributes, progress)
    rows, target, index = test.rows, steps.converted[test.rows], steps.index[test.rows]
    new = _is_new(steps, split_us)
    losses = {name: log_losses(p[rows], target) for name, p in forecasts.items()}
    gains = {
        name: journey_champion.gain(
            losses[journey_champion.BASE], loss, steps.customer[rows], test.weight, len(losses) - 1
        )
        for name, loss in losses.items()
    }
    fresh = new[steps.customer[rows]]
    return JourneyEvaluation(
        spec=spec,
        split_date=split_date,
        steps=steps,
        train=train,
        test=test,
        models={name: hazard_metrics(p[rows], target, index, test.weight) for name, p in forecasts.items()},
        gains=gains,
        auc_of_new_customers={
            name: stratified_auc(p[rows][fresh], target[fresh], index[fresh], test.weight[fresh])
            for name, p in forecasts.items()
        },
        new_customers=int(new.sum()),
        champion=journey_champion.choose(gains),
        conformal={name: _conformal(p, steps, test) for name, p in forecasts.items()},
        total_length_auc=stratified_auc(-_total_length(steps)[rows], target, index, test.weight),
    )


def _conformal(p: FloatArray, steps: Steps, test: Observed) -> ConformalFigures:
    """Sets that are to hold nine converters of ten, made on the earlier half of the test steps."""
    order = np.argsort(steps.time_us[test.rows], kind="stable")
    earlier, later = np.array_split(test.rows[order], 2)
    weight = np.array_split(test.weight[order], 2)[1]
    return conformal_figures((p[earlier], steps.converted[earlier]), (p[later], steps.converted[later], weight))


class _Learning(NamedTuple):
    """What models may learn from."""

    steps: Steps  # all of the log, to forecast for
    train: Observed
    customers: NDArray[np.bool_]  # (customers,)
    until_us: int
    spec: JourneySpec


def _forecasts(
    learning: _Learning, attributes: tuple[pa.Table, list[str]] | None, progress: Progress
) -> dict[str, FloatArray]:
    """Hazard of every step by every model, each fitted on the training steps."""
    steps, train = learning.steps, learning.train
    table, names = attributes or (None, [])
    encoding = ContextEncoding.learn(table, names) if table is not None else ContextEncoding()
    context = encoding.encode(table, steps.customer_ids)
    past, past_context = steps.take(learning.customers), context[learning.customers]

    def network(name: str) -> JourneyModel[Any]:
        return train_network(
            name, past, (encoding, past_context), learning.until_us, TrainingOptions(seed=learning.spec.seed)
        )

    fits: dict[str, Callable[[], JourneyModel[Any]]] = {
        **{name: partial(network, name) for name in NETWORKS},
        "markov2": lambda: train_markov2(past, learning.until_us),
        "markov": lambda: train_markov(past, learning.until_us),
    }
    forecasts = {}
    chosen = [name for name in fits if name in learning.spec.models]
    progress.start("fit and judge", len(chosen) + len(BASELINES))
    for name in chosen:
        model = fits[name]()
        forecasts[name] = model.about.calibration.probability(model.logits(steps, context))
        progress.advance()
    for name, baseline in BASELINES.items():
        forecasts[name] = baseline(steps, train)
        progress.advance()
    progress.done()
    return forecasts


def _split(steps: Steps, spec: JourneySpec) -> tuple[date, int]:
    """The last day of training and the first instant after it."""
    days = local_time_us(steps.time_us, spec.zone) // DAY_US
    first, last = (date.fromordinal(int(day) + date(1970, 1, 1).toordinal()) for day in (days.min(), days.max()))
    by_share = date.fromordinal(day_by_which(days, TRAIN_SHARE) + date(1970, 1, 1).toordinal())
    chosen = spec.split_date or by_share
    split_us = micros(Cut(chosen, datetime.now(UTC)).before(zone_of(spec.zone)))
    if not first <= chosen < last:
        raise InvalidInput.of("--split-date", f"{chosen} leaves one side empty: the touches are of {first} to {last}")
    if steps.limits.until_us - split_us <= steps.limits.window_us:
        raise InvalidInput.of(
            "--split-date",
            f"{chosen} leaves no whole window of {spec.window_days:g} days before the log's end on {last} "
            "(take an earlier day, or a shorter --window-days)",
        )
    return chosen, split_us


def _sides(steps: Steps, spec: JourneySpec) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Customers who are judged, and who are learnt from, each shape (customers,)."""
    if not 0 <= spec.held_out_share < 1:
        raise InvalidInput.of("--hold-out-customers", f"{spec.held_out_share} is no share (0 or more, below 1)")
    everyone = np.ones(len(steps.customer_ids), np.bool_)
    if spec.held_out_share == 0:
        return everyone, everyone
    held_out = held_out_customers(steps.customer_ids, spec.held_out_share, spec.seed)
    if held_out.all() or not held_out.any():
        raise InvalidInput.of("--hold-out-customers", f"{spec.held_out_share} leaves no customer on one side")
    return held_out, ~held_out


def _is_new(steps: Steps, split_us: int) -> NDArray[np.bool_]:
    """Which customers have no touch before the split, shape (customers,)."""
    return np.asarray(steps.time_us[steps.offsets[:-1]] >= split_us)


def _total_length(steps: Steps) -> FloatArray:
    """Touches of the step's customer in the whole log, shape (steps,)."""
    lengths = np.diff(steps.offsets)
    return np.repeat(lengths, lengths).astype(np.float64)
