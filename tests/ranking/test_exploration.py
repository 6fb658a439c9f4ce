"""Exploration: the probabilities that are logged are those by which items are drawn."""

import numpy as np
import pytest
from scipy import stats

from farview.core.errors import InvalidInput
from ranking.arrange import arrange
from ranking.diversity import ByScore
from ranking.exploration import Exploration, probabilities
from ranking.item_rules import NO_CATEGORY, ItemRules
from tests.tiers import examples

ITEMS = 6
RELEVANCE = np.arange(ITEMS, 0, -1) / ITEMS
SPREAD = np.linspace(0.1, 0.4, ITEMS)


def rules(**given: object) -> ItemRules:
    nothing = np.zeros(ITEMS, dtype=np.bool_)
    fields: dict[str, object] = {"hidden": nothing, "is_new": nothing, "category": np.full(ITEMS, NO_CATEGORY)}
    return ItemRules(**{**fields, **given})  # type: ignore[arg-type]


def shown(asked: ItemRules, explore: Exploration, seed: int, most: int = 4) -> tuple[list[int], list[float], list[int]]:
    arranged = arrange(RELEVANCE, asked, ByScore(RELEVANCE), most, explore=explore, seed=seed)
    return arranged.items.tolist(), arranged.propensities.tolist(), arranged.supported.tolist()


@pytest.mark.parametrize(
    "explore",
    [Exploration(0.2), Exploration(1.0), Exploration(0.5, 0.4), Exploration(0.1, 1.0, SPREAD)],
    ids=["epsilon", "uniform", "bounded loss", "thompson"],
)
def test_items_are_drawn_with_the_probabilities_that_are_logged(explore: Exploration) -> None:
    # Four tests of one family, each at .001 / 4 (Bonferroni). Thompson's probabilities are those of its own draws,
    # which belong to the seed: each seed's are summed, and the sum is what the counts are held against.
    draws = examples(ci=1_500, soak=100_000)
    seen, expected, everything = np.zeros(ITEMS), np.zeros(ITEMS), np.ones(ITEMS, dtype=np.bool_)
    for seed in range(draws):
        chances = probabilities(explore, RELEVANCE, RELEVANCE, everything, seed, slot=0)
        items, propensities, _ = shown(rules(), explore, seed, most=1)
        assert propensities[0] == chances[items[0]]
        seen[items[0]] += 1
        expected += chances
    possible = expected > 0
    assert not seen[~possible].any()
    g_test = stats.power_divergence(seen[possible], expected[possible], lambda_="log-likelihood")
    assert g_test.pvalue > 0.001 / 4


def test_probabilities_of_a_slot_sum_to_one_and_keep_their_floor() -> None:
    allowed = np.array([True, True, False, True, True, False])
    chances = probabilities(Exploration(0.2, 1.0, SPREAD), RELEVANCE, RELEVANCE, allowed, seed=1, slot=0)
    assert chances.sum() == pytest.approx(1)
    assert (chances[allowed] >= 0.2 / 4).all()
    assert (chances[~allowed] == 0).all()


def test_no_item_beyond_the_loss_allowed_is_ever_shown() -> None:
    chances = probabilities(Exploration(1.0, 2 / ITEMS), RELEVANCE, RELEVANCE, np.ones(ITEMS, np.bool_), 1, 0)
    assert (chances > 0).tolist() == [True, True, True, False, False, False]


def test_a_forced_slot_has_propensity_one_and_no_support() -> None:
    new = np.array([False] * 5 + [True])
    items, propensities, supported = shown(rules(pins={1: 3}, is_new=new, new_share=1 / 3), Exploration(1.0), seed=5)
    assert (items[1], propensities[1], supported[1]) == (3, 1.0, 1)
    if 5 not in items[:1]:
        assert (items[2], propensities[2], supported[2]) == (5, 1.0, 1)


def test_the_same_seed_draws_the_same_list() -> None:
    assert shown(rules(), Exploration(0.5), seed=3) == shown(rules(), Exploration(0.5), seed=3)


@pytest.mark.parametrize(("epsilon", "loss"), [(0.0, 1.0), (1.1, 1.0), (0.5, -0.1), (0.5, float("nan"))])
def test_what_is_no_probability_is_refused(epsilon: float, loss: float) -> None:
    with pytest.raises(InvalidInput, match="exploration"):
        Exploration(epsilon, loss)
