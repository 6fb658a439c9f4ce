"""Lists of items keep every rule whatever re-ranks or explores them, and are refused only when none could."""

from math import log

import numpy as np
import pytest

from farview.core.errors import Infeasible, InvalidInput
from ranking.arrange import Arranged, Reason, arrange
from ranking.diversity import (
    RIDGE,
    AspectCoverage,
    ByScore,
    CalibratedCategories,
    DeterminantalPointProcess,
    Gain,
    MaximalMarginalRelevance,
    unit_rows,
)
from ranking.exploration import Exploration
from ranking.item_rules import NO_CATEGORY, ItemRules
from tests.ranking.item_lists import broken, longest, random_rules, some_list_keeps
from tests.tiers import examples


def relevance_of(items: int) -> np.ndarray:
    return np.arange(items, 0, -1) / items


def no_rules(items: int, **given: object) -> ItemRules:
    nothing = np.zeros(items, dtype=np.bool_)
    fields: dict[str, object] = {"hidden": nothing, "is_new": nothing, "category": np.full(items, NO_CATEGORY)}
    return ItemRules(**{**fields, **given})  # type: ignore[arg-type]


def random_gain(random: np.random.Generator, rules: ItemRules) -> Gain:
    relevance, features = relevance_of(len(rules.category)), unit_rows(random.normal(size=(len(rules.category), 3)))
    kind = int(random.integers(5))
    if kind == 0:
        return ByScore(relevance)
    if kind == 1:
        return MaximalMarginalRelevance(relevance, features, 0.5)
    if kind == 2:
        return DeterminantalPointProcess(relevance, features, 0.5)
    category = np.maximum(rules.category, 0)
    target = np.full(int(category.max()) + 1, 1 / (int(category.max()) + 1))
    return (CalibratedCategories if kind == 3 else AspectCoverage)(relevance, category, target, 0.5)


def by_score(rules: ItemRules, most: int, explore: Exploration | None = None, seed: int = 0) -> Arranged:
    relevance = relevance_of(len(rules.category))
    return arrange(relevance, rules, ByScore(relevance), most, explore=explore, seed=seed)


def test_random_requests_break_no_rule() -> None:
    random = np.random.default_rng(1)
    answered = 0
    for _ in range(examples(ci=800, soak=20_000)):
        rules = random_rules(random, int(random.integers(1, 31)))
        explore = Exploration(0.3) if random.random() < 0.5 else None
        relevance, most = relevance_of(len(rules.category)), int(random.integers(1, 31))
        try:
            arranged = arrange(relevance, rules, random_gain(random, rules), most, explore=explore, seed=answered)
        except Infeasible:
            continue
        answered += 1
        assert not broken(rules, arranged.items.tolist())
    assert answered > 100


def test_a_list_is_refused_exactly_when_none_keeps_the_rules() -> None:
    random = np.random.default_rng(2)
    for _ in range(examples(ci=250, soak=10_000)):
        rules = random_rules(random, int(random.integers(1, 8)))
        most = int(random.integers(1, 8))
        possible = some_list_keeps(rules, longest(rules, most))
        try:
            arranged = by_score(rules, most)
        except Infeasible:
            assert not possible, rules
        else:
            assert possible, rules
            assert len(arranged.items) == longest(rules, most)


def test_without_rules_the_order_is_that_of_the_scores() -> None:
    arranged = by_score(no_rules(6), 4)
    assert arranged.items.tolist() == [0, 1, 2, 3]
    assert set(arranged.reasons) == {Reason.SCORE}


def test_a_new_item_comes_no_sooner_than_it_is_due() -> None:
    rules = no_rules(6, is_new=np.array([False] * 5 + [True]), new_share=0.25)
    arranged = by_score(rules, 5)
    assert arranged.items.tolist() == [0, 1, 2, 5, 3]
    assert arranged.reasons[3] is Reason.RULE


def test_reasons_tell_pins_rules_and_the_rest() -> None:
    rules = no_rules(5, pins={1: 4}, category=np.array([0, 0, 0, 1, 1]), max_per_category=2)
    arranged = by_score(rules, 5)
    assert arranged.items.tolist() == [0, 4, 1, 3]
    assert arranged.reasons == (Reason.SCORE, Reason.PIN, Reason.SCORE, Reason.RULE)


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        (no_rules(3, pins={5: 0}), "pinned at place 6 of a list of at most 3 places"),
        (no_rules(3, pins={0: 1}, hidden=np.array([False, True, False])), "pinned at place 1 is hidden"),
        (no_rules(3, pins={2: 0}, hidden=np.array([False, True, False])), "only 2 items may be shown"),
        (no_rules(3, pins={0: 1, 1: 2}, category=np.zeros(3, int), max_per_category=1), "more than max_per_category 1"),
        (no_rules(3, new_share=0.5), "owes 1 new items in 3 places beyond those pinned, and 0 may be shown"),
        (no_rules(3, pins={0: 0}, is_new=np.array([False, True, True]), new_share=1.0), "contradict each other"),
    ],
)
def test_what_cannot_be_met_is_refused_naming_the_rules(rules: ItemRules, complaint: str) -> None:
    with pytest.raises(Infeasible, match=complaint):
        by_score(rules, 3)


