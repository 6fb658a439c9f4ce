"""Feasible or not, and why not."""

from dataclasses import replace
from itertools import combinations
from random import Random

import pytest

from farview.core.errors import Infeasible, InvalidInput
from journeys.constraints import Constraints, compile_rules
from tests.journeys.strategies import constraints, permitted
from tests.tiers import examples

CHANNELS = ("call", "email", "push", "sms")


def feasible(rules: Constraints) -> bool:
    try:
        compile_rules(rules, CHANNELS)
    except Infeasible:
        return False
    return True


def test_rules_are_feasible_exactly_when_some_sequence_keeps_to_them():
    random = Random(1)
    for _ in range(examples(ci=300, soak=10_000)):
        rules = constraints(random, CHANNELS, 4)
        assert feasible(rules) == bool(permitted(rules, CHANNELS)), rules


def without_one(rules: Constraints, words: str) -> Constraints:
    """The rules less the one that those words name."""
    first, *rest = words.split()
    match (first, rest):
        case ("no", ["consent", "to", name]):
            return replace(rules, denied=rules.denied - {name})
        case ("no", [name, "at", "position", number]):
            return replace(rules, forbidden=rules.forbidden - {(int(number), name)})
        case ("at", ["most", _, "touches"]):
            return replace(rules, max_touches=12)
        case ("at", ["least", _, "touches"]):
            return replace(rules, min_touches=0)
        case ("at", ["most", _, "of", name]):
            return replace(rules, caps={other: cap for other, cap in rules.caps.items() if other != name})
        case (_, ["at", "position", number]):
            return replace(rules, fixed={other: name for other, name in rules.fixed.items() if other != int(number)})
    raise AssertionError(words)


def conflict(rules: Constraints) -> list[str]:
    with pytest.raises(Infeasible) as caught:
        compile_rules(rules, CHANNELS)
    return str(caught.value).removeprefix("no plan keeps to all of: ").split("; ")


def test_an_infeasible_request_names_a_set_of_rules_that_contradict_each_other():
    random, seen = Random(2), 0
    while seen < examples(ci=150, soak=8_000):
        rules = constraints(random, CHANNELS, 4)
        if feasible(rules):
            continue
        seen += 1
        only = Constraints(max_touches=12)
        for words in conflict(rules):
            only = with_one(only, rules, words)
        assert not feasible(only), rules


def with_one(only: Constraints, rules: Constraints, words: str) -> Constraints:
    """`only` and the one of the rules that those words name."""
    rest = without_one(rules, words)
    return replace(
        only,
        max_touches=rules.max_touches if rest.max_touches != rules.max_touches else only.max_touches,
        min_touches=rules.min_touches if rest.min_touches != rules.min_touches else only.min_touches,
        fixed={**only.fixed, **{p: name for p, name in rules.fixed.items() if p not in rest.fixed}},
        forbidden=only.forbidden | (rules.forbidden - rest.forbidden),
        caps={**only.caps, **{name: cap for name, cap in rules.caps.items() if name not in rest.caps}},
        denied=only.denied | (rules.denied - rest.denied),
    )


def test_no_rule_can_be_left_out_of_a_named_conflict():
    random, seen = Random(3), 0
    while seen < examples(ci=150, soak=8_000):
        rules = constraints(random, CHANNELS, 4)
        if feasible(rules):
            continue
        seen += 1
        named = conflict(rules)
        for rest in combinations(named, len(named) - 1):
            only = Constraints(max_touches=12)
            for words in rest:
                only = with_one(only, rules, words)
            assert feasible(only), (rules, named, rest)


def test_a_fixed_position_beyond_the_longest_plan_is_named_with_it():
    rules = Constraints(max_touches=2, fixed={3: "email"})
    assert conflict(rules) == ["at most 2 touches", "email at position 3"]


def test_consent_against_a_fixed_position_is_named():
    rules = Constraints(max_touches=5, fixed={3: "sms"}, denied=frozenset({"sms", "call"}), caps={"email": 1})
    assert conflict(rules) == ["no consent to sms", "sms at position 3"]


def test_an_unknown_channel_is_a_wrong_field():
    with pytest.raises(InvalidInput, match=r"constraints.caps: no channel 'fax' \(known: call, email, push, sms\)"):
        compile_rules(Constraints(max_touches=3, caps={"fax": 1}), CHANNELS)


def test_every_wrong_field_is_named_at_once():
    rules = Constraints(max_touches=0, fixed={0: "email"}, caps={"email": -1})
    with pytest.raises(InvalidInput) as caught:
        compile_rules(rules, CHANNELS)
    fields = [violation.field for violation in caught.value.violations]
    assert fields == ["constraints.max_touches", "constraints.fixed", "constraints.caps"]


def test_a_plan_without_any_rule_is_feasible():
    assert feasible(Constraints(max_touches=1))
