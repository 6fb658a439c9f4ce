"""`train ltv` without a model named: all are compared, the best is registered and says why."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from farview.core.clock import Cut
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, ModelVersion
from jobs import train_best
from jobs.choose_ltv import COMPARED
from jobs.fit_ltv import customers_at
from jobs.reproduce import reproduce
from jobs.score import score_ltv
from jobs.train import train_ltv
from jobs.train_best import CHOICE, train_best_ltv

AS_OF = date(1997, 9, 30)


@pytest.fixture(scope="module")
def store(sales: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = shutil.copy(sales, tmp_path_factory.mktemp("best") / "best.db")
    opened = Store.open(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def best(store: Store) -> ModelVersion:
    return train_best_ltv(store, as_of=AS_OF, who="ada")


def test_every_model_and_the_combination_are_judged_by_the_rule(best: ModelVersion) -> None:
    losses = best.metrics[CHOICE]["relative_value_crps"]
    assert set(losses) == {*COMPARED, "combination"}, best.metrics[CHOICE]["not_judged"]
    assert len(best.metrics[CHOICE]["origins"]) == 3
    assert best.model == min(losses, key=lambda name: losses[name])


def test_the_lineage_says_why_it_won(best: ModelVersion) -> None:
    assert best.lineage.why == best.metrics[CHOICE]["said"]
    assert best.lineage.why.startswith(f"{best.model} won: fitted as of each of 3 earlier days")


def test_the_winner_is_the_model_that_its_name_gives(store: Store, best: ModelVersion) -> None:
    assert reproduce(store, LTV_REVENUE, best.version, who="ada").same_bytes


def test_the_combination_is_trained_and_scored_by_name(store: Store, best: ModelVersion) -> None:
    version = train_ltv(store, as_of=AS_OF, model="combination", who="ada")
    assert version.artifact_size_bytes < 2**20
    assert reproduce(store, LTV_REVENUE, version.version, who="ada").same_bytes
    store.promote(
        LTV_REVENUE, version.version, expected_champion=best.version, who="ada", why="to score by it", force=True
    )
    run = score_ltv(store, as_of=AS_OF, horizons_days=(90,), who="ada")
    assert run.forecasts == customers_at(store, Cut(AS_OF, run.spec.known_at)).num_rows


def test_a_winning_pool_is_what_the_combination_by_name_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    compare = train_best.compare

    def crowned(*arguments, **options):
        found = compare(*arguments, **options)
        return type(found)(found.origins, found.scores, found.failures, found.pool, found.weights, "combination", ())

    monkeypatch.setattr(train_best, "compare", crowned)
    version = train_best_ltv(store, as_of=AS_OF, who="ada")
    assert version.lineage.configuration == {"model": "combination", "method": "laplace", "horizon_days": "90"}
    assert reproduce(store, LTV_REVENUE, version.version, who="ada").same_bytes


def test_a_history_too_short_to_compare_gives_the_first_model_and_says_so(store: Store) -> None:
    version = train_best_ltv(store, as_of=date(1997, 1, 3), who="ada")
    assert version.model == COMPARED[0]
    assert "too short" in version.lineage.why
