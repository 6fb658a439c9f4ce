"""How likely a Thompson audience was: the probability of each place, given the places before it.

Every candidate has one draw of a law of its own, independent of the others', and the draws order the list. So the first
k places are i_1, ..., i_k with probability P_k = P(X_1 > ... > X_k > all others), and place k had the probability
P_k / P_{k-1}. P_k = sum over x of A_k(x) R_k(x), where R_k(x) is the probability that all others lie below x, and A_k,
the law of X_k while X_1 > ... > X_k, follows from A_{k-1} by one pass: A_k(x) = f_k(x) P(A_{k-1} above x).
"""

import numpy as np
from numpy.typing import NDArray

from ranking.expected_value_law import LEVELS, Laws

FloatArray = NDArray[np.float64]

_NODES = 2_048
_PROBES = np.concatenate(
    [np.linspace(0.0, LEVELS[-1], 48), 1.0 - (1.0 - LEVELS[-1]) * np.exp(-np.arange(0.5, 24.0, 0.5))]
)
"""Levels at which every law is looked at to find where draws lie; densely in the tail, as the first places do."""


def propensities(laws: Laws, order: NDArray[np.int64]) -> FloatArray:
    """The probability of each place, given those before it.

    Args:
        laws: of all candidates.
        order: shape (places,), which candidates stand in the list, first place first.

    Returns:
        Shape (places,), in [0, 1]. Right to two thousandths of itself: integrals are sums over 2,048 cells.
    """
    nodes = _nodes(laws, len(order))
    below = _cdf(laws, nodes)  # (candidates, nodes)
    middle = 0.5 * (below[:, 1:] + below[:, :-1])
    mass = np.diff(below, axis=1)
    nowhere = middle == 0  # a law that begins further up
    logs = np.log(np.where(nowhere, 1.0, middle))
    others, missing = logs.sum(axis=0), nowhere.sum(axis=0)
    before, found = 0.0, np.empty(len(order))
    above, scale = np.ones(mass.shape[1]), 0.0  # P(X_{k-1} above the cell's middle), and what it was divided by
    for k, i in enumerate(order):
        others, missing = others - logs[i], missing - nowhere[i]
        here = mass[i] * above
        likely = (here > 0) & (missing == 0)
        if not likely.any():  # no audience that draws could make
            found[k:] = 0.0
            break
        terms = np.log(here[likely]) + others[likely]
        whole = terms.max() + np.log(np.exp(terms - terms.max()).sum()) + scale
        found[k] = np.exp(min(whole - before, 0.0))
        before = whole
        beyond = here[::-1].cumsum()[::-1]
        above = beyond - 0.5 * here
        scale, above = scale + np.log(above.max()), above / above.max()
    return found


def _cdf(laws: Laws, x: FloatArray) -> FloatArray:
    """P(draw <= x) of each law, (candidates, nodes)."""
    found = np.empty((len(laws.tail), len(x)))
    for i, (knots, tail) in enumerate(zip(laws.knots, laws.tail, strict=True)):
        found[i] = np.interp(x, knots, LEVELS, left=0.0)
        over = x > knots[-1] if tail > 0 else x >= knots[-1]
        excess = (x[over] - knots[-1]) / tail if tail > 0 else np.full(np.count_nonzero(over), np.inf)
        found[i, over] = 1.0 - (1.0 - LEVELS[-1]) * np.exp(-excess)
    return found


def _nodes(laws: Laws, places: int) -> FloatArray:
    """Edges of the cells: half of them where the draws of the first places lie, the others evenly among all draws."""
    body = [np.interp(_PROBES, LEVELS, knots) for knots in laws.knots]
    deep = np.maximum(_PROBES - LEVELS[-1], 0.0) / (1.0 - LEVELS[-1])
    with np.errstate(divide="ignore"):
        depth = -np.log(np.maximum(1.0 - deep, 1e-300))
    points = np.sort((np.array(body) + laws.tail[:, None] * depth).ravel())
    first = points[-min(len(points), (4 * places + 50) * len(_PROBES)) :]
    high = first[(np.linspace(0, 1, _NODES // 2) * (len(first) - 1)).astype(np.int64)]
    low = points[(np.linspace(0, 1, _NODES // 2) * (len(points) - 1)).astype(np.int64)]
    edges = np.unique(np.concatenate([low, high]))
    if len(edges) < _NODES:  # a few laws, or many alike
        edges = np.interp(np.linspace(0, len(edges) - 1, _NODES), np.arange(len(edges)), edges)
    margin = 1e-9 * max(abs(edges[0]), abs(edges[-1]), 1.0)
    return np.concatenate([[edges[0] - margin], edges, [edges[-1] + margin]])
