"""Fitting: an RFM table in, a servable model with its diagnostics out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from farview.core.errors import InvalidInput
from farview.core.randomness import generator
from farview.core.schemas import period_days_of
from ltv.effects import Factor, Kinds, effects_of, factors_of, target_of
from ltv.families import BG_NBD, Family, Rows, families_of
from ltv.inference import laplace, psis
from ltv.inference.map import Mode, find_mode
from ltv.inference.posterior import Posterior
from ltv.inference.target import Target
from ltv.model import BtydModel, FitDiagnostics, PartDiagnostics
from ltv.priors import FLAT, Prior, Priors

FloatArray = npt.NDArray[np.float64]
Method = Literal["laplace", "map", "nuts"]

DRAWS_KEPT = 512
MOST_R_HAT = 1.01
LEAST_EFFECTIVE_SIZE = (
    400.0  # enough for means and intervals of forecasts; see Vehtari et al. (2021), Bayesian Analysis
)


@dataclass(frozen=True, slots=True)
class Part:
    """One of the two independent posteriors on its way through inference."""

    family: Family
    target: Target  # in the units of the priors
    mode: Mode
    units: FloatArray  # (k,) natural parameters times these are in days and currency
    rows: Rows  # in the units of the priors
    log_likelihood: float  # at the mode, in days and currency

    def natural(self, u: FloatArray) -> FloatArray:
        """Natural parameters in days and currency, shape (S, k); of the base where customers differ by factors."""
        return np.asarray(self.target.natural(u)[:, : len(self.units)] * self.units)


def fit(
    rfm: pa.Table,
    *,
    model: str = BG_NBD,
    method: Method = "laplace",
    seed: int = 0,
    flat_priors: bool = False,
    kinds: Kinds = Kinds(),  # noqa: B008 - frozen
) -> BtydModel:
    """Fits a purchase process and a spend model to an RFM table.

    Spend is learnt from customers who came back and paid something for it (with `+first_spend` from first purchases
    too). Without any, it is the prior around one unit of currency, and a warning says so.

    Args:
        rfm: `schemas.RFM`, for BG/BB made with the days of an opportunity as `period_days`; only frequency,
            recency_days, age_days, repeat_spend_mean and first_spend are read.
        model: one of `families.MODELS`.
        method: laplace (importance draws around the mode; parts that these do not fit are sampled by NUTS instead, with
            a warning), nuts, or map (the mode alone: a single draw, so forecasts carry no parameter uncertainty).
        seed: same seed, same draws.
        flat_priors: maximum likelihood; only with map.
        kinds: columns of `rfm` by whose levels customers differ in rate and dropout, see `ltv.effects`.

    Returns:
        512 equally weighted draws (map: 1), times in days, amounts in the currency of the table.

    Raises:
        InvalidInput: an unknown model, method or column, no customers, impossible rows (named), or flat priors where
            the likelihood has no maximum.
    """
    purchase_family, spend_family = families_of(model)
    _check_arguments(method, flat_priors)
    purchases, spend = purchase_family.rows(rfm), spend_family.rows(rfm)
    warnings = []
    if not spend.customers:
        warnings.append("nobody has paid for a repeat purchase: spend is the prior's guess, not learnt from these data")
    priors = Priors(
        purchases=FLAT if flat_priors else purchase_family.prior,
        spend=FLAT if flat_priors and spend.customers else spend_family.prior,
        time_unit_days=purchases.mean_age or 1.0,
        money_unit=spend.mean_spend,
    )
    factors = factors_of(rfm, kinds)
    parts = {
        "purchases": _differing(purchase_family, factors, rfm, priors)
        if factors
        else _part(purchase_family, purchases, priors.purchases, priors.time_unit_days),
        "spend": _part(spend_family, spend, priors.spend, priors.money_unit),
    }
    posteriors, fallbacks = _posteriors(parts, method, seed)
    purchase_draws, effects = kept(parts, posteriors, "purchases", seed), None
    if factors:
        v = posteriors["purchases"].thin(DRAWS_KEPT, generator(seed, "ltv.fit.thin", "purchases"))
        effects = effects_of(purchase_family, factors, v, generator(seed, "ltv.fit.unknown"))
    return BtydModel(
        purchase_draws=purchase_draws,
        spend_draws=kept(parts, posteriors, "spend", seed),
        diagnostics=FitDiagnostics(
            method_asked=method,
            customers=int(purchases.customers),
            unique_rows=purchases.unique_rows,
            repeat_buyers=int(purchases.repeat_buyers),
            purchases=part_diagnostics(parts["purchases"], posteriors["purchases"]),
            spend=part_diagnostics(parts["spend"], posteriors["spend"]),
            warnings=(*warnings, *fallbacks, *doubts(posteriors)),
        ),
        priors=priors,
        purchases=purchase_family.name,
        spend=spend_family.name,
        period_days=period_days_of(rfm.schema),
        effects=effects,
    )


def _differing(family: Family, factors: tuple[Factor, ...], rfm: pa.Table, priors: Priors) -> Part:
    """The posterior of a purchase family whose customers differ by factors; the part's rows are those of all."""
    unit = priors.time_unit_days
    target, units = target_of(family, factors, rfm, unit, priors.purchases), family.units(unit)
    start = np.concatenate([family.start, np.zeros(target.dimensions - len(family.start))])
    mode = find_mode(target, start)
    in_days = target.natural(mode.u)
    in_days[: len(units)] *= units
    at_mode = target_of(family, factors, rfm, 1.0, priors.purchases).log_likelihood(in_days[None])
    return Part(family, target, mode, units, family.rows(rfm).in_units(unit), float(at_mode[0]))


