"""Forecasts of customers who may buy thousands of times, or spend too regularly for the lattice of `kernel_value`.

Rare, so written for any size rather than for speed (some 10 ms a customer and horizon): moments of the count and its
law at a few hundred counts as the purchase process has them, the law of value by convolving log(spend noise x count)
with log(1 / nu) in bins.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammainc, gammaln, ndtr

from farview.core.cell_points import points_of
from ltv import large_beta_dropout, large_bg_bb, large_pareto_nbd
from ltv.count_law import NEVER, CountLaw
from ltv.kernel_beta_dropout import BetaDropout
from ltv.kernel_bg_bb import BgBb
from ltv.kernel_pareto_nbd import ParetoNbd
from ltv.kernel_process import PurchaseDraws, observe, survival
from ltv.kernel_purchases import LARGEST_COUNT, History, State, Survival
from ltv.kernel_rows import COUNTS_LARGE, FEWEST_MOMENTS, READY, Asked, PurchaseLaws, Rows, Spend, ValueLaws
from ltv.kernel_value import SpendNodes
from ltv.tables import Tables

FloatArray = npt.NDArray[np.float64]

BINS = 1024
# Moments and law of each process.
_OF_DRAWS = {BetaDropout: large_beta_dropout, ParetoNbd: large_pareto_nbd, BgBb: large_bg_bb}


def forecast_large(i: int, rows: Rows, tables: Tables, asked: Asked, into: tuple[PurchaseLaws, ValueLaws]) -> None:
    """Completes row i of the first two passes wherever its status is not READY, totals included."""
    laws, values = into
    model, nodes = tables.whole_numbers()
    draws = model.purchases
    process = _OF_DRAWS[type(draws)]
    amounts_and_days = (float(column[i]) for column in (rows.recency, rows.age, rows.spent, rows.first))
    history = History(int(rows.frequency[i]), *amounts_and_days)
    state = State(np.empty(tables.draws), np.empty(tables.draws))
    observe(history, draws, state)
    for h in np.flatnonzero(laws.status[i] != READY):
        horizon = float(asked.horizons[h])
        if laws.status[i, h] == COUNTS_LARGE:
            first, second = (state.alive * moment for moment in process.moments(history, horizon, draws))
            law = process.law(history, horizon, state.alive, draws)
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


def _exact_law(history: History, horizon: float, state: State, draws: PurchaseDraws) -> CountLaw:
    """The survival function that the kernel stepped through."""
    at_least = np.zeros(LARGEST_COUNT + 2)
    length = survival(history, horizon, state, draws, Survival(at_least, *np.empty((6, len(state.alive)))))
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
        shape = nodes.q + nodes.p * history.x + nodes.first_shape * (history.first > 0.0)
        rate = nodes.v + history.spent + nodes.first_weight * history.first
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
    p, q, v, first_shape, first_weight = spend
    moments = q + p * history.x + first_shape * (history.first > 0.0)
    scale = v + history.spent + first_weight * history.first
    value = first * p * scale / (moments - 1.0)
    squared = (
        scale * scale / ((moments - 1.0) * np.maximum(moments - 2.0, FEWEST_MOMENTS - 2.0)) * p * (first + p * second)
    )
    return np.stack([first, second - first * first, value, np.maximum(squared - value * value, 0.0)])
