"""Fitting the combination: its members to everything, their weights by what came after origins in the past."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from farview.core import columns as c
from farview.core.errors import InvalidInput
from farview.core.quantile_grid import GridLaw
from farview.evaluation.marginals import GridMarginal, Marginal
from farview.evaluation.origins import Origin, longest_target_days, rolling_origins
from farview.features.window import GROSS_VALUE
from jobs.backtest_fits import fit_each
from jobs.backtest_models import Forecasts, fitted_by
from jobs.fit_once import FitOnce
from jobs.ltv_configuration import MEMBERS
from jobs.past import Actuals, Past, actuals_of, first_paid_day, past_of
from jobs.progress import Silent
from ltv.combination import SEGMENTS, Member, Trial, Weights, fit_weights, segments
from ltv.combination_model import CombinationDiagnostics, CombinationModel
from ltv.model import LtvModel
from ltv.returns import kept_share

FitMember = Callable[[str], LtvModel]


@dataclass(frozen=True, slots=True)
class PoolTerms:
    """What a pool is made of and for."""

    horizon_days: int  # how far the targets look; at most a third of the past
    members: tuple[str, ...] = MEMBERS


@dataclass(frozen=True, slots=True)
class Pool:
    """A combination whose members are yet to be fitted to everything."""

    members: tuple[str, ...]
    origins: tuple[Origin, ...]  # where the weights were learnt
    weights: Weights  # of the members


def fit_combination(past: Past, terms: PoolTerms, once: FitOnce) -> CombinationModel:
    """The pool that does best on the oldest and the newest origin, whose targets do not overlap.

    A member that cannot be fitted at an origin is left out.

    Args:
        past: what it may see.
        terms: which members, for which horizon.
        once: fits them.

    Raises:
        InvalidInput: the past is too short for an origin, or no member could be fitted.
    """
    origins = apart(origins_of(past, terms.horizon_days))
    known = fitted_by(once)
    models = {name: known[name] for name in terms.members}
    tried: list[tuple[Past, Actuals, Mapping[str, Forecasts]]] = []
    for origin in origins:
        then = past_of(past.events, origin.as_of, past.zone)
        fits = fit_each(then, models, origin.target_days, Silent())
        models = {name: models[name] for name in fits.forecasts}
        tried.append((then, actuals_of(past.events, then, origin.target_end), fits.forecasts))
    if not models:
        raise InvalidInput.of("model", f"no member of the combination could be fitted by {past.as_of}")
    days = _target_days(origins)
    trials = [trial(then, came, [forecasts[name] for name in models], days) for then, came, forecasts in tried]
    return combined(past, Pool(tuple(models), origins, fit_weights(trials)), lambda name: once.model(name, past))


def origins_of(past: Past, horizon_days: int) -> tuple[Origin, ...]:
    """Rolling origins inside a past; none where nobody had paid anything before its last day."""
    first = first_paid_day(past.events, past.zone)
    return () if first is None else rolling_origins(first, past.as_of, horizon_days)


def apart(origins: Sequence[Origin]) -> tuple[Origin, ...]:
    """The oldest and the newest of rolling origins: their targets do not overlap."""
    return (origins[0], origins[-1]) if len(origins) > 1 else tuple(origins)


def trial(then: Past, came: Actuals, forecasts: Sequence[Forecasts], target_days: int) -> Trial:
    """An origin as the pool learns from it: members' forecasts of the customers of a past, and what came after it."""
    laws = tuple(Member(_law(f.purchases), _law(f.value)) for f in forecasts)
    counted, age = (then.rfm.column(name).to_numpy() for name in (c.FREQUENCY, c.AGE_DAYS))
    segment = segments(counted, age, target_days)
    return Trial(laws, came.purchases, came.value, segment)


def combined(past: Past, pool: Pool, fit: FitMember) -> CombinationModel:
    """The pool, its members fitted to a past; members without weight are left out.

    Args:
        past: what the members see.
        pool: which members, and how they are pooled.
        fit: a member by its name.
    """
    names, origins, weights = pool.members, pool.origins, pool.weights
    rows = np.array(weights.by_segment)
    used = np.flatnonzero(rows.max(axis=0) > 0).tolist()
    members = tuple(fit(names[k]) for k in used)
    told = [warning for member in members for warning in member.diagnostics.warnings]
    if len(used) == 1:
        told.append(f"the pool did not win on origins left out, so all weight is on {names[used[0]]}")
    diagnostics = CombinationDiagnostics(
        members=tuple(names[k] for k in used),
        customers=past.rfm.num_rows,
        origins=tuple(f"{origin.as_of} to {origin.target_end}" for origin in origins),
        gain=weights.gain,
        weights={segment: tuple(rows[s, used].tolist()) for s, segment in enumerate(SEGMENTS)},
        warnings=tuple(dict.fromkeys(told)),
    )
    kept, _ = kept_share(*(past.history.column(name).to_numpy() for name in (GROSS_VALUE, c.VALUE)))
    own = Weights(tuple(tuple(row) for row in rows[:, used].tolist()), weights.power, weights.gain)
    return CombinationModel(members, own, kept, _target_days(origins), diagnostics)


def _target_days(origins: Sequence[Origin]) -> int:
    """The same at all rolling origins; 0 without one."""
    return longest_target_days(tuple(origins))


def _law(marginal: Marginal) -> GridLaw:
    return cast(GridMarginal, marginal).law  # members forecast laws, never points
