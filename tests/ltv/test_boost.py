"""The boosted model: better than its anchor where there is something to learn, its anchor where there is not."""

from datetime import UTC, date, datetime, timedelta
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from farview.core import schemas
from farview.core.clock import Cut
from farview.core.errors import ArtifactMismatch, InvalidInput
from farview.evaluation.gini import normalized_gini
from farview.features.customer import customer_features
from farview.features.customer_rfm import rfm_of_features
from farview.features.window import window
from farview.simulation.bg_nbd import BuyingHabits, simulate_events
from ltv.boost_fit import fit_boost
from ltv.boost_model import BoostModel
from ltv.boost_rows import training_origins
from ltv.boost_scorer import BoostScorer
from ltv.parts import pack, unpack
from ltv.scorer import Scorer

AS_OF = date(1997, 6, 30)
CUT = Cut(AS_OF, datetime(2000, 1, 1, tzinfo=UTC))
HORIZONS = (30, 90)


@pytest.fixture(scope="module")
def events() -> pa.Table:
    """4,000 customers of two kinds: those who spend more also come more often, which no buy-till-you-die model knows.
    Customers of even number send half of every purchase back two days later."""
    few = pa.Table.from_batches(simulate_events(2500, seed=4, habits=BuyingHabits(r=0.15)))
    many = pa.Table.from_batches(simulate_events(1500, seed=5, habits=BuyingHabits(r=0.6, v=60.0)))
    renamed = pc.replace_substring(many["customer_id"], "C0", "C9").cast(pa.string())
    bought = pa.concat_tables([few, many.set_column(0, schemas.EVENTS.field(0), renamed)]).combine_chunks()
    even = pc.is_in(pc.utf8_slice_codeunits(bought["customer_id"], -1), value_set=pa.array(list("02468")))
    sent = bought.filter(even)
    back = pc.add(sent["time"], pa.scalar(timedelta(days=2), pa.duration("us")))
    returns = pa.table([sent["customer_id"], back, pc.multiply(sent["amount"], -0.5)], schema=schemas.EVENTS)
    return pa.concat_tables([bought, returns]).combine_chunks()


@pytest.fixture(scope="module")
def model(events: pa.Table) -> BoostModel:
    return fit_boost(events, CUT, "UTC", seed=1)


@pytest.fixture(scope="module")
def features(events: pa.Table) -> pa.Table:
    return customer_features(events, CUT, "UTC").read_all().combine_chunks()


@pytest.fixture(scope="module")
def forecast(model: BoostModel, features: pa.Table) -> pa.Table:
    return score(model, features)


def score(
    model: BoostModel,
    features: pa.Table,
    *,
    batch: int = 65_536,
    gross: bool = False,
    horizons: tuple[int, ...] = HORIZONS,
) -> pa.Table:
    scorer = BoostScorer(model, horizons, AS_OF, 1, gross=gross)
    return pa.Table.from_batches(scorer.forecast(features.to_batches(max_chunksize=batch)), schemas.FORECAST)


def longest(forecast: pa.Table) -> pa.Table:
    return forecast.filter(pc.equal(forecast["horizon_days"], HORIZONS[-1])).combine_chunks()


def actual(events: pa.Table, features: pa.Table, name: str) -> np.ndarray:
    came = window(events, AS_OF, AS_OF + timedelta(days=HORIZONS[-1]), "UTC").read_all()
    place = pc.index_in(features["customer_id"], value_set=came["customer_id"].combine_chunks())
    return pc.fill_null(came[name].cast(pa.float64()).take(place), 0.0).to_numpy()


def test_who_buys_is_told_better_than_by_its_anchor(events: pa.Table, model: BoostModel, features: pa.Table) -> None:
    came = actual(events, features, "purchases")
    anchor = Scorer(model.anchor, HORIZONS, AS_OF, 1).forecast(rfm_of_features(features, AS_OF).to_batches())
    before, after = longest(pa.Table.from_batches(anchor)), longest(score(model, features))
    ginis = [normalized_gini(came, table["purchases_mean"].to_numpy()) for table in (before, after)]
    assert ginis[1] > ginis[0] + 0.01


def test_net_value_is_less_for_those_who_return(events: pa.Table, forecast: pa.Table, features: pa.Table) -> None:
    net, found = actual(events, features, "value"), longest(forecast)["value_mean"].to_numpy()
    assert found.sum() == pytest.approx(net.sum(), rel=0.15)
    even = np.array([int(who[-1]) % 2 == 0 for who in features["customer_id"].to_pylist()])
    share = found[even].sum() / found[~even].sum()
    assert share == pytest.approx(net[even].sum() / net[~even].sum(), abs=0.15)


