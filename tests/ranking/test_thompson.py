"""Stated propensities of Thompson audiences against how often the audiences come about."""

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import chi2

from ranking.contenders import uniforms
from ranking.expected_value_law import Laws, laws, quantile
from ranking.thompson import propensities
from tests.tiers import examples

DRAWS = examples(ci=20_000, soak=500_000)
WORLDS = range(examples(ci=3, soak=10))


def world(seed: int, customers: int = 5) -> Laws:
    """Gamma expected values as forecasts store them, alike in size."""
    rng = np.random.default_rng(seed)
    shape = rng.uniform(0.5, 10, customers)
    draws = rng.gamma(shape, rng.uniform(0.7, 1.4, customers) / shape, (20_000, customers))
    quantiles = np.quantile(draws, [0.05, 0.1, 0.5, 0.9, 0.95], axis=0)
    return laws(draws.mean(axis=0), tuple(quantiles))


@pytest.mark.parametrize("seed", WORLDS)
def test_audiences_come_as_often_as_stated(seed: int) -> None:
    """G-test over all ordered pairs of five customers; family level .001 over the worlds."""
    of = world(seed)
    pairs = list(permutations(range(5), 2))
    stated = np.array([propensities(of, np.array(pair)).prod() for pair in pairs])
    levels = np.random.default_rng(100 + seed).random((5, DRAWS))
    drawn = np.stack(
        [quantile(Laws(np.tile(of.knots[i], (DRAWS, 1)), np.full(DRAWS, of.tail[i])), levels[i]) for i in range(5)]
    )
    best = np.argsort(-drawn, axis=0)[:2]
    seen = np.bincount(5 * best[0] + best[1], minlength=25)[[5 * i + j for i, j in pairs]]
    assert stated.sum() == pytest.approx(1, abs=2e-3)
    some = seen > 0
    statistic = 2 * np.sum(seen[some] * np.log(seen[some] / (DRAWS * stated / stated.sum())[some]))
    assert statistic < chi2.ppf(1 - 0.001 / len(WORLDS), df=len(pairs) - 1)


def test_equal_laws_are_equally_likely_at_every_place() -> None:
    one = world(1, customers=1)
    of = Laws(np.repeat(one.knots, 6, axis=0), np.repeat(one.tail, 6))
    assert propensities(of, np.arange(6)) == pytest.approx([1 / 6, 1 / 5, 1 / 4, 1 / 3, 1 / 2, 1], rel=2e-3)


def test_who_is_surely_the_best_comes_first_for_sure() -> None:
    of = laws(np.array([100.0, 1.0, 2.0]), tuple(np.array([[99.0, 1, 2]] * 5)))
    assert propensities(of, np.array([0, 2, 1])) == pytest.approx([1, 1, 1], abs=1e-3)


def test_draws_keyed_by_seed_and_customer_are_those_that_are_stated() -> None:
    of, ids = world(4), np.array([f"c{i}" for i in range(5)])
    stated = np.array([propensities(of, np.array([i]))[0] for i in range(5)])
    first = np.bincount([int(np.argmax(quantile(of, uniforms(ids, seed)))) for seed in range(4_000)], minlength=5)
    statistic = 2 * np.sum(first * np.log(np.maximum(first, 1e-300) / (4_000 * stated)))
    assert statistic < chi2.ppf(0.999, df=4)
