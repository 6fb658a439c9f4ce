"""Beta-discrete-Weibull (BdW): as the shifted beta-geometric, but a customer's own chance to leave changes with tenure.

S(t | p) = (1 - p)^(t^c): with c > 1 a contract is given up ever more easily as it ages, with c < 1 ever less; c = 1 is
the shifted beta-geometric. p varies over customers by Beta(gamma, delta).

Source: Fader, Hardie, Liu, Davin, Steenburgh (2018), "How to Project Customer Retention" Revisited: The Role of
Duration Dependence, Journal of Interactive Marketing 43, 1-16.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, digamma

from ltv.renewals import Renewals, log_score

FloatArray = npt.NDArray[np.float64]

NAME = "beta_discrete_weibull"
PARAMETERS = ("gamma", "delta", "c")
LARGEST_POWER = 1e290


def log_survival(draws: FloatArray, t: FloatArray) -> FloatArray:
    """log S(t) = log B(gamma, delta + t^c) / B(gamma, delta), eq. (4).

    Args:
        draws: (S, 3) gamma, delta, c, all positive.
        t: renewals, 0 or more, shape (periods,).

    Returns:
        Shape (S, periods).
    """
    gamma, delta, c = draws[:, 0:1], draws[:, 1:2], draws[:, 2:3]
    return np.asarray(betaln(gamma, delta + _power(t, c)) - betaln(gamma, delta))


def log_likelihood(draws: FloatArray, renewals: Renewals) -> FloatArray:
    """Of all renewal decisions, shape (S,)."""
    return np.asarray(log_score(lambda t: log_survival(draws, t), renewals).sum(axis=1))


def log_likelihood_and_gradient(params: FloatArray, renewals: Renewals) -> tuple[float, FloatArray]:
    """The same at one (gamma, delta, c), and its gradient with respect to them, shape (3,).

    With z = delta + t^c: d log S / d gamma = psi(gamma + delta) - psi(gamma + z); d / d delta and d / d c go by
    psi(z) - psi(gamma + z). A renewal adds the slope of log r, a loss -r / (1 - r) times it.
    """
    gamma, delta, c = params
    t = np.arange(len(renewals.at_risk) + 1.0)
    lost = renewals.at_risk - renewals.renewed
    with np.errstate(all="ignore"):  # far out, where a sampler may look, nothing is finite
        power = _power(t, np.array([c]))
        both = digamma(gamma + delta + power)
        level = digamma(delta + power) - both
        stretch = power * np.log(np.maximum(t, 1.0))
        slopes = np.diff(np.stack([-both, level, level * stretch]))  # of log r_t; what does not depend on t falls out
        log_kept = np.diff(log_survival(params[None], t)[0])
        odds = np.where(lost > 0, -1.0 / np.expm1(-log_kept), 0.0)
        gradient = slopes @ (renewals.renewed + lost * odds)
        value = float(log_likelihood(params[None], renewals)[0])
    return (value, gradient) if np.all(np.isfinite(gradient)) else (-np.inf, np.zeros(3))


def _power(t: FloatArray, c: FloatArray) -> FloatArray:
    """t^c, at most 1e290: nobody stays so long, and the logarithms of S stay finite."""
    with np.errstate(over="ignore"):
        return np.minimum(np.power(t, c), LARGEST_POWER)
