"""A champion carried on to newer data, registered, examined and reproduced like any other version."""

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, Transaction
from jobs.fit_ltv import carried_to, customers_at
from jobs.gate_terms import is_refit, is_repeat
from jobs.reproduce import reproduce
from jobs.train import train_ltv
from ltv.effects import Kinds
from ltv.model import BtydModel

FIRST, LATER = date(1997, 7, 31), date(1997, 9, 30)


@pytest.fixture(scope="module")
def trained(sales: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A champion of July, with the events of a year and a half."""
    path = shutil.copy(sales, tmp_path_factory.mktemp("carried") / "carried.db")
    opened = Store.open(f"sqlite:///{path}")
    train_ltv(opened, as_of=FIRST, seed=3, who="ada")
    yield opened
    opened.close()


def test_an_update_has_the_posterior_of_a_fit_and_comes_out_again(trained: Store) -> None:
    version = train_ltv(trained, as_of=LATER, update=1.0, seed=4, who="ada")
    fitted = train_ltv(trained, as_of=LATER, seed=5, who="ada")
    ours, theirs = (np.log(BtydModel.from_artifact(trained.artifact(v)).purchase_draws) for v in (version, fitted))
    assert version.lineage.configuration == {"model": "bg_nbd", "method": "laplace", "update_of": "ltv-revenue/1"}
    assert np.all(np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) < 0.1 * theirs.std(axis=0))
    assert reproduce(trained, LTV_REVENUE, version.version, who="ada").same_bytes


def test_histories_carried_on_are_those_counted_anew_after_late_rows_and_corrections(store: Store) -> None:
    def record(*rows: tuple[str, str, str, int]) -> None:
        store.record_transactions(
            [
                Transaction(who, datetime.fromisoformat(f"2024-{day}T12:00:00+00:00"), Decimal(amount), "EUR", name)
                for name, who, day, amount in rows
            ],
            who="ada",
        )

    record(("1", "ann", "01-05", 10), ("2", "ann", "02-20", 30), ("3", "ben", "01-07", 5), ("4", "cat", "01-09", 8))
    since = Cut(date(2024, 3, 1), datetime.now(UTC))
    seen = customers_at(store, since)
    # Late between first and last; a correction; late before the first; new days; a customer not seen before.
    record(("5", "ann", "02-01", 7), ("3", "ben", "01-07", 50), ("6", "cat", "01-02", 1), ("7", "cat", "03-09", 2))
    record(("8", "dan", "03-03", 9), ("9", "cat", "01-09", -8))
    cut = Cut(date(2024, 3, 10), datetime.now(UTC))
    assert store.corrected_since(since, cut) == ["ben"]
    carried = carried_to(store, seen, since, cut)
    assert carried.to_pylist() == customers_at(store, cut).to_pylist()


def test_gates_take_an_update_for_a_refit_unless_it_forgets(trained: Store) -> None:
    champion = trained.champion()
    update = train_ltv(trained, as_of=LATER, update=1.0, seed=champion.lineage.seed, who="ada")
    forgetful = train_ltv(trained, as_of=LATER, update=0.8, who="ada")
    assert (is_refit(update, champion), is_repeat(update, champion)) == (True, False)
    assert not is_refit(forgetful, champion)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"as_of": date(1997, 6, 30)}, "--update: ltv-revenue/1 has seen days up to 1997-07-31, later than 1997-06-30"),
        ({"as_of": LATER, "model": "mbg_nbd"}, "--model: mbg_nbd cannot carry on ltv-revenue/1, which is bg_nbd"),
        ({"as_of": LATER, "method": "nuts"}, "--method: an update is by laplace"),
        ({"as_of": LATER, "update": 0.0}, "--forgetting: must be above 0"),
        ({"as_of": LATER, "kinds": Kinds(pool_by="cohort")}, "--update: the model asked for differs by cohort"),
    ],
)
def test_what_cannot_be_carried_on_is_refused(asked: dict[str, object], problem: str, trained: Store) -> None:
    with pytest.raises(InvalidInput, match=problem):
        train_ltv(trained, who="ada", **{"update": 1.0, **asked})  # type: ignore[arg-type]
