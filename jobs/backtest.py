"""Backtest: fit on a calibration window, choose a champion inside it, then see how all did in the holdout."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import zone as zone_of
from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray
from farview.evaluation.champion import InnerScore, choose
from farview.evaluation.gini import normalized_gini
from farview.evaluation.marginals import Marginal
from farview.evaluation.origins import Origin, rolling_origins
from jobs.backtest_fits import Failure, Fits, fit_each
from jobs.backtest_models import Candidate, Forecasts, Predict, with_totals_of_a_period
from jobs.past import Actuals, Past, actuals_of, past_of
from jobs.period_effect import past_of_some, period_sd_of
from jobs.progress import Progress


@dataclass(frozen=True, slots=True)
class BacktestSpec:
    """What is asked."""

    calibration_end: date  # last day that models see
    holdout_end: date  # the holdout is (calibration_end, holdout_end]
    zone: str = "UTC"
    drop_zero: bool = False  # zero amounts are left out, so they are no purchases
    seed: int = 0

    @property
    def horizon_days(self) -> int:
        """Length of the holdout in days."""
        return (self.holdout_end - self.calibration_end).days


@dataclass(frozen=True, slots=True)
class Backtest:
    """Everything a report is made from."""

    spec: BacktestSpec
    past: Past
    actuals: Actuals
    forecasts: Mapping[str, Forecasts]  # of the models that could be fitted
    predict: Mapping[str, Predict]  # of the same models, for other horizons
    origins: tuple[Origin, ...]
    inner: Mapping[str, list[InnerScore]]  # of the models that could be fitted everywhere, each as long as origins
    champion: str | None  # None when the calibration window is too short for an inner origin
    failures: Mapping[str, Failure]  # the first of each model that failed somewhere, which then cannot be champion
    last_event_day: date


def backtest(events: pa.Table, spec: BacktestSpec, models: Mapping[str, Candidate], progress: Progress) -> Backtest:
    """Fits every model on the calibration window and holds its forecasts against the holdout.

    The population is every customer with an amount above 0 on or before `calibration_end`, customers of that day
    included. The champion is chosen by `champion.RULE` on rolling origins inside the calibration window; neither it nor
    any forecast depends on a row after `calibration_end`. A model that fails is named with its reason, the rest go on.

    Args:
        events: `schemas.EVENTS`, any order.
        spec: windows, zone and seed.
        models: by name; the order breaks ties.
        progress: is told of each fit.

    Raises:
        InvalidInput: the holdout has no day, the zone is unknown, or nobody bought by `calibration_end`.
    """
    if spec.horizon_days < 1:
        raise InvalidInput.of(
            "--holdout-end", f"{spec.holdout_end} is not after --calibration-end {spec.calibration_end}"
        )
    if spec.drop_zero:
        events = events.filter(pc.not_equal(events.column(c.AMOUNT), 0.0))
    origins = rolling_origins(_first_paid_day(events, spec), spec.calibration_end, spec.horizon_days)
    past = past_of(events, spec.calibration_end, spec.zone)
    progress.start("fit and forecast", (len(origins) + 1) * len(models))
    fits = fit_each(past, models, spec.horizon_days, progress)
    failures = dict(fits.failures)
    inner: dict[str, list[InnerScore]] = {name: [] for name in fits.forecasts}
    for origin in origins:
        standing = {name: models[name] for name in inner if name not in failures}
        scores, failed = inner_scores(past.events, origin, spec.zone, standing, progress)
        failures |= failed
        for name, score in scores.items():
            inner[name].append(score)
    progress.done()
    forecasts, predict = _with_periods(fits, past, spec, progress)
    inner = {name: scores for name, scores in inner.items() if name not in failures}
    actuals = actuals_of(events, past, spec.holdout_end)
    last_day = _day(pc.max(events.column(c.TIME)), spec.zone)
    return Backtest(spec, past, actuals, forecasts, predict, origins, inner, choose(inner), failures, last_day)


def _with_periods(
    fits: Fits, past: Past, spec: BacktestSpec, progress: Progress
) -> tuple[Mapping[str, Forecasts], Mapping[str, Predict]]:
    """Both with totals that share what a period brings, as those of trained versions do."""
    wanted = {pair: days for made in fits.forecasts.values() for pair, days in made.leans_on.items()}
    if not wanted:
        return fits.forecasts, fits.predict
    some = past_of_some(past.events.to_reader, past.as_of, past.zone)
    progress.start("how far periods lie from their forecasts", len(wanted))
    spreads = {}
    for pair, days in wanted.items():
        spreads[pair] = period_sd_of(pair, days, some, spec.seed)
        progress.advance()
    progress.done()
    forecasts, predict = dict(fits.forecasts), dict(fits.predict)
    for name, made in fits.forecasts.items():
        if made.leans_on:
            spread = max(spreads[pair] for pair in made.leans_on)
            in_a_period = partial(with_totals_of_a_period, sd=spread, seed=spec.seed)
            forecasts[name] = in_a_period(made)
            predict[name] = partial(_then, fits.predict[name], in_a_period)
    return forecasts, predict


def _then(predict: Predict, change: Callable[[Forecasts], Forecasts], horizon_days: int) -> Forecasts:
    return change(predict(horizon_days))


def inner_scores(
    known: pa.Table, origin: Origin, zone: str, models: Mapping[str, Candidate], progress: Progress
) -> tuple[dict[str, InnerScore], Mapping[str, Failure]]:
    """How every model did at one origin inside the calibration window, and which could not be fitted there."""
    past = past_of(known, origin.as_of, zone)
    value = actuals_of(known, past, origin.target_end).value
    fits = fit_each(past, models, origin.target_days, progress)
    return {name: inner_score(forecasts.value, value) for name, forecasts in fits.forecasts.items()}, fits.failures


def inner_score(forecast: Marginal, value: FloatArray) -> InnerScore:
    """What the rule reads of a model at one origin, given what its customers were worth."""
    return InnerScore(
        value_crps=float(forecast.crps(value).mean()),
        zero_crps=float(np.abs(value).mean()),
        value_gini=normalized_gini(value, forecast.mean),
    )


def _first_paid_day(events: pa.Table, spec: BacktestSpec) -> date:
    paid = events.filter(pc.greater(events.column(c.AMOUNT), 0.0))
    if paid.num_rows == 0:
        raise InvalidInput.of("--transactions", "no amount is above 0, so nobody has bought")
    first_day = _day(pc.min(paid.column(c.TIME)), spec.zone)
    if first_day > spec.calibration_end:
        raise InvalidInput.of(
            "--calibration-end",
            f"nobody bought by {spec.calibration_end}: the first amount above 0 is of {first_day} (take a later day)",
        )
    return first_day


def _day(instant: pa.Scalar, zone: str) -> date:
    local: datetime = instant.as_py().astimezone(zone_of(zone))
    return local.date()
