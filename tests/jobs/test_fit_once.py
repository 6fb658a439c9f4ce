"""A model is fitted once to one past, whoever asks; a backtest's pool is the one of its comparison."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from farview.core.errors import InvalidInput
from farview.simulation.bg_nbd import simulate_events
from jobs import value_models
from jobs.backtest import BacktestSpec, backtest
from jobs.backtest_models import candidates
from jobs.choose_ltv import compare
from jobs.fit_combination import PoolTerms, fit_combination
from jobs.fit_once import FitOnce
from jobs.past import Past, past_of
from jobs.progress import Silent
from jobs.value_models import predict_by

MEMBERS = ("bg_nbd", "mbg_nbd+first_spend")


def past(seed: int = 8, as_of: date = date(1997, 7, 31)) -> Past:
    return past_of(pa.Table.from_batches(simulate_events(200, seed=seed)), as_of, "UTC")


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the models that were fitted so far."""
    names: list[str] = []
    fit = value_models.fit_configured

    def counted(known, configuration, seed):
        names.append(configuration["model"])
        return fit(known, configuration, seed)

    monkeypatch.setattr(value_models, "fit_configured", counted)
    return names


def test_equal_pasts_are_fitted_once(fitted: list[str]) -> None:
    once = FitOnce(0)
    assert once.model("bg_nbd", past()) is once.model("bg_nbd", past())
    assert fitted == ["bg_nbd"]


def test_what_differs_is_fitted_anew(fitted: list[str]) -> None:
    once = FitOnce(0)
    for each in (past(), past(seed=9), past(as_of=date(1997, 7, 30))):
        once.model("bg_nbd", each)
    once.model("mbg_nbd", past())
    assert fitted == ["bg_nbd", "bg_nbd", "bg_nbd", "mbg_nbd"]


def test_who_cannot_be_fitted_says_so_each_time() -> None:
    once = FitOnce(0)
    for _ in range(2):
        with pytest.raises(InvalidInput, match="is not known"):
            once.model("oracle", past())


def test_a_pool_asked_for_twice_costs_no_second_fit(fitted: list[str]) -> None:
    once, terms = FitOnce(0), PoolTerms(30, MEMBERS)
    pool = fit_combination(past(), terms, once)
    before = len(fitted)
    assert fit_combination(past(), terms, once).to_artifact() == pool.to_artifact()
    assert len(fitted) == before


def test_a_backtest_judges_the_pool_as_training_does_and_shows_the_one_that_would_be_registered() -> None:
    every, end = candidates(0), date(1997, 7, 31)
    members = {name: every[name] for name in MEMBERS}
    asked = {"zero": every["zero"], "bg_nbd": every["bg_nbd"]}
    spec = BacktestSpec(end, end + timedelta(days=60))
    result = backtest(
        past().events, spec, asked | {"combination": replace(every["combination"], members=members)}, Silent()
    )
    terms = PoolTerms(60, MEMBERS)
    found = compare(past(), asked | members, terms, Silent())
    assert set(result.inner) == {*asked, "combination"}  # members that were not asked for are not shown
    assert list(result.inner["combination"]) == list(found.scores["combination"])
    registered = predict_by(fit_combination(past(), terms, FitOnce(0)), past(), 0)(60)
    np.testing.assert_array_equal(result.forecasts["combination"].value.mean, registered.value.mean)
