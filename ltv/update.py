"""Continual learning: a posterior carried on to newer data, each datum counted once.

For a known customer the increment's likelihood is L(x', t_x', T' | theta) / L(x, t_x, T | theta), for a new one L. The
posterior before is prior x L(seen), so the product telescopes: updated day by day, a model has the posterior of a fit
to all data. (The last posterior taken as prior for the cumulative data would count old data again at every update.)

Forgetting is a power prior: what earlier data said of the parameters counts with a stated power delta of at most 1, the
prior itself always wholly. After k updates an increment counts with delta^k.

Source: Ibrahim, Chen (2000), Power Prior Distributions for Regression Models, Statistical Science 15(1), eq. (3).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from farview.core.errors import InvalidInput
from farview.core.randomness import generator
from ltv.families import Family, families_of
from ltv.fit import Part, doubts, fit, kept, part_diagnostics, sentences_of_untrusted
from ltv.inference import laplace
from ltv.inference.map import find_mode
from ltv.inference.target import Target
from ltv.model import BtydModel, FitDiagnostics
from ltv.priors import Prior

FloatArray = npt.NDArray[np.float64]
LogLikelihood = Callable[[FloatArray], FloatArray]  # (S, k) natural -> (S,)
LogLikelihoodAndGradient = Callable[[FloatArray], tuple[float, FloatArray]]  # (k,) natural -> value, (k,)


@dataclass(frozen=True, slots=True)
class _Learnt:
    """What data have said of the parameters so far: a log-likelihood up to a constant, and its gradient."""

    value: LogLikelihood
    and_gradient: LogLikelihoodAndGradient


def update(base: BtydModel, seen: pa.Table, now: pa.Table, *, forgetting: float = 1.0, seed: int = 0) -> BtydModel:
    """The model carried on from the customers it has seen to the same and newer ones as they are now.

    Args:
        base: fitted to `seen`, or updated to it.
        seen: `schemas.RFM` as it was when `base` was made.
        now: `schemas.RFM` of later: the same customers with longer histories, and new ones.
        forgetting: delta, the power with which what was learnt before counts, in (0, 1]; 1 forgets nothing and equals
            a fit to `now` with the priors of `base`.
        seed: same seed, same draws.

    Returns:
        As `fit`; where importance draws cannot be trusted a fit to `now`, with a warning.

    Raises:
        InvalidInput: forgetting is out of range, `base` differs by groups, a table has impossible rows, or `seen` is
            not what `base` has seen.
    """
    if not 0.0 < forgetting <= 1.0:
        raise InvalidInput.of("forgetting", f"must be above 0 and at most 1 (1 forgets nothing); got {forgetting:g}")
    if seen.num_rows != base.diagnostics.customers:
        raise InvalidInput.of(
            "seen",
            f"has {seen.num_rows:,} customers, but the model has seen {base.diagnostics.customers:,} (of another day?)",
        )
    if base.effects:
        raise InvalidInput.of("base", "differs by groups of customers, which no update carries on (fit anew)")
    forgets = forgetting < 1.0 or base.diagnostics.forgets
    purchases, spend = families_of(base.name)
    priors = base.priors
    parts = {
        "purchases": _part(
            purchases, priors.purchases, priors.time_unit_days, (base.purchase_draws, seen, now), (forgets, forgetting)
        ),
        "spend": _part(spend, priors.spend, priors.money_unit, (base.spend_draws, seen, now), (forgets, forgetting)),
    }
    posteriors = {
        name: laplace.sample(part.target, part.mode, generator(seed, "ltv.update", name))
        for name, part in parts.items()
    }
    if untrusted := sentences_of_untrusted(posteriors):
        refit = fit(now, model=base.name, seed=seed)
        said = f"the {' and '.join(untrusted)} update could not be trusted, so the model was fitted to all data anew"
        return replace(refit, diagnostics=replace(refit.diagnostics, warnings=(said, *refit.diagnostics.warnings)))
    rows = purchases.rows(now)
    return replace(
        base,
        purchase_draws=kept(parts, posteriors, "purchases", seed),
        spend_draws=kept(parts, posteriors, "spend", seed),
        diagnostics=FitDiagnostics(
            method_asked="laplace",
            customers=now.num_rows,
            unique_rows=int(rows.unique_rows),
            repeat_buyers=int(rows.repeat_buyers),
            purchases=part_diagnostics(parts["purchases"], posteriors["purchases"]),
            spend=part_diagnostics(parts["spend"], posteriors["spend"]),
            warnings=tuple(doubts(posteriors)),
            forgets=forgets,
        ),
    )


def increment(family: Family, seen: Any, now: Any) -> _Learnt:
    """log L(now) - log L(seen) of a family's rows: what happened since, new customers included."""

    def value(draws: FloatArray) -> FloatArray:
        return np.asarray(family.log_likelihood(draws, now) - family.log_likelihood(draws, seen))

    def and_gradient(params: FloatArray) -> tuple[float, FloatArray]:
        after, slope_after = family.log_likelihood_and_gradient(params, now)
        before, slope_before = family.log_likelihood_and_gradient(params, seen)
        return after - before, slope_after - slope_before

    return _Learnt(value, and_gradient)


def _part(
    family: Family,
    prior: Prior,
    unit: float,
    data: tuple[FloatArray, pa.Table, pa.Table],
    forgetting: tuple[bool, float],
) -> Part:
    draws, seen_table, now_table = data
    forgets, power = forgetting
    now, units, floor = family.rows(now_table).in_units(unit), family.units(unit), np.array(family.floor)
    u = np.log(draws / units - floor)
    # Without forgetting prior x L(seen) x L(now) / L(seen) is prior x L(now): the sum below, carried out.
    learnt = _Learnt(
        lambda natural: family.log_likelihood(natural, now),
        lambda natural: family.log_likelihood_and_gradient(natural, now),
    )
    if forgets:
        since = increment(family, family.rows(seen_table).in_units(unit), now)
        learnt = _sum(_of_posterior(u, prior, floor), power, since)
    target = Target(learnt.value, learnt.and_gradient, prior, floor)
    mode = find_mode(target, u.mean(axis=0))
    at_mode = family.log_likelihood(target.natural(mode.u)[None] * units, family.rows(now_table))
    return Part(family, target, mode, units, now, float(at_mode[0]))


def _sum(before: _Learnt, power: float, since: _Learnt) -> _Learnt:
    def and_gradient(params: FloatArray) -> tuple[float, FloatArray]:
        (a, slope_a), (b, slope_b) = before.and_gradient(params), since.and_gradient(params)
        return power * a + b, power * slope_a + slope_b

    return _Learnt(lambda draws: power * before.value(draws) + since.value(draws), and_gradient)


def _of_posterior(u: FloatArray, prior: Prior, floor: FloatArray) -> _Learnt:
    """A posterior's draws as the likelihood that made it of its prior, by a normal law of u.

    Of a posterior that forgets there is nothing else: the data behind it count with powers of their own.
    """
    mean = u.mean(axis=0)
    precision = np.linalg.inv(np.atleast_2d(np.cov(u, rowvar=False)))

    def value(natural: FloatArray) -> FloatArray:
        at = np.log(natural - floor)
        return np.asarray(-0.5 * np.einsum("si,ij,sj->s", at - mean, precision, at - mean) - prior.log_density(at))

    def and_gradient(natural: FloatArray) -> tuple[float, FloatArray]:
        at = np.log(natural - floor)
        slope = -precision @ (at - mean) - prior.gradient(at)
        return float(value(natural[None])[0]), slope / (natural - floor)

    return _Learnt(value, and_gradient)