def _check_arguments(method: str, flat_priors: bool) -> None:
    if method not in get_args(Method):
        raise InvalidInput.of("method", f"{method!r} is not known; use one of {', '.join(get_args(Method))}")
    if flat_priors and method != "map":
        raise InvalidInput.of("flat_priors", f"leaves no proper posterior for {method} to draw from (use map)")


def _part(family: Family, rows: Any, prior: Prior, unit: float) -> Part:
    """The posterior of a family, fitted in units of `unit` days or units of currency."""
    scaled, units = rows.in_units(unit), family.units(unit)
    target = Target(
        log_likelihood=lambda draws: family.log_likelihood(draws, scaled),
        log_likelihood_and_gradient=lambda params: family.log_likelihood_and_gradient(params, scaled),
        prior=prior,
        floor=np.array(family.floor),
    )
    mode = find_mode(target, np.array(family.start))
    at_mode = family.log_likelihood(target.natural(mode.u)[None] * units, rows)
    return Part(family, target, mode, units, scaled, float(at_mode[0]))


def _posteriors(parts: Mapping[str, Part], method: Method, seed: int) -> tuple[dict[str, Posterior], Sequence[str]]:
    """The posterior of each part, and a sentence for each that fell back on NUTS."""
    if method == "map":
        return {name: Posterior("map", part.mode.u[None], np.ones(1)) for name, part in parts.items()}, []
    if method == "nuts":
        return _nuts(parts, seed), []
    posteriors = {
        name: laplace.sample(part.target, part.mode, generator(seed, "ltv.fit.laplace", name))
        for name, part in parts.items()
    }
    untrusted = sentences_of_untrusted(posteriors)
    if untrusted:
        for name, sampled in _nuts({name: parts[name] for name in untrusted}, seed).items():
            posteriors[name] = replace(sampled, k_hat=posteriors[name].k_hat)
    return posteriors, tuple(untrusted.values())


def sentences_of_untrusted(posteriors: Mapping[str, Posterior]) -> dict[str, str]:
    """Which importance draws cannot be trusted, by the name of the part, with the warning that says so."""
    limit = psis.highest_trusted_k(laplace.DRAWS)
    return {
        name: f"the {name} posterior is too far from normal for importance draws (k-hat {posterior.k_hat:.2f} is above "
        f"{limit:.2f}), so it was sampled by NUTS"
        for name, posterior in posteriors.items()
        if posterior.k_hat is not None and posterior.k_hat > limit
    }


def _nuts(parts: Mapping[str, Part], seed: int) -> dict[str, Posterior]:
    from ltv.inference import nuts  # takes seconds to import, which a Laplace fit need not pay

    return {
        name: nuts.sample(part.target, part.mode, int(generator(seed, "ltv.fit.nuts", name).integers(2**31)))
        for name, part in parts.items()
    }


def kept(parts: Mapping[str, Part], posteriors: Mapping[str, Posterior], name: str, seed: int) -> FloatArray:
    """The draws that the model stores, shape (S, k)."""
    return parts[name].natural(posteriors[name].thin(DRAWS_KEPT, generator(seed, "ltv.fit.thin", name)))


def part_diagnostics(part: Part, posterior: Posterior) -> PartDiagnostics:
    mean, sd = posterior.moments(part.natural(posterior.u))
    return PartDiagnostics(
        method=posterior.method,
        k_hat=posterior.k_hat,
        effective_size=posterior.effective_size,
        r_hat=posterior.r_hat,
        log_likelihood=part.log_likelihood,
        mode=tuple(map(float, part.natural(part.mode.u[None])[0])),
        posterior_mean=tuple(map(float, mean)),
        posterior_sd=tuple(map(float, sd)),
    )


def doubts(posteriors: Mapping[str, Posterior]) -> Sequence[str]:
    """A sentence for each posterior whose draws are too few or whose chains disagree."""
    sentences = []
    for name, posterior in posteriors.items():
        if posterior.r_hat is not None and posterior.r_hat > MOST_R_HAT:
            sentences.append(f"the chains of the {name} posterior disagree (R-hat {posterior.r_hat:.3f})")
        if posterior.effective_size is not None and posterior.effective_size < LEAST_EFFECTIVE_SIZE:
            sentences.append(f"the {name} posterior rests on only {posterior.effective_size:.0f} effective draws")
    return sentences
