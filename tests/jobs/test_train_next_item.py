"""Next-item models from the lists of a simulated business: trained, gated, fitted again, and their artifacts."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from farview.core.clock import Cut
from farview.core.errors import ArtifactMismatch, FailedPrecondition, InvalidInput
from farview.simulation.impressions import impressions_table
from farview.store.job_requests import JobRequest, TrainNextItem, TrainRanking
from farview.store.store import Store
from farview.store.values import NEXT_ITEM, RANKING, Business
from jobs.gate import gate
from jobs.gate_next_item import learnt
from jobs.reproduce import reproduce
from jobs.train_next_item import NextItemFit, ahead_of_random, later_takers, taken_at, train_next_item
from ranking.model_names import NEXT_ITEM_MODELS
from ranking.next_item import top_items
from ranking.next_item_model import NextItems
from tests.jobs.ranking_business import fill, lists, with_grades
from tests.jobs.working import ask, work_off

CUSTOMERS = 150
CLICKS = 1


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    """A business with a version of every model, by name in their order. Copy it."""
    path = Path(shutil.copy(sqlite_template, tmp_path_factory.mktemp("next") / "trained.db"))
    store = opened(path)
    fill(store, CUSTOMERS)
    for name in NEXT_ITEM_MODELS:
        train_next_item(store, fit=NextItemFit(name, CLICKS), who="ada")
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


def stored(business: Store, number: int) -> NextItems:
    return NextItems.from_artifact(business.artifact(business.model_version(NEXT_ITEM, number)))


def test_the_best_at_an_earlier_split_is_registered(business: Store) -> None:
    version = train_next_item(business, fit=NextItemFit(least_grade=CLICKS), who="ada")
    figures = version.metrics["validation"]["ndcg@10"]
    assert figures[version.model] == max(figures.values())
    assert set(figures) == set(NEXT_ITEM_MODELS)


@pytest.mark.parametrize("number", [1, 2, 3, 4], ids=NEXT_ITEM_MODELS)
def test_the_same_lineage_gives_the_same_bytes(business: Store, number: int) -> None:
    found = reproduce(business, NEXT_ITEM, number, who="ada")
    assert (found.same_data, found.same_bytes) == (True, True)


@pytest.mark.parametrize("number", [1, 2, 3, 4], ids=NEXT_ITEM_MODELS)
def test_a_stored_model_finds_what_its_scores_say(business: Store, number: int) -> None:
    version = business.model_version(NEXT_ITEM, number)
    model = stored(business, number)
    assert model.name == version.model
    taken = taken_at(business, Cut(version.lineage.as_of, version.lineage.known_at), CLICKS)
    histories = later_takers(taken.log, taken.log.day[-1] - 1).histories
    busiest = int(np.argmax(np.diff(histories.starts)))
    own = histories.items[histories.starts[busiest] : histories.starts[busiest + 1]]
    scores = model.model.scores(histories, np.array([busiest]))
    allowed = ~np.isin(np.arange(len(model.items)), own)[None, :]
    expected = top_items(scores, allowed, 20, model.takers)[0]
    assert model.best([model.items[code] for code in own], 20).tolist() == expected.tolist()


def test_what_was_taken_comes_again_only_when_asked(business: Store) -> None:
    model = stored(business, 1)
    favourite = int(np.argmax(model.takers))
    names = [model.items[favourite], "unheard of"]
    assert model.best(names, 5, again=True)[0] == favourite
    assert favourite not in model.best(names, len(model.items))
    assert len(model.best(names, len(model.items))) == len(model.items) - 1


def test_of_somebody_unknown_the_popular_items_come_first(business: Store) -> None:
    for number in (1, 2, 3):
        model = stored(business, number)
        assert (np.diff(model.takers[model.best([], 50)]) <= 0).all()


def test_a_model_is_held_against_the_champion_at_rolling_origins(business: Store) -> None:
    report = gate(business, NEXT_ITEM, 2, who="ada")
    (trial,) = (check for check in report.checks if check["figure"].startswith("1 - NDCG"))
    assert (report.champion, len(report.protocol["origins"]) >= 3) == (1, True)
    assert trial["value"] is not None


def test_a_model_that_learnt_nothing_is_stopped(empty: Store) -> None:
    grades = (np.random.default_rng(1).random(len(impressions_table(lists(CUSTOMERS)))) < 0.1).astype(np.int64)
    fill(empty, CUSTOMERS, with_grades(CUSTOMERS, grades))
    version = train_next_item(empty, fit=NextItemFit("item_knn", CLICKS), who="ada")
    assert not learnt(version).passed


def test_random_order_is_what_chance_gives_on_average(business: Store) -> None:
    version = business.champion(NEXT_ITEM)
    taken = taken_at(business, Cut(version.lineage.as_of, version.lineage.known_at), CLICKS)
    split = later_takers(taken.log, taken.log.day[len(taken.log.day) // 2])
    gap = ahead_of_random(np.zeros(len(split.judged)), split, seed=0)
    assert gap is not None
    random, drawn = np.random.default_rng(1), []
    left = split.histories.bought[split.judged].toarray() == 0
    for _ in range(40):
        shown = top_items(random.random(left.shape), left, 10, np.zeros(left.shape[1]))
        hit = np.take_along_axis(split.relevant[split.judged].toarray() > 0, shown, axis=1)
        sought = np.minimum(np.asarray(split.relevant[split.judged].sum(axis=1)).ravel(), 10).astype(int)
        discount = 1 / np.log2(np.arange(10) + 2)
        drawn.append(((hit * discount).sum(axis=1) / np.cumsum(discount)[sought - 1]).mean())
    assert -gap["estimate"] == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(len(drawn)))


def test_without_lists_or_what_was_taken_there_is_nothing_to_learn(empty: Store) -> None:
    with pytest.raises(FailedPrecondition, match="import impressions"):
        train_next_item(empty, who="ada")
    fill(empty, 20)
    with pytest.raises(FailedPrecondition, match="nothing was taken"):
        train_next_item(empty, fit=NextItemFit(least_grade=5), who="ada")


def test_an_unknown_model_is_refused_with_those_there_are(empty: Store) -> None:
    with pytest.raises(InvalidInput, match="known: popularity, item_knn, last_category, gru4rec"):
        train_next_item(empty, fit=NextItemFit("oracle"), who="ada")


@pytest.mark.parametrize("damage", [lambda raw: raw[:-9], lambda _: b"", lambda _: b"not safetensors"])
def test_a_damaged_artifact_is_refused(business: Store, damage: object) -> None:
    raw = business.artifact(business.champion(NEXT_ITEM))
    with pytest.raises(ArtifactMismatch, match="not a next-item model"):
        NextItems.from_artifact(damage(raw))  # type: ignore[operator]


@pytest.mark.parametrize(
    "request_",
    [TrainNextItem("popularity", CLICKS, seed=2, why="asked"), TrainRanking("best_feature", 0.0, why="asked")],
    ids=lambda request: request.job,
)
def test_a_worker_fits_registers_and_examines_it(business: Store, request_: JobRequest) -> None:
    ask(business, request_)
    assert work_off(business) == {"done": 1}
    kind = NEXT_ITEM if isinstance(request_, TrainNextItem) else RANKING
    newest = business.model_versions(kind)[0]
    assert (newest.model, newest.lineage.why, newest.lineage.seed) == (request_.model, "asked", request_.seed)
    assert business.gate_report(kind, newest.version) is not None
