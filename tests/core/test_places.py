"""Places of names among others, against a dictionary."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.places import places_among
from tests.tiers import examples

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=5)


@given(st.sets(NAMES), st.lists(NAMES))
@settings(max_examples=examples(ci=200, soak=20_000))
def test_each_name_is_found_where_it_stands_and_no_other(known: set[str], asked: list[str]) -> None:
    ordered = sorted(known)
    at = {name: place for place, name in enumerate(ordered)}
    some = [*asked, *ordered[::2]]
    assert places_among(np.array(ordered, dtype=np.str_), some).tolist() == [at.get(name, -1) for name in some]


def test_a_name_that_begins_as_a_known_one_is_not_taken_for_it() -> None:
    assert places_among(np.array(["ab", "cd"]), ["abc", "cd"]).tolist() == [-1, 1]


def test_arrays_of_objects_are_looked_up_as_lists_are() -> None:
    assert places_among(np.array(["a", "b"]), np.array(["b", "x", "a"], dtype=object)).tolist() == [1, -1, 0]
