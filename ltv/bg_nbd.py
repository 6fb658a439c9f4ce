"""BG/NBD: purchases while alive are Poisson, a customer may drop out for good after each purchase.

Rates vary over customers by Gamma(r, alpha), dropout probabilities by Beta(a, b).

Sources: Fader, Hardie, Lee (2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2), 275-284 (FHL);
their note 004 (2019), a step-by-step derivation in log-sum-exp form. Everything here is a formula over arrays; the
likelihood that fitting uses, on unique weighted rows, is in `bg_nbd_likelihood`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, expit, gammaln

from farview.core.errors import InvalidInput
from ltv.bg_nbd_expectation import expected_purchases_of_rows

FloatArray = npt.NDArray[np.float64]
Floats = float | FloatArray


@dataclass(frozen=True, slots=True)
class BgNbd:
    """Parameters; floats, or arrays such as (draws, 1) that broadcast against rows."""

    r: Floats  # shape of purchase rates
    alpha: Floats  # inverse scale of purchase rates, in the unit of time of the histories
    a: Floats  # shapes of dropout probabilities
    b: Floats

    @classmethod
    def of_draws(cls, draws: FloatArray) -> "BgNbd":
        """Parameters of shape (draws, 1) from a (draws, 4) array."""
        r, alpha, a, b = (draws[:, i : i + 1] for i in range(4))
        return cls(r, alpha, a, b)


@dataclass(frozen=True, slots=True)
class Histories:
    """Customers as the model sees them, each array of shape (rows,), in any one unit of time."""

    frequency: FloatArray  # x: purchases after the first
    recency: FloatArray  # t_x: from the first purchase to the last
    age: FloatArray  # T: from the first purchase to now

    def __post_init__(self) -> None:
        x, recency, age = self.frequency, self.recency, self.age
        bad = ~((x >= 0) & (x == np.floor(x)) & (recency >= 0) & (age >= recency) & np.isfinite(age))
        if np.any(bad):
            i = int(np.flatnonzero(bad)[0])
            raise InvalidInput.of(
                f"rows[{i}]", "needs a count of purchases and 0 <= recency <= age, all finite; got "
                f"(frequency, recency, age) = ({x[i]:g}, {recency[i]:g}, {age[i]:g})"
            )  # fmt: skip


def log_likelihood(params: BgNbd, histories: Histories) -> FloatArray:
    """Log-likelihood of each history, natural log, per customer.

    Returns:
        Shape (rows,), or (draws, rows) for parameters of shape (draws, 1).

    Source: FHL eq. (6), in the form of note 004: A1 + A2 + log(exp(A3) + [x > 0] exp(A4)).
    """
    r, alpha, a, b = params.r, params.alpha, params.a, params.b
    x, age = histories.frequency, histories.age
    shared = gammaln(r + x) - gammaln(r) + betaln(a, b + x) - betaln(a, b)
    alive = -r * np.log1p(age / alpha) - x * np.log(alpha + age)
    return np.asarray(shared + alive + np.logaddexp(0.0, _log_odds_of_dropout(params, histories)))


def probability_alive(params: BgNbd, histories: Histories) -> FloatArray:
    """Probability that a customer has not dropped out by T; 1 without a repeat purchase.

    Returns:
        Shape (rows,) or (draws, rows), in (0, 1].

    Source: Fader, Hardie, Lee (2008), "Computing P(alive) Using the BG/NBD Model" (note 021), eq. (1).
    """
    return np.asarray(expit(-_log_odds_of_dropout(params, histories)))


def expected_purchases(params: BgNbd, histories: Histories, horizon: Floats) -> FloatArray:
    """Expected purchases in (T, T + horizon] given the history, horizon in the histories' unit of time, 0 or more.

    Returns:
        Shape (rows,) or (draws, rows).

    Source: FHL eq. (10), summed in the forms that `bg_nbd_expectation` derives.
    """
    shapes = np.broadcast_arrays(
        np.asarray(params.r + histories.frequency),
        np.asarray(params.alpha + histories.age),
        np.asarray(params.a),
        np.asarray(params.b + histories.frequency),
        np.asarray(horizon, dtype=np.float64),
    )
    flat = [np.array(shape, dtype=np.float64).reshape(-1) for shape in shapes]
    while_alive = expected_purchases_of_rows(*flat).reshape(shapes[0].shape)
    return np.asarray(while_alive * probability_alive(params, histories))


def purchase_pmf(params: BgNbd, horizon: float, n_max: int) -> FloatArray:
    """P(N = n), n = 0..n_max, of purchases within `horizon` after a purchase that did not end the customer's life.

    Of a customer known to be alive with history (x, T): parameters (r + x, alpha + T, a, b + x). Each scalar.

    Returns:
        Shape (n_max + 1,).

    Source: FHL eq. (8), with B(a, b + n)/B(a, b) and the negative binomial built by recurrence.
    """
    n = np.arange(n_max + 1)
    stay = np.cumprod(np.r_[1.0, (params.b + n[:-1]) / (params.a + params.b + n[:-1])])  # E (1 - p)^n
    z = horizon / (params.alpha + horizon)
    log_nb = gammaln(params.r + n) - gammaln(params.r) - gammaln(n + 1.0) + params.r * np.log1p(-z)
    nb = np.exp(log_nb + n * np.log(z)) if z > 0 else (n == 0).astype(np.float64)
    at_least = 1.0 - np.r_[0.0, np.cumsum(nb)[:-1]]  # P(n opportunities to buy or more)
    dropped = np.r_[0.0, -np.diff(stay)] * np.maximum(at_least, 0.0)
    return np.asarray(stay * nb + dropped)


def _log_odds_of_dropout(params: BgNbd, histories: Histories) -> FloatArray:
    """log (1 - P(alive)) / P(alive): log a/(b+x-1) + (r+x) log (alpha+T)/(alpha+t_x), -inf without repeat purchases."""
    x = histories.frequency
    waited = np.log1p(histories.age / params.alpha) - np.log1p(histories.recency / params.alpha)
    odds = np.log(params.a) - np.log(np.where(x > 0, params.b + (x - 1), 1.0)) + (params.r + x) * waited
    return np.asarray(np.where(x > 0, odds, -np.inf))
