"""Gates of customer-value models: convergence, calibration, and trials against the champion's configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.clock import zone as zone_of
from farview.evaluation import gates
from farview.evaluation.gate_losses import Judged, Trial, gini_loss, ratio_loss, score_loss
from farview.evaluation.gates import Check, Inference
from farview.evaluation.marginals import Pit
from farview.evaluation.origins import Origin, rolling_origins
from farview.store.store import Store
from farview.store.values import ModelVersion
from jobs.backtest_models import Fit, Forecasts, Predict
from jobs.gate_terms import Examination, GateTerms, days_missing, is_refit, is_repeat, protocol
from jobs.known import Known
from jobs.past import Actuals, Past, actuals_of, past_of
from jobs.progress import Progress
from jobs.snapshot import require_unchanged
from jobs.value_models import fit_configured, predict_by
from ltv.inference.laplace import DRAWS
from ltv.model import LtvModel
from ltv.registered import load

VALUE_CRPS, PURCHASES_CRPS = "value CRPS", "purchases CRPS"
QUANTITIES = (c.PURCHASES, c.VALUE)


def examine_ltv(
    store: Store, candidate: ModelVersion, champion: ModelVersion | None, terms: GateTerms, watch: Progress
) -> Examination:
    """See jobs.gate.gate; `champion` None notes the convergence alone."""
    model = load(store.artifact(candidate))
    checks = gates.convergence(_inference(model))
    if champion is None:
        return Examination(checks, protocol((), refit=False))
    cut = Cut(candidate.lineage.as_of, candidate.lineage.known_at)
    watch.start("reading transactions")
    require_unchanged(store.snapshot_hash, cut, candidate.lineage.snapshot_hash)
    events, zone = store.transactions(cut).read_all(), store.business().time_zone
    first_day = _first_paid_day(events, zone) or cut.as_of
    origins = rolling_origins(first_day, cut.as_of, terms.horizon_days)
    refit = is_refit(candidate, champion)
    checks.append(gates.enough_origins(len(origins), days_missing(first_day, cut.as_of)))
    if origins:
        attributes = store.attributes()
        rival = None if is_repeat(candidate, champion) else configured(champion, attributes)
        tried = try_out(events, origins, zone, (configured(candidate, attributes), rival), watch)
        checks += calibration(tried, model, candidate.lineage.seed, attributes)
        checks += against_champion(tried, terms.margin, must_win=not refit)
    return Examination(checks, protocol(origins, refit=refit))


@dataclass(frozen=True, slots=True, eq=False)
class TriedOrigin:
    """An origin: what was known, what came, and how the candidate's configuration and the champion's did."""

    origin: Origin
    past: Past
    actuals: Actuals
    forecasts: Forecasts  # the candidate's
    trial: Trial


def configured(version: ModelVersion, attributes: pa.Table) -> Fit:
    """The version's configuration, to be fitted to any past; customers' attributes are those of now."""
    configuration, seed = version.lineage.configuration, version.lineage.seed

    def fit_to(past: Past) -> Predict:
        return predict_by(fit_configured(Known.of(past, attributes), configuration, seed), past, seed, attributes)

    return fit_to


def try_out(
    events: pa.Table, origins: Sequence[Origin], zone: str, fits: tuple[Fit, Fit | None], watch: Progress
) -> list[TriedOrigin]:
    """Both configurations fitted at every origin and judged by what came after it.

    Args:
        events: schemas.EVENTS, none after the last target.
        origins: oldest first.
        zone: of the business.
        fits: the candidate's configuration and the champion's, None where both give the same model.
        watch: is told of each fit.
    """
    ours, theirs = fits
    watch.start("trials at rolling origins", len(origins) * (1 if theirs is None else 2))
    everybody = past_of(events, origins[-1].as_of, zone).rfm.column(c.CUSTOMER_ID).combine_chunks()
    tried = []
    for origin in origins:
        past = past_of(events, origin.as_of, zone)
        actuals = actuals_of(events, past, origin.target_end)
        forecasts = ours(past)(origin.target_days)
        watch.advance()
        candidate = champion = _judged(forecasts, actuals)
        if theirs is not None:
            champion = _judged(theirs(past)(origin.target_days), actuals)
            watch.advance()
        number = pc.index_in(past.rfm.column(c.CUSTOMER_ID), value_set=everybody).to_numpy().astype(np.int64)
        trial = Trial(number, actuals.value, np.ones(len(number)), candidate, champion)
        tried.append(TriedOrigin(origin, past, actuals, forecasts, trial))
    return tried


def calibration(tried: Sequence[TriedOrigin], model: LtvModel, seed: int, attributes: pa.Table) -> list[Check]:
    """Coverage of the candidate's configuration at the origins, and of the model itself, as registered, at the newest.

    Of all customers and of those who came back; and whether the model's totals are those of its configuration. The
    model has seen the newest target, from which a handful of parameters learns little: the second look is for a model
    that is not what its configuration gives.
    """
    newest = tried[-1]
    registered = predict_by(model, newest.past, seed, attributes)(newest.origin.target_days)
    came_back = [origin.past.rfm.column(c.FREQUENCY).to_numpy() > 0 for origin in tried]
    checks = []
    for quantity in QUANTITIES:
        pits = [_pit(origin.forecasts, origin.actuals, quantity) for origin in tried]
        now = _pit(registered, newest.actuals, quantity)
        checks += gates.coverage(f"{quantity} at the origins", pits)
        if all(mask.any() for mask in came_back):  # where most buy nothing, these show whether the rest is right
            some = [_some(pit, mask) for pit, mask in zip(pits, came_back, strict=True)]
            checks += gates.coverage(f"{quantity} of repeat buyers at the origins", some)
            checks += gates.coverage(f"{quantity} of repeat buyers as registered", [_some(now, came_back[-1])])
        checks += gates.coverage(f"{quantity} as registered", [now])
        means = getattr(registered, quantity).mean, getattr(newest.forecasts, quantity).mean
        checks.append(gates.total(f"{quantity} as registered", *means))
    return checks


def _some(pit: Pit, mask: NDArray[np.bool_]) -> Pit:
    return Pit(pit.below[mask], pit.upto[mask])


def against_champion(tried: Sequence[TriedOrigin], margin: float, *, must_win: bool) -> list[Check]:
    """Value CRPS, purchases CRPS, value Gini and |ln ratio| of value, by paired bootstrap."""
    trials = [origin.trial for origin in tried]
    losses = {
        VALUE_CRPS: score_loss(trials, VALUE_CRPS),
        PURCHASES_CRPS: score_loss(trials, PURCHASES_CRPS),
        "value Gini": gini_loss(trials),
        "value |ln ratio|": ratio_loss(trials),
    }
    customers = len(trials[-1].customer)
    return gates.not_worse(losses, customers, margin=margin, must_win=must_win)


def _judged(forecasts: Forecasts, actuals: Actuals) -> Judged:
    scores = {
        VALUE_CRPS: forecasts.value.crps(actuals.value),
        PURCHASES_CRPS: forecasts.purchases.crps(actuals.purchases),
    }
    return Judged(scores, forecasts.value.mean)


def _pit(forecasts: Forecasts, actuals: Actuals, quantity: str) -> Pit:
    pit: Pit | None = getattr(forecasts, quantity).pit(getattr(actuals, quantity))
    assert pit is not None  # registered models forecast laws, never points
    return pit


def _inference(model: LtvModel) -> Mapping[str, Inference]:
    return {
        name: Inference(part.method, DRAWS, part.k_hat, part.r_hat, part.effective_size)
        for name, part in model.inference.items()
    }


def _first_paid_day(events: pa.Table, zone: str) -> date | None:
    """None where nobody has paid anything."""
    first = pc.min(events.filter(pc.greater(events.column(c.AMOUNT), 0.0)).column(c.TIME)).as_py()
    day: date | None = None if first is None else first.astimezone(zone_of(zone)).date()
    return day
