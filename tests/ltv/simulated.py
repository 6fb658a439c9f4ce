"""Customers of every family with known parameters, in units of the prior: mean ages and mean spends."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tests.ltv.cdnow import rfm_table

FloatArray = npt.NDArray[np.float64]

OPPORTUNITIES = 12  # in a mean age
MOST_PURCHASES = 5_000  # of one customer: a prior this wide now and then draws a shop that nobody ever leaves


def purchases_of(family: str, params: FloatArray, customers: int, random: np.random.Generator) -> pa.Table:
    """Histories of customers 1/2 to 3/2 mean ages old."""
    age = np.round(random.uniform(0.5, 1.5, customers), 2)
    return rfm_table([_PURCHASES[family](params, float(until), random) for until in age])


def spends_of(family: str, params: FloatArray, customers: int, random: np.random.Generator) -> pa.Table:
    """Histories of which only the spends mean something: two thirds without repeat purchases."""
    p, q, v = params[:3]
    nu = random.gamma(q, 1 / v, customers)
    x = np.where(random.random(customers) < 0.67, 0, random.geometric(0.3, customers))
    mean = np.where(x > 0, random.gamma(np.maximum(p * x, 1e-9)) / np.maximum(x, 1) / nu, 0.0)
    first = np.zeros(customers)
    if family == "first_spend":
        f, ratio = params[3:]
        first = random.gamma(f, ratio * p / (f * nu))
    return rfm_table([(int(n), float(n > 0), 1.0) for n in x], mean.tolist(), first.tolist())


def _beta_dropout(
    params: FloatArray, age: float, random: np.random.Generator, *, first_may_be_last: bool
) -> tuple[int, float, float]:
    r, alpha, a, b = params
    rate, drop = random.gamma(r, 1 / alpha), random.beta(a, b)
    if first_may_be_last and random.random() < drop:
        return 0, 0.0, age
    life = min(float(random.geometric(max(drop, 1e-12))), MOST_PURCHASES)
    arrivals = np.sort(random.uniform(0, age, min(random.poisson(rate * age), MOST_PURCHASES)))
    x = int(min(len(arrivals), life))
    return x, float(arrivals[x - 1]) if x else 0.0, age


def _bg_nbd(params: FloatArray, age: float, random: np.random.Generator) -> tuple[int, float, float]:
    return _beta_dropout(params, age, random, first_may_be_last=False)


def _mbg_nbd(params: FloatArray, age: float, random: np.random.Generator) -> tuple[int, float, float]:
    return _beta_dropout(params, age, random, first_may_be_last=True)


def _pareto_nbd(params: FloatArray, age: float, random: np.random.Generator) -> tuple[int, float, float]:
    r, alpha, s, beta = params
    rate, death = random.gamma(r, 1 / alpha), max(random.gamma(s, 1 / beta), 1e-300)
    until = min(random.exponential() / death, age)
    arrivals = random.uniform(0, until, min(random.poisson(rate * until), MOST_PURCHASES))
    return len(arrivals), float(arrivals.max(initial=0.0)), age


def _bg_bb(params: FloatArray, age: float, random: np.random.Generator) -> tuple[int, float, float]:
    """Opportunities are days, 12 to a mean age."""
    alpha, beta, gamma, delta = params
    n = int(np.ceil(OPPORTUNITIES * age))
    lives = min(int(random.geometric(max(random.beta(gamma, delta), 1e-12))) - 1, n)
    bought = np.flatnonzero(random.random(lives) < random.beta(alpha, beta)) + 1
    return len(bought), float(bought.max(initial=0)), float(n)


_PURCHASES: dict[str, Callable[[FloatArray, float, np.random.Generator], tuple[int, float, float]]] = {
    "bg_nbd": _bg_nbd,
    "mbg_nbd": _mbg_nbd,
    "pareto_nbd": _pareto_nbd,
    "bg_bb": _bg_bb,
}
