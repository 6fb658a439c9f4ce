"""Greedy DPP: 1,000 of 5,000 items with 100 features, beside the published algorithm and the naive one.

`python -m benchmarks.greedy_dpp`. The published one is Algorithm 1 of Chen, Zhang, Zhou (2018) in numpy, on the same
kernel matrix; the naive one takes a determinant for each item and place, so it is timed for a few places and scaled by
what its later places cost (the cube of the list's length).
"""

import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from ranking.arrange import arrange
from ranking.diversity import RIDGE, DeterminantalPointProcess, unit_rows
from ranking.item_rules import NO_CATEGORY, ItemRules

ITEMS, FEATURES, PLACES, WEIGHT = 5_000, 100, 1_000, 0.5
NAIVE_ITEMS, NAIVE_PLACES = 500, 20


def main() -> None:
    random = np.random.default_rng(1)
    features, relevance = unit_rows(random.normal(size=(ITEMS, FEATURES))), np.arange(ITEMS, 0, -1) / ITEMS
    published_seconds, expected = timed(lambda: published(kernel(features, relevance), PLACES))
    our_seconds, placed = timed(lambda: ours(features, relevance, PLACES))
    few = slice(0, NAIVE_ITEMS)
    naive_seconds, _ = timed(lambda: naive(kernel(features[few], relevance[few]), NAIVE_PLACES))
    least = naive_seconds * ITEMS / NAIVE_ITEMS * PLACES / NAIVE_PLACES  # though later places cost ever more
    table = Table("greedy DPP, 1,000 of 5,000", "seconds of processor", "times ours")
    table.add_row("farview (with rules)", f"{our_seconds:.2f}", "1.0")
    table.add_row(
        "published, numpy, kernel included", f"{published_seconds:.2f}", f"{published_seconds / our_seconds:.1f}"
    )
    table.add_row("naive, at least", f"{least:,.0f}", f"{least / our_seconds:,.0f}")
    Console().print(table)
    Console().print(f"the first {agreement(placed, expected):,} places are the same")


def ours(features: np.ndarray, relevance: np.ndarray, places: int) -> list[int]:
    """The way that RankItems goes."""
    nothing = np.zeros(len(relevance), dtype=np.bool_)
    rules = ItemRules(nothing, np.full(len(relevance), NO_CATEGORY), nothing)
    gain = DeterminantalPointProcess(relevance, features, WEIGHT)
    return arrange(relevance, rules, gain, places).items.tolist()


def kernel(features: np.ndarray, relevance: np.ndarray) -> np.ndarray:
    """L, shape (items, items)."""
    quality = np.exp(WEIGHT / (2 * (1 - WEIGHT)) * relevance)
    alike = (1 - RIDGE) * features @ features.T + RIDGE * np.eye(len(features))
    return quality[:, None] * alike * quality


def published(matrix: np.ndarray, places: int) -> list[int]:
    """Algorithm 1: a growing Cholesky factor, O(items x places) a place."""
    factors, volume = np.zeros((places, len(matrix))), np.diag(matrix).copy()
    chosen = [int(np.argmax(volume))]
    while len(chosen) < places:
        k, last = len(chosen) - 1, chosen[-1]
        factors[k] = (matrix[last] - factors[:k, last] @ factors[:k]) / np.sqrt(volume[last])
        volume -= factors[k] ** 2
        volume[last] = -np.inf
        chosen.append(int(np.argmax(volume)))
    return chosen


def naive(matrix: np.ndarray, places: int) -> list[int]:
    """A determinant for each item left, at each place."""
    chosen: list[int] = []
    while len(chosen) < places:
        left = [i for i in range(len(matrix)) if i not in chosen]
        chosen.append(max(left, key=lambda i: np.linalg.slogdet(matrix[np.ix_([*chosen, i], [*chosen, i])])[1]))
    return chosen


def timed(work: Callable[[], list[int]]) -> tuple[float, list[int]]:
    """Seconds of processor time, and what came of it."""
    began = time.process_time()
    found = work()
    return time.process_time() - began, found


def agreement(first: list[int], second: list[int]) -> int:
    """Length of the common beginning."""
    return next((n for n, (a, b) in enumerate(zip(first, second, strict=True)) if a != b), len(first))


if __name__ == "__main__":
    main()
