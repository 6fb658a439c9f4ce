"""Backtest: fit on a calibration window, choose a champion inside it, then see how all did in the holdout."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import zone as zone_of
from farview.core.errors import InvalidInput
from farview.evaluation.champion import InnerScore, choose
from farview.evaluation.origins import Origin
from jobs.backtest_fits import Failure, Fits, fit_each
from jobs.backtest_models import Candidate, Forecasts, Predict, with_totals_of_a_period
from jobs.choose_ltv import Comparison, compare
from jobs.fit_combination import PoolTerms
from jobs.past import Actuals, Past, actuals_of, first_paid_day, past_of
from jobs.period_effect import past_of_some, period_sd_of
from jobs.progress import Progress
from ltv.combination_model import NAME as COMBINATION


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
    inner: Mapping[str, Sequence[InnerScore]]  # of the models that could be fitted everywhere, each as long as origins
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
    _require_sales(events, spec)
    past = past_of(events, spec.calibration_end, spec.zone)
    found = compare(past, _compared(models), PoolTerms(spec.horizon_days, _members(models)), progress)
    progress.start("fit and forecast", len(models))
    fits = fit_each(past, _with_weights(models, found), spec.horizon_days, progress)
    progress.done()
    failures = {name: failed for name, failed in {**found.failures, **fits.failures}.items() if name in models}
    forecasts, predict = _with_periods(fits, past, spec, progress)
    inner = {name: found.scores[name] for name in fits.forecasts if name in found.scores}
    actuals = actuals_of(events, past, spec.holdout_end)
    last_day = _day(pc.max(events.column(c.TIME)), spec.zone)
    return Backtest(spec, past, actuals, forecasts, predict, found.origins, inner, choose(inner), failures, last_day)


def _compared(models: Mapping[str, Candidate]) -> dict[str, Candidate]:
    """The models that are fitted at earlier days: all but combinations, and the members of these."""
    members = {name: member for model in models.values() for name, member in model.members.items()}
    return {name: model for name, model in models.items() if model.pooled is None} | {
        name: member for name, member in members.items() if name not in models
    }


def _members(models: Mapping[str, Candidate]) -> tuple[str, ...]:
    return tuple(models[COMBINATION].members) if COMBINATION in models else ()


def _with_weights(models: Mapping[str, Candidate], found: Comparison) -> dict[str, Candidate]:
    """The models, the combination by the weights of the comparison, which are those that it would find again."""
    pool = found.combination
    return {
        name: model if pool is None or model.pooled is None else replace(model, fit=model.pooled(pool))
        for name, model in models.items()
    }


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


def _require_sales(events: pa.Table, spec: BacktestSpec) -> None:
    first_day = first_paid_day(events, spec.zone)
    if first_day is None:
        raise InvalidInput.of("--transactions", "no amount is above 0, so nobody has bought")
    if first_day > spec.calibration_end:
        raise InvalidInput.of(
            "--calibration-end",
            f"nobody bought by {spec.calibration_end}: the first amount above 0 is of {first_day} (take a later day)",
        )


def _day(instant: pa.Scalar, zone: str) -> date:
    local: datetime = instant.as_py().astimezone(zone_of(zone))
    return local.date()
