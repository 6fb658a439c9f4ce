"""Forecasts of customers who may buy thousands of times, or spend too regularly for the lattice of `kernel_value`.

Rare, so written for any size rather than for speed (some 10 ms a customer and horizon): moments of the count by a
one-dimensional integral over the dropout probability, its law at a few hundred counts by the incomplete beta function,
the law of value by convolving log(spend noise x count) with log(1 / nu) in bins.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaln, gammainc, gammaln, ndtr

from farview.core.cell_points import points_of
from farview.core.count_points import count_points
from ltv.kernel_purchases import LARGEST_COUNT, History, Purchases, State, Survival, observe, survival
from ltv.kernel_rows import COUNTS_LARGE, FEWEST_MOMENTS, NEVER, READY, Asked, PurchaseLaws, Rows, Spend, ValueLaws
from ltv.kernel_value import SpendNodes
from ltv.tables import Tables

FloatArray = npt.NDArray[np.float64]

DRAWS = 64  # parameter draws that the shape of a large count's law is averaged over; its moments use all
COUNTS = 192
BINS = 1024
REST = 1e-7
STEP = 0.3  # of the trapezium rule in the logit of the dropout probability: converges like e^(-9.9 / step)


@dataclass(frozen=True, slots=True)
class CountLaw:
    """P(N >= n) at rising n that start with 1; all integers from n[k] up to n[k + 1] share one probability."""

    n: FloatArray
    at_least: FloatArray  # the last is 0

    def quantiles_given_some(self, levels: FloatArray) -> FloatArray:
        """Of N + U given N > 0, U uniform on [-1/2, 1/2]."""
        return np.interp(levels, 1.0 - self.at_least / max(self.at_least[0], NEVER), self.n - 0.5)

    def points(self, levels: FloatArray, mean: float) -> FloatArray:
        """Of the quantile grid, for N with that mean given N > 0."""
        if self.quantiles_given_some(levels)[-2] > LARGEST_COUNT:
            return points_of(1.0 - self.at_least / max(self.at_least[0], NEVER), self.n - 0.5, levels, mean)
        reached = np.log(np.maximum(self.at_least[:-1], NEVER))
        every = np.exp(np.interp(np.log(np.arange(1.0, LARGEST_COUNT + 1.0)), np.log(self.n[:-1]), reached, right=-1e3))
        points = np.empty(len(levels))
        count_points(np.concatenate([[1.0], every, [0.0]]), LARGEST_COUNT, mean, levels, points)
        return points

    def quantiles(self, levels: FloatArray) -> FloatArray:
        """Of N."""
        some = max(self.at_least[0], NEVER)
        inside = self.quantiles_given_some(np.maximum(levels - (1.0 - some), 0.0) / some)
        return np.where(levels <= 1.0 - some, 0.0, np.maximum(np.ceil(inside - 0.5), 1.0))


def forecast_large(i: int, rows: Rows, tables: Tables, asked: Asked, into: tuple[PurchaseLaws, ValueLaws]) -> None:
    """Completes row i of the first two passes wherever its status is not READY, totals included."""
    laws, values = into
    model, nodes = tables.whole_numbers()
    draws = model.purchases
    history = History(int(rows.frequency[i]), float(rows.recency[i]), float(rows.age[i]), float(rows.spent[i]))
    state = State(np.empty(len(draws.r)), np.empty(len(draws.r)))
    observe(history, draws, state)
    for h in np.flatnonzero(laws.status[i] != READY):
        horizon = float(asked.horizons[h])
        if laws.status[i, h] == COUNTS_LARGE:
            first, second = (state.alive * moment for moment in _moments(history, horizon, draws))
            law = _large_law(history, horizon, state.alive, draws)
            laws.moments[i, h] = first.mean(), second.mean()
            laws.columns[i, h] = law.quantiles(asked.levels.whole)
            if law.at_least[0] > NEVER:
                laws.points[i, h] = law.points(asked.levels.some, first.mean() / law.at_least[0])
            laws.totals[rows.group[i], h] += rows.copies[i] * _group_sums(history, first, second, model.spend)
        else:
            law = _exact_law(history, horizon, state, draws)
        laws.status[i, h] = READY
        some = laws.some[i, h] = law.at_least[0]
        if some > NEVER:  # else never again: the law of nothing, as the arrays hold it
            mean = laws.moments[i, h, 0] * laws.spend[i, 0] / some
            value = _ValueLaw.of(law, history, nodes, mean)
            values.points[i, h] = points_of(value.cumulative, np.exp(value.edges), asked.levels.some, mean)
            inside = np.maximum(asked.levels.whole - (1.0 - some), 0.0) / some
            values.columns[i, h] = np.where(inside > 0, value.quantiles(inside), 0.0)


def _moments(history: History, horizon: float, draws: Purchases) -> tuple[FloatArray, FloatArray]:
    """E N and E N^2 of a living customer under each draw, (S,).

    Given rate lambda and dropout probability p, with z = lambda p h: E N = (1 - e^-z) / p and
    E N (N - 1) = 2 (1 - p) (1 - (1 + z) e^-z) / p^2. Averaged over lambda ~ Gamma(k, beta) in closed form
    (E e^-z = (1 + p h / beta)^-k) and over p ~ Beta(a, b + x) by the trapezium rule in y = logit p.
    """
    a, b = draws.a[:, None], draws.b[:, None] + history.x
    k, clock = draws.r[:, None] + history.x, horizon / (draws.alpha[:, None] + history.age)
    y = np.arange(-25.0 - np.log(1.0 + b.max() + (k * clock).max()), 25.0, STEP)
    log_p, log_rest = -np.logaddexp(0.0, -y), -np.logaddexp(0.0, y)
    weight = STEP * np.exp(a * log_p + b * log_rest - betaln(a, b))
    # Beyond both ends only the weight changes, geometrically.
    weight[:, 0] /= -np.expm1(-a[:, 0] * STEP)
    weight[:, -1] /= -np.expm1(-b[:, 0] * STEP)
    p = np.exp(log_p)
    rung = p * clock
    lost = k * np.log1p(rung)
    first = -np.expm1(-lost) / p
    mean_z = k * rung
    small = mean_z < 1e-4
    twice = np.where(
        small,
        mean_z * (k + 1.0) * rung * (0.5 - (k + 2.0) * rung / 3.0),
        -np.expm1(-lost) - mean_z * np.exp(-lost - np.log1p(rung)),
    )
    pairs = 2.0 * np.exp(log_rest) * twice / (p * p)
    mean = (weight * first).sum(axis=1)
    return mean, mean + (weight * pairs).sum(axis=1)


def _large_law(history: History, horizon: float, alive: FloatArray, draws: Purchases) -> CountLaw:
    """P(N >= n) = P(alive) E(1 - p)^(n - 1) P(K >= n), with P(K >= n) an incomplete beta function."""
    some = slice(None, None, max(1, len(draws.r) // DRAWS))
    x = history.x
    shape, a, b = draws.r[some, None] + x, draws.a[some, None], draws.b[some, None] + x
    z = horizon / (draws.alpha[some, None] + history.age + horizon)
    living = alive[some, None]

    def at_least(n: FloatArray) -> FloatArray:
        stay = np.exp(betaln(a, b + n - 1.0) - betaln(a, b))
        return np.asarray((living * stay * betainc(n, shape, z)).mean(axis=0))

    mean = shape * z / (1.0 - z)
    sd = np.sqrt(mean / (1.0 - z))
    bulk = np.linspace(np.min(mean - 6.0 * sd), np.max(mean + 6.0 * sd), COUNTS // 2)
    top = float(bulk[-1])
    first = at_least(np.array([1.0]))[0]
    while at_least(np.array([top]))[0] > REST * first:
        top *= 1.5
    n = np.unique(np.round(np.concatenate([bulk[bulk > 1.0], np.geomspace(1.0, top, COUNTS // 2)])))
    reached = np.minimum.accumulate(at_least(n))
    # P(N > 0) itself averages all draws.
    exact = np.mean(alive * -np.expm1((draws.r + x) * np.log1p(-horizon / (draws.alpha + history.age + horizon))))
    return CountLaw(np.append(n, n[-1] + 1.0), np.append(reached, 0.0) * (exact / max(reached[0], NEVER)))


def _exact_law(history: History, horizon: float, state: State, draws: Purchases) -> CountLaw:
    """The survival function that the kernel stepped through."""
    at_least = np.zeros(LARGEST_COUNT + 2)
    length = survival(history, horizon, state, draws, Survival(at_least, *np.empty((6, len(draws.r)))))
    return CountLaw(np.arange(1.0, length + 2.0), at_least[1 : length + 2])


@dataclass(frozen=True, slots=True)
class _ValueLaw:
    """Law of value given some purchase: cumulative probability at edges of bins of log value."""

    edges: FloatArray
    cumulative: FloatArray

    def quantiles(self, levels: FloatArray) -> FloatArray:
        """Values at levels; level 0 is value 0."""
        return np.where(levels > 0, np.exp(np.interp(levels, self.cumulative, self.edges)), 0.0)

    @classmethod
    def of(cls, law: CountLaw, history: History, nodes: SpendNodes, exact_mean: float) -> "_ValueLaw":
        """Sum of N spends = Gamma(p N) / nu: bins of log Gamma(p N) convolved with bins of log 1 / nu."""
        p = float(nodes.p @ nodes.weight)
        edges, of_noise = _noise_bins(law, p)
        step = edges[1] - edges[0]
        # log 1/nu of each node, shifted by log(p_j / p), in bins of the same step
        shape, rate = nodes.q + nodes.p * history.x, nodes.v + history.spent
        centre = np.log(rate / shape * nodes.p / p)
        spread = np.minimum(12.0 / np.sqrt(shape) + 12.0 / shape, 40.0)
        low, high = np.min(centre - spread), np.max(centre + spread)
        cuts = low + step * np.arange(int(np.ceil((high - low) / step)) + 2)
        # 1 / nu < c means nu > 1 / c
        above = 1.0 - gammainc(shape[:, None], np.exp(np.log(rate * nodes.p / p)[:, None] - cuts))
        of_level = np.diff(nodes.weight @ above)
        mass = np.convolve(of_noise, of_level)
        log_value = edges[0] + cuts[0] + step * (np.arange(len(mass)) + 1.0)  # centre of a sum of two bins
        mass /= mass.sum()
        log_value += np.log(exact_mean) - np.log(mass @ np.exp(log_value)) if exact_mean > 0 else 0.0
        keep = mass > 0
        ends = np.append(log_value[keep] - 0.5 * step, log_value[keep][-1] + 0.5 * step)
        return cls(ends, np.append(0.0, np.cumsum(mass[keep])))


def _noise_bins(law: CountLaw, p: float) -> tuple[FloatArray, FloatArray]:
    """Edges, and probability between them, of log Gamma(p N) given N > 0; gamma by Wilson and Hilferty (1931)."""
    mass = -np.diff(law.at_least) / law.at_least[0]
    n, width = 0.5 * (law.n[:-1] + law.n[1:] - 1.0), np.diff(law.n)
    # Counts that share a probability are one gamma variable with the mean and variance of them all.
    mean, variance = p * n, p * n + p * p * (width * width - 1.0) / 12.0
    shape = mean * mean / variance
    first = int(np.searchsorted(np.cumsum(mass), 1e-3))
    low_shape = shape[first]
    low = min(np.log(mean[first]) - 4.0 / np.sqrt(low_shape), (np.log(1e-4) + gammaln(low_shape + 1.0)) / low_shape)
    high = np.log(mean[-1] + 6.0 * np.sqrt(variance[-1]))
    edges = np.linspace(max(low, high - 80.0), high, BINS + 1)
    deviate = (np.exp((edges[:, None] - np.log(mean)) / 3.0) - 1.0 + 1.0 / (9.0 * shape)) * 3.0 * np.sqrt(shape)
    below = ndtr(deviate) @ mass
    below[0], below[-1] = 0.0, 1.0
    return edges, np.diff(np.maximum.accumulate(below))


def _group_sums(history: History, first: FloatArray, second: FloatArray, spend: Spend) -> FloatArray:
    """Mean and variance of purchases and of value given each draw, (4, S)."""
    p, q, v = spend
    moments, scale = q + p * history.x, v + history.spent
    value = first * p * scale / (moments - 1.0)
    squared = (
        scale * scale / ((moments - 1.0) * np.maximum(moments - 2.0, FEWEST_MOMENTS - 2.0)) * p * (first + p * second)
    )
    return np.stack([first, second - first * first, value, np.maximum(squared - value * value, 0.0)])
