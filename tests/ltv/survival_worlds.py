"""Spells with known hazards, for tests."""

from dataclasses import dataclass

import numpy as np

from farview.evaluation.spells import Spells

SHAPE, INTERCEPT = 0.7, 2.0
COEFFICIENTS = np.array([0.5, -0.8])


@dataclass(frozen=True, slots=True)
class World:
    """Weibull times ln T = INTERCEPT + x b + ..., some seen late and some not to the end."""

    spells: Spells
    covariates: np.ndarray


def world(n: int = 6000, seed: int = 2, *, delayed: bool = True, whole: bool = False) -> World:
    """About n spells: covariates a normal number and a coin, entry only of those who had lasted till it.

    `whole`: entries and stops are whole numbers, and ends are rounded up to them.
    """
    rng = np.random.default_rng(seed)
    rows = 3 * n
    x = np.column_stack([rng.normal(size=rows), rng.random(rows) < 0.4])
    lasts = np.exp(INTERCEPT + x @ COEFFICIENTS) * rng.exponential(size=rows) ** (1 / SHAPE)
    entry = rng.uniform(0, 15, rows) * (rng.random(rows) < 0.7) if delayed else np.zeros(rows)
    entry = np.floor(entry) if whole else entry
    seen = np.flatnonzero(lasts > entry)[:n]
    watched = rng.exponential(12.0, len(seen))
    stop = entry[seen] + (np.ceil(watched) if whole else watched)
    ended = lasts[seen] <= stop
    exit_ = np.where(ended, np.ceil(lasts[seen]) if whole else lasts[seen], stop)
    return World(Spells(entry[seen], exit_, ended), x[seen])
