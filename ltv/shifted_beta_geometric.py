"""Shifted beta-geometric (sBG): each contract is given up at every renewal with a chance of its own.

Chances vary over customers by Beta(alpha, beta), so those who stay are ever more loyal: retention rises with tenure
although nobody changes.

Source: Fader, Hardie (2007), How to Project Customer Retention, Journal of Interactive Marketing 21(1), 76-90 (FH7);
Fader, Hardie (2010), Customer-Base Valuation in a Contractual Setting, Marketing Science 29(1), 85-93 (FH10).
"""

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, hyp2f1

from ltv.renewals import Renewals

FloatArray = npt.NDArray[np.float64]

NAME = "shifted_beta_geometric"
PARAMETERS = ("alpha", "beta")


def log_survival(draws: FloatArray, t: FloatArray) -> FloatArray:
    """log S(t) = log B(alpha, beta + t) / B(alpha, beta).

    Args:
        draws: (S, 2) alpha, beta, all positive.
        t: renewals, 0 or more, shape (periods,).

    Returns:
        Shape (S, periods).

    Source: FH7 eq. (6).
    """
    alpha, beta = draws[:, 0:1], draws[:, 1:2]
    return np.asarray(betaln(alpha, beta + t) - betaln(alpha, beta))


def log_likelihood(draws: FloatArray, renewals: Renewals) -> FloatArray:
    """Of all renewal decisions, shape (S,): r_t = (beta + t - 1) / (alpha + beta + t - 1), FH7 eq. (8)."""
    alpha, beta = draws[:, 0:1], draws[:, 1:2]
    stay = beta + np.arange(len(renewals.at_risk))
    lost = renewals.at_risk - renewals.renewed
    return np.asarray(
        np.log(stay) @ renewals.renewed + np.log(alpha)[:, 0] * lost.sum() - np.log(alpha + stay) @ renewals.at_risk
    )


def log_likelihood_and_gradient(params: FloatArray, renewals: Renewals) -> tuple[float, FloatArray]:
    """The same at one (alpha, beta), and its gradient with respect to them, shape (2,)."""
    alpha, beta = params
    stay = beta + np.arange(len(renewals.at_risk))
    lost = float((renewals.at_risk - renewals.renewed).sum())
    either = float((renewals.at_risk / (alpha + stay)).sum())
    gradient = np.array([lost / alpha - either, float((renewals.renewed / stay).sum()) - either])
    return float(log_likelihood(params[None], renewals)[0]), gradient


def expected_periods_for_ever(draws: FloatArray, renewals: int) -> FloatArray:
    """Expected renewals still to come without end or discount: (beta + n) / (alpha - 1), infinite where alpha <= 1.

    Shape (S,). The mean of (1 - p) / p over the Beta(alpha, beta + n) of a contract that has made n renewals.
    """
    alpha, beta = draws[:, 0], draws[:, 1]
    finite = alpha > 1.0
    return np.where(finite, (beta + renewals) / np.where(finite, alpha - 1.0, 1.0), np.inf)


def discounted_periods(draws: FloatArray, renewals: int, discount_rate: float) -> FloatArray:
    """Discounted expected residual lifetime in closed form, shape (S,); see `renewals.discounted_periods`.

    Source: FH10 eq. (6), with n - 1 = renewals.
    """
    alpha, beta = draws[:, 0], draws[:, 1] + renewals
    series = hyp2f1(1.0, beta + 1.0, alpha + beta + 1.0, 1.0 / (1.0 + discount_rate))
    return np.asarray(beta / (alpha + beta) * series)
