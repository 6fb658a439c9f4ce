"""Gates: what a candidate has to show before it may become champion. Pure functions over figures and arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from farview.core.randomness import generator
from farview.evaluation.arrays import FloatArray
from farview.evaluation.bootstrap import Figure, resample
from farview.evaluation.hazard_metrics import BoolArray, expected_calibration_error
from farview.evaluation.marginals import Pit
from farview.evaluation.pit import share_inside

MARGIN = 0.01
"""Default of what a candidate may lose: 1 % of CRPS or log loss, .01 of Gini or |ln ratio|."""

LEVEL = 0.95  # of the bounds
RESAMPLES = 400
FEWEST_ORIGINS = 3
MOST_R_HAT = 1.01
LEAST_EFFECTIVE_SIZE = 400.0
COVERAGE_LEVELS = (0.80, 0.95)
COVERAGE_TOLERANCE = 0.03  # half of the band asked of a forecast: an 80 % interval covers 77 to 83 %
COVERAGE_CHECKS = 16  # of one examination: two quantities, four looks, two levels
FALSE_REFUSAL = 0.05  # at most how often chance alone refuses a model that keeps what is asked of it
TOTAL_TOLERANCE = 0.25  # of |ln| of a total: what newer data may move
ECE_TOLERANCE = 0.25  # of the rate at which conversions came
_SIMULATIONS = 100

CONVERGENCE, CALIBRATION, BACKTEST = "convergence", "calibration", "backtest"


@dataclass(frozen=True, slots=True)
class Check:
    """One figure against its limit, or what kept it from being told."""

    gate: str  # CONVERGENCE | CALIBRATION | BACKTEST
    figure: str
    value: float | None
    limit: float | None
    passed: bool
    said: str  # in plain words, the limit and where it failed the mend


@dataclass(frozen=True, slots=True)
class Inference:
    """How the posterior of one part of a model was found. A figure that its method does not define is None."""

    method: str  # "laplace" | "nuts" | "map"
    draws: int  # importance draws that `k_hat` is of
    k_hat: float | None
    r_hat: float | None
    effective_size: float | None


def most_k_hat(draws: int) -> float:
    """min(1 - 1/log10 S, .7), see Vehtari et al. (2024), Pareto Smoothed Importance Sampling, section 3."""
    return min(1 - 1 / float(np.log10(draws)), 0.7)


def convergence(parts: Mapping[str, Inference]) -> list[Check]:
    """Whether the draws of each part stand for its posterior; only figures that the method defines are looked at."""
    return [check for part, inference in parts.items() for check in _of_part(part, inference)]


def _of_part(part: str, found: Inference) -> list[Check]:
    checks = []
    if found.method == "laplace" and found.k_hat is not None:
        limit, passed = most_k_hat(found.draws), found.k_hat <= most_k_hat(found.draws)
        said = f"{part} k-hat {found.k_hat:.2f}, at most {limit:.2f}"
        mend = "" if passed else ": its importance draws cannot be trusted (train with --method nuts)"
        checks.append(Check(CONVERGENCE, f"{part} k-hat", found.k_hat, limit, passed, said + mend))
    if found.r_hat is not None:
        passed = found.r_hat < MOST_R_HAT
        said = f"{part} R-hat {found.r_hat:.3f}, below {MOST_R_HAT}"
        mend = "" if passed else ": the chains disagree (look at the data, or train with another --seed)"
        checks.append(Check(CONVERGENCE, f"{part} R-hat", found.r_hat, MOST_R_HAT, passed, said + mend))
    if found.effective_size is not None:
        passed = found.effective_size >= LEAST_EFFECTIVE_SIZE
        said = f"{part} effective draws {found.effective_size:,.0f}, at least {LEAST_EFFECTIVE_SIZE:.0f}"
        mend = "" if passed else ": too few for intervals (train with --method nuts)"
        size, least = found.effective_size, LEAST_EFFECTIVE_SIZE
        checks.append(Check(CONVERGENCE, f"{part} effective draws", size, least, passed, said + mend))
    if not checks:
        said = f"{part}: {found.method} draws nothing, so there is nothing to converge"
        checks.append(Check(CONVERGENCE, f"{part} {found.method}", None, None, passed=True, said=said))
    return checks


def coverage(name: str, pits: Sequence[Pit]) -> list[Check]:
    """PIT coverage at each of COVERAGE_LEVELS, which a perfect forecast meets up to chance.

    The mean over origins may be off by COVERAGE_TOLERANCE and what chance does to that many customers (`chance`).
    Origins share customers, so it is what chance does to the smallest origin, not to all together.

    Args:
        name: of the quantity, "value".
        pits: where the actuals of each origin fell.
    """
    return [_coverage(name, pits, level) for level in COVERAGE_LEVELS]


def _coverage(name: str, pits: Sequence[Pit], level: float) -> Check:
    inside = [share_inside(pit.below, pit.upto, (1 - level) / 2, (1 + level) / 2) for pit in pits]
    found = float(np.mean([share.mean() for share in inside]))
    off, limit = abs(found - level), COVERAGE_TOLERANCE + chance(min(map(len, inside)), level)
    passed = off <= limit
    said = (
        f"{name}: {100 * found:.1f} % of customers fell into the {100 * level:.0f} % interval, "
        f"off by {100 * off:.1f} points, at most {100 * limit:.1f}"
    )
    said += "" if passed else (": its intervals are too " + ("wide" if found > level else "narrow or misplaced"))
    return Check(CALIBRATION, f"{name} coverage {100 * level:.0f} %", found, limit, passed, said)


def chance(customers: int, level: float) -> float:
    """How far the coverage of so many customers may be off by chance, when in truth it is as promised.

    Exact for continuous laws, of which the number inside is binomial: beyond it lie both tails together at most in
    FALSE_REFUSAL / COVERAGE_CHECKS of cases, so that an examination goes wrong in at most FALSE_REFUSAL of them. Atoms
    only make the coverage vary less.
    """
    tail = FALSE_REFUSAL / COVERAGE_CHECKS / 2
    low, high = binom.ppf(tail, customers, level), binom.isf(tail, customers, level)
    return float(max(level - low / customers, high / customers - level))


def no_worse_than_the_base_rate(loss: float, base: float, steps: int) -> Check:
    """Whether probabilities foresaw unseen steps at least as well as their base rate, up to chance.

    For right probabilities the likelihood of the base rate over theirs has mean 1 whatever came, so by Markov's
    inequality it is above 1 / FALSE_REFUSAL in at most FALSE_REFUSAL of cases: with n steps, a log loss ln(1 /
    FALSE_REFUSAL) / n above the base rate's.

    Args:
        loss: mean log loss of the probabilities.
        base: that of the base rate of the steps before, on the same steps.
        steps: how many there are.
    """
    limit = base + float(np.log(1 / FALSE_REFUSAL)) / steps
    said = (
        f"log loss {loss:.4f} on {steps:,} later steps, at most {limit:.4f}: the base rate's {base:.4f} and what "
        "chance does to right probabilities"
    )
    said += "" if loss <= limit else " (it learnt nothing that holds; gather more conversions)"
    return Check(CONVERGENCE, "validation log loss", loss, limit, loss <= limit, said)


def total(name: str, registered: FloatArray, refitted: FloatArray) -> Check:
    """Whether a model forecasts in all what its configuration does; coverage hardly sees it where most buy nothing.

    Args:
        name: of the quantity.
        registered: mean forecasts of the model that is to be promoted, shape (customers,).
        refitted: those of its configuration fitted at the origin.
    """
    sums = float(registered.sum()), float(refitted.sum())
    off = abs(float(np.log(sums[0] / sums[1]))) if min(sums) > 0 else float("inf")
    passed = off <= TOTAL_TOLERANCE
    said = f"{name}: total forecast is {sums[0]:,.0f}, a refit's {sums[1]:,.0f}: |ln ratio| {off:.2f}, "
    said += f"at most {TOTAL_TOLERANCE:.2f}" + (
        "" if passed else " (it is not what its configuration gives; train again)"
    )
    return Check(CALIBRATION, f"{name} total", off, TOTAL_TOLERANCE, passed, said)


def calibration_error(name: str, p: FloatArray, target: BoolArray, weight: FloatArray, seed: int = 0) -> Check:
    """Expected calibration error of probabilities, beside what it comes to by chance when they are right.

    The limit is the 99 % point of outcomes simulated from the probabilities themselves, and ECE_TOLERANCE of the rate
    that was observed.

    Args:
        name: of the probabilities.
        p: shape (steps,).
        target: what came, shape (steps,).
        weight: of censoring, shape (steps,).
        seed: of the simulated outcomes.
    """
    if len(p) == 0:
        said = f"{name}: no step of the origins has a known outcome, so its calibration cannot be told"
        return Check(CALIBRATION, f"{name} ECE", None, None, passed=False, said=said)
    rng = generator(seed, "calibration gate")
    simulated = [expected_calibration_error(p, rng.random(len(p)) < p, weight) for _ in range(_SIMULATIONS)]
    rate = float(np.average(target, weights=weight))
    found, limit = expected_calibration_error(p, target, weight), float(np.quantile(simulated, 0.99))
    limit += ECE_TOLERANCE * rate
    said = (
        f"{name}: probabilities are off by {100 * found:.2f} points on average (ECE), at most {100 * limit:.2f}; "
        f"{100 * np.average(p, weights=weight):.2f} % were foreseen, {100 * rate:.2f} % came"
    )
    return Check(CALIBRATION, f"{name} ECE", found, limit, found <= limit, said)


def enough_origins(origins: int, mend: str) -> Check:
    """Whether there are FEWEST_ORIGINS rolling origins to judge by."""
    passed = origins >= FEWEST_ORIGINS
    said = f"{origins} rolling origins inside the data, at least {FEWEST_ORIGINS}" + ("" if passed else f" ({mend})")
    return Check(BACKTEST, "rolling origins", float(origins), float(FEWEST_ORIGINS), passed, said)


def not_worse(
    losses: Mapping[str, Figure], customers: int, *, margin: float, must_win: bool, seed: int = 0
) -> list[Check]:
    """Paired bootstrap over customers: no loss may reach beyond the margin, and one must be below 0 if it must win.

    Each loss has to keep its upper LEVEL bound within the margin. To be better is to have a bound below 0 at 1 - (1 -
    LEVEL) / number of losses, so that looking at several gives chance no more room than looking at one.

    Args:
        losses: by name, candidate against champion on a resample of customers; positive is worse.
        customers: how many there are.
        margin: largest loss allowed.
        must_win: the candidate is no refit of the champion's own configuration.
        seed: of the resamples.
    """
    drawn = resample(losses, customers, resamples=RESAMPLES, seed=seed)
    checks = [_not_worse(name, figures, margin) for name, figures in drawn.items()]
    if must_win:
        strict = 1 - (1 - LEVEL) / len(losses)
        bounds = {name: bound for name, figures in drawn.items() if (bound := _bound(figures, strict)) is not None}
        winner = min(bounds, key=lambda name: bounds[name], default=None)
        passed = winner is not None and bounds[winner] < 0
        said = (
            f"clearly better on {winner}"
            if passed
            else "better on nothing beyond chance, as a new configuration has to be (keep the champion, or gather data)"
        )
        value = None if winner is None else bounds[winner]
        checks.append(Check(BACKTEST, "better somewhere", value, 0.0, passed, said))
    return checks


def _not_worse(name: str, figures: FloatArray, margin: float) -> Check:
    bound = _bound(figures, LEVEL)
    if bound is None:
        said = f"{name} is not defined at any origin, so nothing can be compared (is there a sale or conversion in it?)"
        return Check(BACKTEST, name, None, margin, passed=False, said=said)
    passed = bound <= margin
    said = (
        f"{name}: loss against the champion {100 * figures[0]:+.2f} %, {100 * LEVEL:.0f} % bound {100 * bound:+.2f} %, "
        f"at most {100 * margin:.2f} %"
    )
    return Check(BACKTEST, name, bound, margin, passed, said)


def _bound(figures: FloatArray, level: float) -> float | None:
    drawn = figures[1:][np.isfinite(figures[1:])]
    if not np.isfinite(figures[0]) or len(drawn) < 0.9 * (len(figures) - 1):
        return None
    return float(np.quantile(drawn, level))