def test_greedy_dpp_is_the_greedy_maximum_of_the_determinant() -> None:
    random = np.random.default_rng(3)
    features, weight = unit_rows(random.normal(size=(12, 4))), 0.4
    relevance = relevance_of(12)
    quality = np.exp(weight / (2 * (1 - weight)) * relevance)
    kernel = quality[:, None] * ((1 - RIDGE) * features @ features.T + RIDGE * np.eye(12)) * quality
    placed: list[int] = []
    while len(placed) < 12:  # three times as many as there are features
        left = [i for i in range(12) if i not in placed]
        placed.append(max(left, key=lambda i: np.linalg.slogdet(kernel[np.ix_([*placed, i], [*placed, i])])[1]))
    gain = DeterminantalPointProcess(relevance, features, weight)
    assert arrange(relevance, no_rules(12), gain, 12).items.tolist() == placed


def test_mmr_takes_the_item_least_like_those_placed() -> None:
    random = np.random.default_rng(4)
    features, relevance = unit_rows(random.normal(size=(10, 3))), relevance_of(10)
    placed: list[int] = []
    while len(placed) < 10:
        alike = [max([0.0, *(features[i] @ features[j] for j in placed)]) for i in range(10)]
        left = [i for i in range(10) if i not in placed]
        placed.append(max(left, key=lambda i: 0.3 * relevance[i] - 0.7 * alike[i]))
    gain = MaximalMarginalRelevance(relevance, features, 0.3)
    assert arrange(relevance, no_rules(10), gain, 10).items.tolist() == placed


def test_calibrated_lists_have_the_shares_wanted() -> None:
    category = np.array([0] * 30 + [1] * 20 + [2] * 10)
    gain = CalibratedCategories(relevance_of(60), category, np.array([0.5, 0.3, 0.2]), weight=0.001)
    shown = category[arrange(relevance_of(60), no_rules(60), gain, 20).items]
    assert np.bincount(shown).tolist() == [10, 6, 4]


def test_calibration_is_relevance_less_the_divergence_of_the_shares() -> None:
    gain = CalibratedCategories(np.array([1.0, 0.5]), np.array([0, 1]), np.array([0.5, 0.5]), weight=0.5)
    gain.place(0)
    smoothed = 0.99 * np.array([0.5, 0.5]) + 0.005  # with one of each
    expected = 0.5 * 0.5 - 0.5 * sum(0.5 * log(0.5 / q) for q in smoothed)
    assert gain.values()[1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_aspect_coverage_adds_what_the_items_placed_leave_unmet(seed: int) -> None:
    random = np.random.default_rng(seed)
    items, weight, shares = 9, 0.3, np.array([0.6, 0.3, 0.1])
    relevance, category = relevance_of(items), random.integers(0, 3, items)
    satisfies = [r * items / (items + 1) for r in relevance]
    placed: list[int] = []
    while len(placed) < items:

        def worth(i: int) -> float:
            unmet = np.prod([1 - satisfies[j] for j in placed if category[j] == category[i]])
            return float(weight * relevance[i] + (1 - weight) * shares[category[i]] * satisfies[i] * unmet)

        placed.append(max((i for i in range(items) if i not in placed), key=worth))
    gain = AspectCoverage(relevance, category, shares, weight)
    assert arrange(relevance, no_rules(items), gain, items).items.tolist() == placed


def test_a_wanted_category_is_covered_before_another_is_shown_twice() -> None:
    category = np.array([0, 0, 1, 2, 0, 0])
    gain = AspectCoverage(relevance_of(6), category, np.array([0.5, 0.3, 0.2]), weight=0.01)
    shown = category[arrange(relevance_of(6), no_rules(6), gain, 3).items]
    assert sorted(shown.tolist()) == [0, 1, 2]


def test_features_without_a_direction_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"items\[1\].features: have no direction"):
        unit_rows([[1.0, 0], [0, 0]])
