"""Laws of retention judged on renewals they have not seen, and what they make of contracts' residual value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from farview.core.errors import InvalidInput
from farview.core.randomness import generator
from ltv.contract_fit import LAWS, ContractFit, fit_contracts
from ltv.renewals import Renewals, discounted_periods, expected_periods, log_retention, log_score

FloatArray = npt.NDArray[np.float64]
LogSurvivalOfDraws = Callable[[FloatArray], FloatArray]  # (periods,) -> (draws, periods)

RULE = "highest log score of renewals 2, 3, ... of the calibration periods, each foreseen from those before it"
FEWEST_RENEWALS = 3
INTERVAL = (0.1, 0.9)
PATHS = 2048


@dataclass(frozen=True, slots=True)
class RetentionSpec:
    """What is asked."""

    calibration_periods: int | None = None  # renewals that laws see; None: two thirds, rounded down
    horizon_periods: int = 5  # of the expected renewals to come
    discount_rate: float = 0.1  # per period
    value_per_period: float = 1.0  # what a renewed contract earns in a period
    seed: int = 0


def evaluate_retention(cohorts: Mapping[str, Renewals], spec: RetentionSpec) -> dict[str, Any]:
    """The JSON document: protocol, and each cohort's figures, champion, forecast and residual values.

    Raises:
        InvalidInput: a cohort has fewer than three renewals, calibration periods leave no holdout or nothing to
            choose by, or a rate or horizon cannot be.
    """
    if not spec.discount_rate > 0:
        raise InvalidInput.of("--discount-rate", f"must be greater than 0; got {spec.discount_rate:g}")
    if spec.horizon_periods < 1:
        raise InvalidInput.of("--horizon-periods", f"must be 1 or more; got {spec.horizon_periods}")
    return {
        "protocol": {
            "champion_rule": RULE,
            "horizon_periods": spec.horizon_periods,
            "discount_rate": spec.discount_rate,
            "value_per_period": spec.value_per_period,
            "seed": spec.seed,
        },
        "cohorts": {name: _cohort(name, renewals, spec) for name, renewals in cohorts.items()},
    }


def _cohort(name: str, renewals: Renewals, spec: RetentionSpec) -> dict[str, Any]:
    seen = _calibration_periods(name, len(renewals.at_risk), spec)
    known = renewals.until(seen)
    laws = {law: _fitted(law, known, spec.seed) for law in (*LAWS, *BASELINES)}
    inner = {law: prequential(law, known, spec.seed) for law in laws}
    champion = max(inner, key=lambda law: inner[law])
    last = fit_contracts(renewals, LAWS[champion], seed=spec.seed) if champion in LAWS else None
    survival = _baseline(champion, renewals) if last is None else last.log_survival
    return {
        "customers": renewals.at_risk[0],
        "calibration_periods": seen,
        "holdout_periods": len(renewals.at_risk) - seen,
        "models": {
            law: _figures(fitted, renewals, seen) | {"inner_log_score": inner[law]} for law, fitted in laws.items()
        },
        "champion": champion,
        "holdout": _holdout(laws[champion], renewals, seen, spec.seed),
        "fit": None if last is None else _fit_figures(last),
        "residual": [_residual(survival, made, spec) for made in range(len(renewals.at_risk) + 1)],
    }


def _calibration_periods(name: str, periods: int, spec: RetentionSpec) -> int:
    if periods < FEWEST_RENEWALS:
        raise InvalidInput.of("FILE", f"cohort {name!r} has {periods} renewals, fewer than {FEWEST_RENEWALS}")
    seen = max(2, 2 * periods // 3) if spec.calibration_periods is None else spec.calibration_periods
    if not 2 <= seen < periods:
        raise InvalidInput.of(
            "--calibration-periods", f"must be 2 to {periods - 1} for cohort {name!r} of {periods} renewals; got {seen}"
        )
    return seen


BASELINES = ("constant_rate", "last_rate")


def _baseline(name: str, known: Renewals) -> LogSurvivalOfDraws:
    """One retention rate for ever: that of all renewals, or that of the last one; half a customer added to each side.

    What was seen counts as seen for last_rate: its curve passes through the cohort's own.
    """
    if name == "constant_rate":
        rate = np.full(len(known.at_risk), (known.renewed.sum() + 0.5) / (known.at_risk.sum() + 1.0))
    else:
        rate = (known.renewed + 0.5) / (known.at_risk + 1.0)
    steps = np.concatenate([[0.0], np.cumsum(np.log(rate))])

    def log_survival(t: FloatArray) -> FloatArray:
        beyond = np.maximum(t - len(rate), 0.0)
        return np.asarray(steps[np.minimum(t, len(rate)).astype(np.int64)] + beyond * np.log(rate[-1]))[None]

    return log_survival


def _fitted(law: str, known: Renewals, seed: int) -> LogSurvivalOfDraws:
    return fit_contracts(known, LAWS[law], seed=seed).log_survival if law in LAWS else _baseline(law, known)


def prequential(law: str, known: Renewals, seed: int) -> float:
    """Mean log score per renewal decision of renewals 2, 3, ..., each foreseen from those before it."""
    total = 0.0
    for t in range(1, len(known.at_risk)):
        scores = log_score(_fitted(law, known.until(t), seed), known.until(t + 1))[:, t]
        total += float(logsumexp(scores) - np.log(len(scores)))
    return total / max(float(known.at_risk[1:].sum()), 1.0)


def _figures(log_survival: LogSurvivalOfDraws, renewals: Renewals, seen: int) -> dict[str, float | None]:
    """On the holdout, given how many were customers at its start."""
    t = np.arange(seen + 1.0, len(renewals.at_risk) + 1.0)
    forecast = renewals.at_risk[seen] * _given(log_survival, seen, t).mean(axis=0)
    actual, decisions = renewals.renewed[seen:], renewals.at_risk[seen:].sum()
    scores = log_score(log_survival, renewals)[:, seen:].sum(axis=1)
    return {
        "ratio": float(forecast.sum() / actual.sum()) if actual.sum() > 0 else None,
        "mae_share": float(np.abs(forecast - actual).mean() / renewals.at_risk[0]),
        "log_score": float((logsumexp(scores) - np.log(len(scores))) / decisions) if decisions > 0 else None,
    }


def _holdout(log_survival: LogSurvivalOfDraws, renewals: Renewals, seen: int, seed: int) -> list[dict[str, float]]:
    """Customers after each held-out renewal beside the forecast with its 80 % interval: of parameters and of chance."""
    t = np.arange(seen + 1.0, len(renewals.at_risk) + 1.0)
    chance = np.exp(log_retention(log_survival, t))
    random = generator(seed, "retention holdout")
    chance = chance[np.arange(PATHS) % len(chance)]
    customers, low, high = np.full(PATHS, int(renewals.at_risk[seen])), [], []
    for period in range(len(t)):
        customers = random.binomial(customers, np.clip(chance[:, period], 0.0, 1.0))
        bounds = np.quantile(customers, INTERVAL)
        low.append(float(bounds[0]))
        high.append(float(bounds[1]))
    mean = renewals.at_risk[seen] * _given(log_survival, seen, t).mean(axis=0)
    columns = {"period": t, "actual": renewals.renewed[seen:], "mean": mean, "q10": low, "q90": high}
    return [{name: float(values[k]) for name, values in columns.items()} for k in range(len(t))]


def _given(log_survival: LogSurvivalOfDraws, made: int, t: FloatArray) -> FloatArray:
    """P(at least t renewals | made of them), shape (draws, periods)."""
    return np.asarray(np.exp(log_survival(t) - log_survival(np.array([float(made)]))))


def _fit_figures(fit: ContractFit) -> dict[str, Any]:
    return {
        "parameters": {
            name: {
                "mean": float(draws.mean()),
                "q05": float(np.quantile(draws, 0.05)),
                "q95": float(np.quantile(draws, 0.95)),
            }
            for name, draws in zip(fit.law.parameters, fit.draws.T, strict=True)
        },
        "log_likelihood": fit.log_likelihood,
        "method": fit.method,
        "k_hat": fit.k_hat,
    }


def _residual(log_survival: LogSurvivalOfDraws, made: int, spec: RetentionSpec) -> dict[str, float]:
    """What a contract that has made so many renewals is still worth, by the champion fitted to all periods."""
    retention = np.exp(log_retention(log_survival, np.array([made + 1.0])))
    value = discounted_periods(log_survival, made, spec.discount_rate) * spec.value_per_period
    low, high = np.quantile(value, [0.05, 0.95])
    return {
        "renewals_made": made,
        "next_retention": float(retention.mean()),
        "expected_periods": float(expected_periods(log_survival, made, spec.horizon_periods).mean()),
        "value_mean": float(value.mean()),
        "value_q05": float(low),
        "value_q95": float(high),
    }
