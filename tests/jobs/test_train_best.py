"""`train ltv` without a model named: all are compared, the best is registered and says why."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.evaluation.champion import InnerScore
from farview.evaluation.marginals import Pit
from farview.evaluation.origins import Origin, rolling_origins
from farview.store.job_requests import CompareLtv
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, ModelVersion
from jobs import train_best
from jobs.backtest_models import BTYD
from jobs.choose_ltv import COMPARED, Comparison, before_the_newest, in_words
from jobs.fit_ltv import customers_at
from jobs.ltv_configuration import MEMBERS
from jobs.reproduce import reproduce
from jobs.score import score_ltv
from jobs.train import train_ltv
from jobs.train_best import CHOICE, Contest, train_best_ltv
from tests.jobs.working import ask, work_off
from tests.tiers import examples

AS_OF = date(1997, 9, 30)


@pytest.fixture(scope="module")
def store(sales: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = shutil.copy(sales, tmp_path_factory.mktemp("best") / "best.db")
    opened = Store.open(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.fixture(scope="module", autouse=True)
def compared() -> Iterator[tuple[str, ...]]:
    """Models that compete: in ci some of each kind."""
    names = examples(ci=("bg_nbd", "bg_nbd+first_spend", "boost"), soak=COMPARED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_best, "COMPARED", names)
        yield names


@pytest.fixture(scope="module")
def best(store: Store) -> ModelVersion:
    return train_best_ltv(store, Contest(AS_OF), who="ada")


def test_every_model_and_the_combination_are_judged_by_the_rule(best: ModelVersion, compared: tuple[str, ...]) -> None:
    losses = best.metrics[CHOICE]["relative_value_crps"]
    assert set(losses) == {*compared, *MEMBERS, "combination"}, best.metrics[CHOICE]["not_judged"]
    assert len(best.metrics[CHOICE]["origins"]) == 3
    as_good = [name for name in losses if losses[name] <= 1.01 * min(losses.values())]
    assert best.model == max(as_good, key=best.metrics[CHOICE]["value_gini"].__getitem__)


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


def test_all_pairs_and_boost_compete() -> None:
    assert (*BTYD, "boost") == COMPARED


def test_a_winning_pool_is_what_the_combination_by_name_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    compare = train_best.compare

    monkeypatch.setattr(train_best, "compare", lambda *asked: replace(compare(*asked), winner="combination"))
    version = train_best_ltv(store, Contest(AS_OF), who="ada")
    pooled = {"model": "combination", "method": "laplace", "horizon_days": "90", "members": ",".join(MEMBERS)}
    assert version.lineage.configuration == pooled
    assert reproduce(store, LTV_REVENUE, version.version, who="ada").same_bytes


def test_a_pool_of_other_members_says_so_and_comes_out_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    compare = train_best.compare
    monkeypatch.setattr(train_best, "compare", lambda *asked: replace(compare(*asked), winner="combination"))
    monkeypatch.setattr(train_best, "COMPARED", ("bg_nbd",))
    members = ("bg_nbd+first_spend", "mbg_nbd")
    version = train_best_ltv(store, Contest(AS_OF, members=members), who="ada")
    assert set(version.metrics[CHOICE]["relative_value_crps"]) == {"bg_nbd", *members, "combination"}
    assert version.lineage.configuration["members"] == "bg_nbd+first_spend,mbg_nbd"
    assert reproduce(store, LTV_REVENUE, version.version, who="ada").same_bytes


@pytest.mark.parametrize("members", [(), ("boost", "boost"), ("combination",), ("past_spend",)])
def test_members_that_cannot_be_pooled_are_refused(members: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput, match="members"):
        Contest(members=members)


def test_what_an_interval_covers_is_seen_on_days_that_its_level_was_not_learnt_from() -> None:
    origins = rolling_origins(date(2024, 1, 1), date(2024, 12, 31), 90)
    pits = [Pit(np.full(1, float(k)), np.full(1, float(k))) for k in range(3)]
    kept = before_the_newest(origins, pits)
    assert [pit.upto[0] for pit in kept] == [0.0, 2.0]
    assert origins[0].target_end <= origins[2].as_of < origins[1].target_end


def test_a_worker_compares_all_when_asked(store: Store) -> None:
    ask(store, CompareLtv(as_of=date(1997, 1, 3), seed=9))
    assert work_off(store) == {"done": 1}
    newest = store.model_versions(LTV_REVENUE)[0]
    assert (newest.lineage.seed, newest.model) == (9, COMPARED[0])


def test_a_history_too_short_to_compare_gives_the_first_model_and_says_so(store: Store) -> None:
    version = train_best_ltv(store, Contest(date(1997, 1, 3)), who="ada")
    assert version.model == COMPARED[0]
    assert "too short" in version.lineage.why


def told(winner: str, **scores: tuple[float, float]) -> str:
    """The paragraph about models with (value CRPS over that of nothing, value Gini)."""
    day = Origin(date(2024, 1, 1), date(2024, 3, 31))
    judged = {name: [InnerScore(crps, 1.0, gini)] for name, (crps, gini) in scores.items()}
    return in_words(Comparison((day,), judged, {}, (), None, winner, ()))


def test_the_paragraph_tells_a_lower_loss_from_a_better_order() -> None:
    best = told("boost", boost=(0.704, 0.50), pareto_nbd=(0.710, 0.48))
    assert best.endswith("was 70.4 % of what forecasting nothing costs; the next best, pareto_nbd, came to 71.0 %.")
    order = told("boost", boost=(0.704, 0.50), pareto_nbd=(0.700, 0.48))
    assert "pareto_nbd came to 70.0 %, and of those within 1 % of that boost puts customers in the best order" in order
    assert order.endswith("(value Gini 0.500).")


def test_the_paragraph_names_who_orders_nobody() -> None:
    said = told("mbg_nbd", bg_nbd=(0.70, -0.01), pareto_nbd=(0.80, 0.2), mbg_nbd=(0.804, 0.3))
    assert "pareto_nbd came to 80.0 %" in said
    assert said.endswith("; bg_nbd put customers in no order and did not compete.")
