"""Kaplan-Meier with delayed entry: published figures, the peer's figures, and what delayed entry is for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.errors import InvalidInput
from farview.evaluation.kaplan_meier import kaplan_meier, still_watched
from farview.evaluation.spells import Spells
from tests.tiers import examples

# Freireich et al. (1963): weeks of remission under 6-mercaptopurine; negative: still in remission.
WEEKS = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35]


def remission() -> Spells:
    weeks = np.array(WEEKS, np.float64)
    return Spells.watched_from_the_beginning(np.abs(weeks), weeks > 0)


@st.composite
def watched(draw: st.DrawFn) -> Spells:
    """Spells on a coarse clock, so that ends, stops and entries tie."""
    rows = draw(st.lists(st.tuples(st.integers(0, 8), st.integers(1, 6), st.booleans()), min_size=1, max_size=40))
    entry, length, ended = (np.array(column) for column in zip(*rows, strict=True))
    return Spells(entry.astype(np.float64), (entry + length).astype(np.float64), ended)


def test_remission_under_6_mp_is_as_published() -> None:
    """Collett (2015), Modelling Survival Data in Medical Research, and many others print these figures."""
    curve = kaplan_meier(remission())
    assert curve.times.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert curve.survival == pytest.approx([0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], abs=5e-4)
    assert curve.median == 23.0
    greenwood = curve.survival * np.sqrt(curve.variance_of_log)
    assert greenwood == pytest.approx([0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346], abs=5e-5)


@settings(max_examples=examples(ci=30, soak=2000))
@given(watched())
def test_figures_are_those_of_lifelines(spells: Spells) -> None:
    from lifelines.utils import survival_table_from_events

    table = survival_table_from_events(spells.exit, spells.ended, spells.entry)
    table = table[table["observed"] > 0]
    curve = kaplan_meier(spells)
    assert curve.times.tolist() == table.index.tolist()
    assert curve.ends.tolist() == table["observed"].tolist()
    brute = [((spells.entry < t) & (t <= spells.exit)).sum() for t in curve.times]
    assert curve.at_risk.tolist() == brute
    assert curve.survival == pytest.approx(np.cumprod(1 - table["observed"] / np.array(brute)))


@settings(max_examples=examples(ci=30, soak=2000))
@given(watched(), st.floats(0, 20))
def test_limits_enclose_the_curve(spells: Spells, age: float) -> None:
    curve = kaplan_meier(spells)
    at = np.array([age])
    lower, upper = curve.interval_at(at)
    assert 0 <= lower[0] <= curve.at(at)[0] + 1e-12
    assert curve.at(at)[0] <= upper[0] + 1e-12 <= 1 + 2e-12


@settings(max_examples=examples(ci=30, soak=2000))
@given(watched())
def test_watching_stops_after_an_end_at_the_same_time(spells: Spells) -> None:
    clock = spells.since_entry()
    curve = still_watched(spells)
    for t, at_risk in zip(curve.times, curve.at_risk, strict=True):
        assert at_risk == ((clock.exit > t) | ((clock.exit == t) & ~clock.ended)).sum()


def test_delayed_entry_removes_the_survivors_advantage() -> None:
    """Of spells seen only because they had lasted, plain follow-up sees too few short ones."""
    rng = np.random.default_rng(5)
    lasted = rng.exponential(10.0, 40_000)
    began = rng.uniform(0, 30, 40_000)
    seen = lasted > began
    spells = Spells(began[seen], lasted[seen], np.ones(seen.sum(), np.bool_))
    truth = np.exp(-10 / 10.0)
    plain = Spells.watched_from_the_beginning(spells.exit, spells.ended)
    assert kaplan_meier(spells).at(np.array([10.0]))[0] == pytest.approx(truth, abs=0.02)
    assert kaplan_meier(plain).at(np.array([10.0]))[0] > truth + 0.2


@pytest.mark.parametrize(("entry", "exit_"), [(2.0, 2.0), (3.0, 2.0), (-1.0, 2.0), (0.0, np.nan), (0.0, np.inf)])
def test_a_spell_that_was_never_watched_is_refused_by_its_number(entry: float, exit_: float) -> None:
    with pytest.raises(InvalidInput, match=r"spells\[1\]"):
        Spells(np.array([0.0, entry]), np.array([1.0, exit_]), np.array([True, True]))


def test_no_spell_is_refused() -> None:
    with pytest.raises(InvalidInput, match="are none"):
        kaplan_meier(Spells.watched_from_the_beginning(np.array([]), np.array([], np.bool_)))
