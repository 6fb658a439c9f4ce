"""Businesses whose quarters are better and worse for everybody: what training learns of that, and totals that cover."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy import stats

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.schemas import EVENTS
from farview.store.store import Store
from jobs import period_effect
from jobs.backtest import BacktestSpec, backtest
from jobs.backtest_models import candidates
from jobs.fit_ltv import customers_at
from jobs.past import actuals_of, past_of
from jobs.period_effect import period_sd_of, with_period
from jobs.progress import Silent
from jobs.train import train_ltv
from ltv.fit import fit
from ltv.model import BtydModel
from ltv.period import period_factors, period_sd
from ltv.registered import ready
from ltv.scorer import Scorer
from tests.tiers import examples

START, AS_OF, TARGET_END = date(2024, 1, 1), date(2025, 6, 30), date(2025, 9, 28)
NOISE = 0.3  # sd of the log factor that a quarter's purchases of everybody share
WORLDS = examples(ci=6, soak=60)


def world(seed: int) -> pa.Table:
    """400 customers with rates of their own, who stay; quarters multiply everybody's rate."""
    random = np.random.default_rng(seed)
    days = (TARGET_END - START).days
    quarters = np.exp(NOISE * random.standard_normal(days // 91 + 2) - NOISE**2 / 2)
    rows = []
    for i in range(400):
        first = int(random.integers(0, 300))
        chance = random.gamma(2.0, 1 / 60.0) * quarters[np.arange(first + 1, days) // 91]
        later = first + 1 + np.flatnonzero(random.random(len(chance)) < chance)
        rows += [(f"c{i:03d}", int(day), float(random.gamma(4.0, 5.0))) for day in (first, *later)]
    noon = datetime(START.year, START.month, START.day, 12, tzinfo=UTC)
    columns = list(zip(*rows, strict=True))
    times = [noon + timedelta(days=day) for day in columns[1]]
    return pa.table({c.CUSTOMER_ID: columns[0], c.TIME: times, c.AMOUNT: columns[2]}, schema=EVENTS)


def test_totals_cover_with_the_factor_and_not_without() -> None:
    """90 % intervals of next quarter's value, from 18 months: with the factor not fewer than 80 % of worlds, without it
    not more than 30 %, each at a one-sided level of 1 %."""
    covered = np.zeros(2)
    for seed in range(WORLDS):
        events = world(seed)
        past = past_of(events, AS_OF, "UTC")
        model = fit(past.rfm, method="map")
        sd = period_sd_of(model.name, 1, past, seed=0)
        scorer = Scorer(model, [(TARGET_END - AS_OF).days], AS_OF, seed=0)
        list(scorer.forecast(past.rfm.to_batches()))
        came = float(actuals_of(events, past, TARGET_END).gross_value.sum())
        for k, spread in enumerate((0.0, sd)):
            table = scorer.partial_totals.table(0, spread)
            base = table.filter((pc.field("group_kind") == "base") & (pc.field("measure") == c.VALUE))
            low, high = np.quantile(base["draws"].to_pylist()[0], [0.05, 0.95])
            covered[k] += low <= came <= high
    assert covered[1] >= stats.binom.ppf(0.01, WORLDS, 0.8)
    assert covered[0] <= stats.binom.ppf(0.99, WORLDS, 0.3)


def test_an_origin_at_which_nothing_can_be_fitted_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    past = past_of(world(0), AS_OF, "UTC")
    model = fit(past.rfm, method="map")

    def no_fit(*_: object, **__: object) -> None:
        raise np.linalg.LinAlgError("singular matrix")

    monkeypatch.setattr(period_effect, "fit", no_fit)
    assert period_sd_of(model.name, 1, past, seed=0) == period_sd([], [])


def test_of_many_customers_some_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those taken are the same however the events come in, and whole."""
    events = world(1)
    monkeypatch.setattr(period_effect, "CUSTOMERS", 150)
    seen: list[pa.Table] = []
    monkeypatch.setattr(
        period_effect, "period_sd_of", lambda _name, _days, past, _seed: seen.append(past.events) or 0.1
    )
    model = fit(past_of(events, AS_OF, "UTC").rfm, method="map")
    for table in (events, events.take(pa.array(range(len(events) - 1, -1, -1)))):
        cut = Cut(AS_OF, datetime.now(UTC))
        pieces = partial(pa.RecordBatchReader.from_batches, EVENTS, table.to_batches(max_chunksize=100))
        learnt = with_period(model, pieces, cut, "UTC", 0)
        assert isinstance(learnt, BtydModel)
        assert learnt.period_sd == 0.1
    first, second = (table.sort_by([(c.CUSTOMER_ID, "ascending"), (c.TIME, "ascending")]) for table in seen)
    assert first.equals(second)
    taken = pc.unique(first.column(c.CUSTOMER_ID))
    assert 100 <= len(taken) <= 150
    known = events.filter(pc.is_in(events.column(c.CUSTOMER_ID), value_set=taken))
    assert first.num_rows == sum(pc.less_equal(known.column(c.TIME), datetime(2025, 6, 30, 23, tzinfo=UTC)).to_pylist())


def test_training_stores_it_and_scoring_widens_totals_by_it(small: Store) -> None:
    """The draws of both runs are the same but for the factor, which no customer's forecast knows."""
    version = train_ltv(small, as_of=date(1997, 9, 30), method="map", who="ada")
    model = BtydModel.from_artifact(small.artifact(version))
    assert 0.0 < model.period_sd < 1.0
    with_it, without = (replace(model, period_sd=sd) for sd in (model.period_sd, 0.0))
    rows = customers_at(small, Cut(version.lineage.as_of, version.lineage.known_at)).combine_chunks()
    tables, draws = [], []
    for each in (with_it, without):
        scorer = ready(each, 0).scorer([90], version.lineage.as_of)
        tables.append(pa.Table.from_batches(scorer.forecast(rows.to_batches())))
        draws.append(np.array(scorer.totals()["draws"].to_pylist()))
    assert tables[0].equals(tables[1])
    factors = period_factors(model.period_sd, draws[0].shape[1], seed=0)
    np.testing.assert_allclose(draws[0], draws[1] * factors)


def test_a_backtest_shows_the_totals_that_a_trained_version_would_forecast() -> None:
    events = world(2)
    pair = {"bg_nbd": candidates(0)["bg_nbd"]}
    result = backtest(events, BacktestSpec(AS_OF, TARGET_END), pair, Silent())
    shown = result.forecasts["bg_nbd"].totals
    past = past_of(events, AS_OF, "UTC")
    model = with_period(fit(past.rfm, seed=0), past.events.to_reader, past.cut, "UTC", 0)
    scorer = Scorer(model, [(TARGET_END - AS_OF).days], AS_OF, seed=0)
    list(scorer.forecast(past.rfm.to_batches()))
    assert shown is not None
    assert model.period_sd > 0.05
    drawn = scorer.totals()["draws"].to_pylist()
    np.testing.assert_allclose(shown["draws"].to_pylist(), drawn, rtol=1e-9)
    drawn_for_pictures = result.predict["bg_nbd"]((TARGET_END - AS_OF).days).totals
    assert drawn_for_pictures is not None
    np.testing.assert_allclose(drawn_for_pictures["draws"].to_pylist(), drawn, rtol=1e-9)
