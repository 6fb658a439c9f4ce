"""Pareto-smoothed importance sampling: tame the largest weights and say whether they can be trusted.

Sources: Vehtari, Simpson, Gelman, Yao, Gabry (2024), Pareto Smoothed Importance Sampling, JMLR 25(72); the fit of the
generalised Pareto shape is Zhang, Stephens (2009), Technometrics 51(3), with their weak prior towards 1/2.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def highest_trusted_k(draws: int) -> float:
    """min(1 - 1/log10 S, .7): the shape up to which S smoothed draws can be relied on (Vehtari et al., section 3)."""
    return min(1 - 1 / np.log10(draws), 0.7)


def effective_size(weights: FloatArray) -> float:
    """Effective number of draws, 1 / sum of squared normalised weights."""
    return float(weights.sum() ** 2 / np.sum(weights**2))


def smooth(log_ratios: FloatArray) -> tuple[FloatArray, float]:
    """Weights from log importance ratios, the tail replaced by quantiles of the Pareto fitted to it.

    Args:
        log_ratios: (S,), -inf allowed.

    Returns:
        Weights (S,) summing to 1, and k-hat, the estimated shape; infinite when too few ratios are positive to tell.
    """
    ratios = np.exp(log_ratios - np.max(log_ratios))
    size = len(ratios)
    tail = int(np.ceil(min(0.2 * size, 3 * np.sqrt(size))))
    order = np.argsort(ratios, kind="stable")
    cutoff, above = ratios[order[-tail - 1]], order[-tail:]
    if tail < 5 or not cutoff > 0:
        return ratios / ratios.sum(), float("inf")
    exceedance = ratios[above] - cutoff
    if exceedance[-1] < 1e-12 * cutoff:  # all equal: the proposal is the target
        return ratios / ratios.sum(), float("-inf")
    k, scale = _fit_pareto(exceedance[exceedance > 0])
    levels = (np.arange(tail) + 0.5) / tail
    quantiles = -scale * np.log1p(-levels) if k == 0 else scale * np.expm1(-k * np.log1p(-levels)) / k
    ratios[above] = np.minimum(cutoff + quantiles, 1.0)  # 1 is the largest raw ratio
    return ratios / ratios.sum(), k


def _fit_pareto(exceedances: FloatArray) -> tuple[float, float]:
    """Shape k and scale of a generalised Pareto, from exceedances in ascending order.

    Zhang and Stephens: the profile likelihood in theta = -k / scale, averaged over a grid.
    """
    x, n = exceedances, len(exceedances)
    grid = 30 + int(np.sqrt(n))
    quartile = x[int(n / 4 + 0.5) - 1]
    steps = 1 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    theta = 1 / x[-1] + steps / (3 * quartile)
    shape = np.mean(np.log1p(-theta[:, None] * x), axis=1)
    profile = n * (np.log(-theta / shape) - shape - 1)
    posterior = 1 / np.sum(np.exp(profile[None, :] - profile[:, None]), axis=1)
    best = float(np.sum(theta * posterior))
    k = float(np.mean(np.log1p(-best * x)))
    scale = -k / best
    return (n * k + 10 * 0.5) / (n + 10), scale
