"""Who is champion: past the gates, by force, back again, and one of two who promote at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import text

from farview.core.errors import Conflict, FailedPrecondition, InvalidInput, NotFound
from farview.store.engine import open_engine
from farview.store.store import Store
from farview.store.values import JOURNEYS, LTV_REVENUE
from tests.store import worlds

GOOD = {"gate": "backtest", "figure": "value CRPS", "value": 0.001, "limit": 0.01, "passed": True, "said": "fine"}
BAD = {**GOOD, "passed": False, "said": "value CRPS: loss against the champion +3.10 %"}
RACERS = 4


def versions(store: Store, number: int) -> None:
    """So many versions, each different; the first is champion."""
    for k in range(number):
        worlds.register(store, f"draws {k}".encode())


def examined(store: Store, number: int, champion: int = 1, *checks: dict[str, object]) -> None:
    """A report on a version, passed unless checks say otherwise."""
    model, against = (store.model_version(LTV_REVENUE, n) for n in (number, champion))
    store.keep_gate_report(model, against, checks or (GOOD,), {"margin": 0.01}, who="ada")


def promote(store: Store, number: int, expected: int | None, force: bool = False, why: str = "better") -> None:
    store.promote(LTV_REVENUE, number, expected_champion=expected, force=force, who="ada", why=why)


def champion_before(store: Store, expected: int | None = None) -> int:
    return store.rollback(LTV_REVENUE, expected_champion=expected, who="bob", why="drill").version


def test_a_candidate_that_passed_is_champion_alone(store: Store) -> None:
    versions(store, 2)
    examined(store, 2)
    promote(store, 2, 1)
    assert [model.aliases for model in store.model_versions()] == [("champion",), ()]
    assert store.champion().version == 2


def test_a_candidate_that_nobody_examined_is_refused_with_the_command(store: Store) -> None:
    versions(store, 2)
    with pytest.raises(FailedPrecondition, match="farview models gate ltv-revenue/2"):
        promote(store, 2, 1)


def test_a_failed_gate_is_named_with_its_figure(store: Store) -> None:
    versions(store, 2)
    examined(store, 2, 1, GOOD, BAD)
    with pytest.raises(FailedPrecondition, match=r"backtest: value CRPS: loss against the champion \+3.10 %"):
        promote(store, 2, 1)
    assert store.champion().version == 1


def test_the_last_report_counts(store: Store) -> None:
    versions(store, 2)
    examined(store, 2)
    examined(store, 2, 1, BAD)
    with pytest.raises(FailedPrecondition, match="did not pass"):
        promote(store, 2, 1)


def test_a_report_against_another_champion_does_not_count(store: Store) -> None:
    versions(store, 3)
    for number in (2, 3):
        examined(store, number)
    promote(store, 2, 1)
    with pytest.raises(FailedPrecondition, match="held against ltv-revenue/1, and the champion is ltv-revenue/2"):
        promote(store, 3, 2)


def test_force_promotes_and_the_log_says_past_what_and_why(store: Store) -> None:
    versions(store, 2)
    examined(store, 2, 1, BAD)
    promote(store, 2, 1, force=True, why="the champion's market is gone")
    detail = store.audit_log()[0].detail
    assert detail["why"] == "the champion's market is gone"
    assert "+3.10 %" in detail["forced"]
    assert store.champion_history(LTV_REVENUE)[0].forced


def test_force_without_a_reason_is_refused(store: Store) -> None:
    versions(store, 2)
    with pytest.raises(InvalidInput, match="why"):
        promote(store, 2, 1, force=True, why=" ")


def test_promotion_is_refused_when_somebody_else_promoted_first(store: Store) -> None:
    versions(store, 3)
    promote(store, 2, 1, force=True)
    with pytest.raises(Conflict, match="the champion is ltv-revenue/2, not ltv-revenue/1"):
        promote(store, 3, 1, force=True)
    assert store.champion().version == 2


def test_promotion_without_expectation_replaces_whoever_is_champion(store: Store) -> None:
    versions(store, 2)
    examined(store, 2)
    promote(store, 2, None)
    assert store.champion().version == 2


def test_the_champion_may_be_promoted_again_without_a_gate(store: Store) -> None:
    versions(store, 1)
    promote(store, 1, 1, why="drill")
    entry = store.audit_log()[0]
    assert (entry.who, entry.action, entry.subject, entry.detail["why"]) == ("ada", "promote", "ltv-revenue/1", "drill")


def test_an_unknown_version_is_not_promoted(store: Store) -> None:
    versions(store, 1)
    with pytest.raises(NotFound, match="ltv-revenue/9"):
        promote(store, 9, 1)


def test_a_tampered_artifact_is_not_promoted_even_by_force(store: Store, url: str) -> None:
    versions(store, 2)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE artifacts SET content = :new WHERE content = :old"), {"new": b"x", "old": b"draws 1"}
        )
    engine.dispose()
    with pytest.raises(FailedPrecondition, match="ltv-revenue/2 has sha256"):
        promote(store, 2, 1, force=True)
    assert store.champion().version == 1


def test_a_rollback_brings_back_the_champion_before_and_then_the_one_before_it(store: Store) -> None:
    versions(store, 3)
    promote(store, 2, 1, force=True)
    promote(store, 3, 2, force=True)
    assert [champion_before(store, 3), champion_before(store)] == [2, 1]
    with pytest.raises(FailedPrecondition, match="first champion"):
        champion_before(store)


def test_after_a_rollback_the_next_one_does_not_return_to_what_was_taken_back(store: Store) -> None:
    versions(store, 3)
    promote(store, 2, 1, force=True)
    champion_before(store)
    promote(store, 3, 1, force=True)
    assert champion_before(store) == 1


def test_a_rollback_over_an_unseen_champion_is_refused(store: Store) -> None:
    versions(store, 2)
    promote(store, 2, 1, force=True)
    with pytest.raises(Conflict, match="not ltv-revenue/1"):
        champion_before(store, 1)


def test_the_history_tells_every_change_newest_first(store: Store) -> None:
    versions(store, 2)
    examined(store, 2)
    promote(store, 2, 1)
    champion_before(store)
    told = [(c.action, c.before, c.champion, c.who, c.forced) for c in store.champion_history(LTV_REVENUE)]
    assert told == [
        ("rollback", 2, 1, "bob", False),
        ("promote", 1, 2, "ada", False),
        ("register", None, 1, "ada", False),
    ]


def test_a_report_comes_back_as_it_was_kept(store: Store) -> None:
    versions(store, 2)
    assert store.gate_report(LTV_REVENUE, 2) is None
    examined(store, 2, 1, GOOD, BAD)
    found = store.gate_report(LTV_REVENUE, 2)
    assert found is not None
    assert (found.passed, found.champion_name, list(found.checks)) == (False, "ltv-revenue/1", [GOOD, BAD])
    assert found.protocol == {"margin": 0.01}


def race(url: str, number: int, start: Barrier) -> str:
    """Promotes over connections of its own; what came of it."""
    store = Store.open(url)
    start.wait()
    try:
        promote(store, number, 1)
    except Conflict:
        return "conflict"
    finally:
        store.close()
    return "won"


def test_of_those_who_promote_at_once_exactly_one_wins(store: Store, url: str) -> None:
    versions(store, RACERS + 1)
    numbers, start = range(2, RACERS + 2), Barrier(RACERS)
    for number in numbers:
        examined(store, number)
    with ThreadPoolExecutor(RACERS) as pool:
        outcomes = [racer.result() for racer in [pool.submit(race, url, number, start) for number in numbers]]
    assert sorted(outcomes) == ["conflict"] * (RACERS - 1) + ["won"]
    assert len(store.champion_history(LTV_REVENUE)) == 2


def test_the_history_of_all_kinds_is_one_line_newest_first(store: Store) -> None:
    versions(store, 2)
    store.register_model(JOURNEYS, "markov", b"chain", worlds.lineage(), {})
    promote(store, 2, 1, force=True)
    told = [(change.kind, change.action, change.champion) for change in store.champion_history()]
    assert told == [(LTV_REVENUE, "promote", 2), (JOURNEYS, "register", 1), (LTV_REVENUE, "register", 1)]
