"""Models fitted again from their lineage."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from farview.store.store import Store
from farview.store.values import JOURNEYS, LTV_REVENUE
from jobs.import_file import import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions
from jobs.reproduce import largest_difference, reproduce
from jobs.train import train_ltv
from jobs.train_journeys import JourneyFit, train_journeys
from ltv.model import BtydModel
from tests.jobs.journey_business import LAST_DAY, fill

AS_OF = date(1997, 9, 30)


@pytest.fixture
def fitted(prepared_sqlite_store: Store) -> Store:
    """A champion fitted by its mode."""
    return prepared_sqlite_store


def test_the_same_bytes_come_out_again(prepared: Store, tmp_path: Path) -> None:
    version = train_ltv(prepared, as_of=AS_OF, seed=3, who="ada")
    later = tmp_path / "later.csv"
    later.write_text("customer_id,time,amount\n0001,1997-03-01,20\n")
    import_file(prepared, KINDS["transactions"], later, FileOptions(), who="ada")  # not known then
    found = reproduce(prepared, LTV_REVENUE, version.version, who="ada")
    assert (found.same_data, found.same_bytes, found.largest_difference) == (True, True, 0.0)
    assert found.reproduced
    assert prepared.model_versions(LTV_REVENUE)[0] == version  # nothing newer was registered


def test_a_model_that_its_lineage_does_not_give_is_told_by_the_parameter(fitted: Store) -> None:
    first = fitted.champion()
    model = BtydModel.from_artifact(fitted.artifact(first))
    other = replace(model, spend_draws=model.spend_draws * 1.001)
    fitted.register_model(LTV_REVENUE, "bg_nbd", other.to_artifact(), first.lineage, first.metrics)
    found = reproduce(fitted, LTV_REVENUE, 2, who="ada")
    assert (found.reproduced, found.parameter) == (False, "spend")
    assert found.largest_difference == pytest.approx(0.001, rel=0.01)
    assert reproduce(fitted, LTV_REVENUE, 2, tolerance=0.01, who="ada").reproduced


def test_other_data_are_told(fitted: Store) -> None:
    first = fitted.champion()
    fitted.register_model(
        LTV_REVENUE, "bg_nbd", fitted.artifact(first), replace(first.lineage, snapshot_hash="0" * 64), first.metrics
    )
    found = reproduce(fitted, LTV_REVENUE, 2, who="ada")
    assert (found.same_data, found.same_bytes, found.reproduced) == (False, True, False)


@pytest.mark.parametrize("model", ["markov", "lstm"])
def test_a_journey_model_comes_out_again(model: str, sqlite_store: Store) -> None:
    fill(sqlite_store, 100)
    train_journeys(sqlite_store, fit=JourneyFit(model, seed=4), as_of=LAST_DAY, who="ada")
    assert reproduce(sqlite_store, JOURNEYS, 1, who="ada").same_bytes


def test_libraries_that_moved_are_named(fitted: Store) -> None:
    first = fitted.champion()
    moved = replace(first.lineage, library_versions={**first.lineage.library_versions, "numpy": "1.0"})
    fitted.register_model(LTV_REVENUE, "bg_nbd", fitted.artifact(first), moved, first.metrics)
    assert reproduce(fitted, LTV_REVENUE, 2, who="ada").moved["numpy"][0] == "1.0"


def test_arrays_of_another_shape_differ_without_end() -> None:
    assert largest_difference({"a": np.ones(2)}, {"a": np.ones(3)}) == ("a", float("inf"))
    assert largest_difference({"a": np.ones(2)}, {}) == ("a", float("inf"))
