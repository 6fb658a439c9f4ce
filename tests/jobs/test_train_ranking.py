"""Rankers from the lists of a simulated business: trained, judged, gated, and fitted again."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from farview.core.clock import Cut
from farview.core.errors import Conflict, FailedPrecondition, InvalidInput
from farview.simulation.customers import customer_blocks
from farview.simulation.impressions import attention
from farview.simulation.items import relevance
from farview.store.store import Store
from farview.store.values import RANKING, Business, ModelVersion
from jobs.fit_ranking import configure, fit_configured
from jobs.gate import gate
from jobs.gate_ranking import learnt
from jobs.progress import Silent
from jobs.reproduce import reproduce
from jobs.train_ranking import train_ranking
from jobs.train_ranking_table import HELD_OUT, lists_at
from ranking.model_names import RANKERS
from ranking.relevance_model import RelevanceModel
from tests.jobs.ranking_business import CATALOGUE, WORLD, fill, lists, with_grades

CUSTOMERS = 450


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    """A business with a champion. Copy it."""
    path = Path(shutil.copy(sqlite_template, tmp_path_factory.mktemp("ranking") / "trained.db"))
    store = opened(path)
    fill(store, CUSTOMERS)
    train_ranking(store, who="ada")
    store.close()
    return path


@pytest.fixture
def business(trained: Path, tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{shutil.copy(trained, tmp_path / 'business.db')}")
    yield store
    store.close()


@pytest.fixture
def empty(sqlite_template: Path, tmp_path: Path) -> Iterator[Store]:
    store = opened(Path(shutil.copy(sqlite_template, tmp_path / "empty.db")))
    yield store
    store.close()


def opened(path: Path) -> Store:
    store = Store.open(f"sqlite:///{path}")
    store.set_business(Business("Europe/Berlin", "EUR", consent_required=False))
    return store


def cut_of(version: ModelVersion) -> Cut:
    return Cut(version.lineage.as_of, version.lineage.known_at)


def test_the_ranker_orders_lists_by_what_customers_truly_want(business: Store) -> None:
    version = business.champion(RANKING)
    table = lists_at(business, cut_of(version)).table
    model = RelevanceModel.from_artifact(business.artifact(version))
    shown = lists(CUSTOMERS)
    (block,) = customer_blocks(WORLD, CUSTOMERS)
    # Lists of the log stand by day: those of the world are found by their prices, which no two lists share.
    price = CATALOGUE.price[shown.item]
    truths = relevance(CATALOGUE, block.take(np.searchsorted(block.number, shown.customer)), shown.item)
    by_prices = {tuple(row): worth for row, worth in zip(price.tolist(), truths, strict=True)}
    assert table.prices is not None
    found = model.ranker.scores(table).reshape(-1, 10)
    agreement = [
        stats.spearmanr(score, by_prices[tuple(row)]).statistic
        for score, row in zip(found, table.prices.reshape(-1, 10).tolist(), strict=True)
    ]
    assert np.mean(agreement) > 4 * np.std(agreement) / np.sqrt(len(agreement))


def test_looks_are_those_of_the_world(business: Store) -> None:
    looks = np.array(business.champion(RANKING).metrics["chance_of_a_look"])
    assert np.abs(looks - attention(CATALOGUE)).mean() < 0.06


def test_every_choice_was_made_by_later_lists(business: Store) -> None:
    version = business.champion(RANKING)
    told, judged = version.lineage.configuration, version.metrics["validation"]
    figures = judged["debiased_ndcg@10"]
    assert told["model"] == max(figures, key=lambda name: figures[name])
    assert judged["lists"] == pytest.approx(HELD_OUT * version.metrics["lists"], rel=0.1)
    weights = {point["relevance_weight"]: point for point in judged["frontier"]}
    chosen = weights[told["relevance_weight"]]
    areas = [1 - point["ndcg@10"] for point in judged["frontier"]]
    assert 1 - chosen["ndcg@10"] <= 1.05 * min(areas) + 1e-9
    better = [
        point["ndcp@10"] for point, area in zip(judged["frontier"], areas, strict=True) if area <= 1.05 * min(areas)
    ]
    assert chosen["ndcp@10"] == max(better)


def test_purchase_probabilities_are_those_of_all_lists(business: Store) -> None:
    version = business.champion(RANKING)
    table = lists_at(business, cut_of(version)).table
    purchase = RelevanceModel.from_artifact(business.artifact(version)).purchase
    assert purchase is not None
    foreseen, came = purchase.probabilities(table.features).sum(), (table.grades == 4).sum()
    assert foreseen == pytest.approx(came, rel=0.25)


def test_the_same_lineage_gives_the_same_bytes(business: Store) -> None:
    found = reproduce(business, RANKING, 1, who="ada")
    assert (found.same_data, found.same_bytes) == (True, True)


def test_a_ranker_that_learnt_less_is_stopped_by_the_gate(business: Store) -> None:
    champion = business.champion(RANKING)
    told = champion.lineage.configuration
    worse = {**told, "model": "best_feature", "settings": {}, "purchase": None}
    listed = lists_at(business, cut_of(champion))
    fitted = fit_configured(worse, listed, 0)
    business.register_model(
        RANKING, "best_feature", fitted.to_artifact(), replace(champion.lineage, configuration=worse), champion.metrics
    )
    report = gate(business, RANKING, 2, who="ada")
    failed = {check["figure"] for check in report.checks if not check["passed"]}
    assert "better somewhere" in failed
    assert not report.passed


def test_the_champion_trained_again_passes_the_gate(business: Store) -> None:
    champion = business.champion(RANKING)
    business.register_model(RANKING, champion.model, business.artifact(champion), champion.lineage, champion.metrics)
    assert gate(business, RANKING, 2, who="ada").passed


def test_a_late_row_is_a_conflict_for_the_gate(business: Store) -> None:
    champion = business.champion(RANKING)
    changed = replace(champion.lineage, snapshot_hash="0" * 64)
    business.register_model(RANKING, champion.model, business.artifact(champion), changed, champion.metrics)
    with pytest.raises(Conflict, match="start it again"):
        gate(business, RANKING, 2, who="ada")


def test_shuffled_grades_teach_nothing_and_the_gate_says_so(business: Store) -> None:
    champion = business.champion(RANKING)
    listed = lists_at(business, cut_of(champion))
    grades = np.random.default_rng(1).permutation(listed.table.grades)
    shuffled = replace(listed, table=replace(listed.table, grades=grades))
    _, validation = configure(shuffled, "lambdamart", 0.05, 0, Silent())
    found = learnt(replace(champion, metrics={"validation": validation}))
    assert not found.passed
    assert "learnt nothing that holds" in found.said


def test_a_model_that_is_none_is_refused(business: Store) -> None:
    with pytest.raises(InvalidInput, match=f"not a ranker .known: {', '.join(RANKERS)}"):
        configure(lists_at(business, cut_of(business.champion(RANKING))), "bm25", 0.05, 0, Silent())


def test_without_lists_nothing_is_trained(empty: Store) -> None:
    with pytest.raises(FailedPrecondition, match="no lists are known; run `farview import impressions FILE`"):
        train_ranking(empty, who="ada")


def test_too_few_lists_are_refused(empty: Store) -> None:
    fill(empty, 5)
    with pytest.raises(FailedPrecondition, match="at least 20 are needed"):
        train_ranking(empty, who="ada")


def test_lists_of_which_nothing_came_are_refused(empty: Store) -> None:
    fill(empty, 40, with_grades(40, np.zeros(10 * len(lists(40)), dtype=np.int64)))
    with pytest.raises(FailedPrecondition, match="nothing came of any list"):
        train_ranking(empty, who="ada")
