"""What comes back: the share of gross revenue that customers return, learnt from all of them together."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

LEAST_KEPT = 0.02  # more may have come back than was bought in a window; a forecast law is never negative


def kept_share(gross: FloatArray, net: FloatArray) -> tuple[float, float]:
    """Share of gross revenue that customers keep, and its standard error.

    Args:
        gross: revenue before returns of each customer, 0 or more, shape (customers,).
        net: the same less what they sent back.

    Returns:
        The ratio of the sums, from .02 to 1 (1 without revenue), and its error over customers by the delta method.
        Returns of the last purchases that are still to come are not in it.

    Source: ratio estimator, Cochran (1977), Sampling Techniques, 3rd edition, eq. (6.13).
    """
    total = float(gross.sum())
    if total <= 0:
        return 1.0, 0.0
    share = float(net.sum()) / total
    error = float(np.sqrt(np.square(net - share * gross).sum())) / total
    return float(np.clip(share, LEAST_KEPT, 1.0)), error