def test_it_expects_its_anchors_purchases_times_what_earlier_days_agree_on(
    events: pa.Table, features: pa.Table
) -> None:
    with patch("ltv.boost_levels.number_level", return_value=np.log(0.8)):
        model = fit_boost(events, CUT, "UTC", seed=1)
    rows = rfm_of_features(features, AS_OF)
    anchor = longest(pa.Table.from_batches(Scorer(model.anchor, HORIZONS, AS_OF, 1).forecast(rows.to_batches())))
    ours = longest(score(model, features, gross=True))
    expected = 0.8 * pc.sum(anchor["purchases_mean"]).as_py()
    assert pc.sum(ours["purchases_mean"]).as_py() == pytest.approx(expected, rel=0.05)


def test_the_median_day_is_within_the_longest_horizon_asked_and_that_of_a_finer_look(
    model: BoostModel, features: pa.Table
) -> None:
    some = features.slice(0, 300)
    assert model.units.reference_days > HORIZONS[0]
    coarse = score(model, some, horizons=HORIZONS[:1])
    fine = score(model, some, horizons=tuple(range(1, HORIZONS[0] + 1)))
    days = [(day - AS_OF).days for day in coarse["median_next_purchase_date"].to_pylist()]
    chance = 1.0 - fine["purchases_p_zero"].to_numpy().reshape(some.num_rows, -1)
    half = 1 + (chance < 0.5 * chance[:, -1:]).sum(axis=1)
    assert max(days) <= HORIZONS[0]
    assert np.abs(days - half).max() <= 2


def test_horizons_that_fall_are_refused(model: BoostModel) -> None:
    with pytest.raises(InvalidInput, match="rising"):
        BoostScorer(model, (90, 30), AS_OF, 1)


def test_neither_the_future_nor_the_order_of_events_is_seen(events: pa.Table, model: BoostModel) -> None:
    known = events.filter(pc.less_equal(events["time"], pa.scalar(datetime(1997, 6, 30, 23, 59, 59, tzinfo=UTC))))
    assert known.num_rows < events.num_rows
    turned = known.take(pa.array(np.arange(known.num_rows)[::-1]))
    assert fit_boost(turned, CUT, "UTC", seed=1).to_artifact() == model.to_artifact()


def test_forecasts_do_not_depend_on_batches(model: BoostModel, features: pa.Table, forecast: pa.Table) -> None:
    assert score(model, features.slice(0, 500), batch=7).equals(forecast.slice(0, 500 * len(HORIZONS)))


def test_its_artifact_gives_the_same_forecasts_and_holds_no_customer(
    model: BoostModel, features: pa.Table, forecast: pa.Table
) -> None:
    artifact = model.to_artifact()
    again = BoostModel.from_artifact(artifact)
    assert again.to_artifact() == artifact
    assert score(again, features).equals(forecast)
    assert b"C0000" not in artifact


def test_an_artifact_of_other_inputs_is_refused(model: BoostModel) -> None:
    name, about, parts = unpack(model.to_artifact())
    with pytest.raises(ArtifactMismatch, match="train boost again"):
        BoostModel.from_artifact(pack(name, {**about, "inputs": ["age"]}, parts))
    with pytest.raises(ArtifactMismatch, match="not 'boost'"):
        BoostModel.from_artifact(pack("other", about, parts))


def test_totals_are_those_of_the_forecasts(model: BoostModel, features: pa.Table, forecast: pa.Table) -> None:
    scorer = BoostScorer(model, HORIZONS, AS_OF, 1)
    for _ in scorer.forecast(features.to_batches()):
        pass
    base = [row for row in scorer.totals().to_pylist() if row["group_kind"] == "base"]
    for row in base:
        mine = forecast.filter(pc.equal(forecast["horizon_days"], row["horizon_days"]))
        total = pc.sum(mine[f"{row['measure']}_mean"]).as_py()
        assert row["mean"] == pytest.approx(total)
        assert len(row["draws"]) >= 500
        assert np.mean(row["draws"]) == pytest.approx(total, rel=0.02)


def test_a_history_too_short_for_origins_leaves_the_anchor(events: pa.Table) -> None:
    early = Cut(date(1997, 1, 5), CUT.known_at)
    model = fit_boost(events, early, "UTC")
    assert not any(model.trees.values())
    assert "too short" in model.diagnostics.warnings[-1]


def test_nobody_to_learn_from_is_refused(events: pa.Table) -> None:
    with pytest.raises(InvalidInput, match="no customer"):
        fit_boost(events, Cut(date(1990, 1, 1), CUT.known_at), "UTC")


@pytest.mark.parametrize("days", range(0, 2000, 97))
def test_targets_of_training_end_by_the_last_day(days: int) -> None:
    last = date(2020, 1, 1) + timedelta(days=days)
    origins = training_origins(date(2020, 1, 1), last)
    assert all(origin.target_end <= last and origin.as_of > date(2020, 1, 1) for origin in origins)
    assert bool(origins) == (days >= 6)
