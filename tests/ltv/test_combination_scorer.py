"""The combination's forecasts: a mixture of its members', in every column of the contract."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from farview.core import columns as c
from farview.core import schemas
from farview.core.clock import Cut
from farview.core.errors import ArtifactMismatch
from farview.core.quantile_grid import law_of
from farview.core.quantile_grid import mean as mean_of
from farview.features.rfm import rfm
from farview.simulation.bg_nbd import simulate_events
from ltv.combination import SEGMENTS, Weights
from ltv.combination_model import CombinationDiagnostics, CombinationModel
from ltv.fit import fit
from ltv.model import BtydModel, LtvModel
from ltv.parts import pack
from ltv.period import period_factors
from ltv.registered import load, ready

AS_OF = date(1997, 6, 30)
CUT = Cut(AS_OF, datetime(2000, 1, 1, tzinfo=UTC))
HORIZONS = (30, 180)
NEW_DAYS = 120
MEASURES = (c.PURCHASES, c.VALUE)


@pytest.fixture(scope="module")
def events() -> pa.Table:
    return pa.Table.from_batches(simulate_events(150, seed=3))


@pytest.fixture(scope="module")
def members(events: pa.Table) -> tuple[LtvModel, ...]:
    customers = rfm(events, CUT, "UTC").read_all()
    return tuple(fit(customers, model=name, method="laplace", seed=1) for name in ("bg_nbd+first_spend", "mbg_nbd"))


def pool(
    members: tuple[LtvModel, ...], rows: tuple[tuple[float, ...], ...], *, power: float = 1.0, kept: float = 1.0
) -> CombinationModel:
    names = tuple(member.name for member in members)
    told = CombinationDiagnostics(names, 150, ("a to b",), 0.01, dict(zip(SEGMENTS, rows, strict=True)), ())
    return CombinationModel(members, Weights(rows, power, 0.01), kept, NEW_DAYS, told)


def score(model: LtvModel, events: pa.Table, batch: int = 65_536) -> tuple[pa.Table, pa.Table]:
    """Forecasts and totals."""
    prepared = ready(model, 1)
    rows = prepared.inputs.bulk(events, CUT, "UTC").read_all()
    scorer = prepared.scorer(HORIZONS, AS_OF)
    return pa.Table.from_batches(
        scorer.forecast(rows.to_batches(max_chunksize=batch)), schemas.FORECAST
    ), scorer.totals()


@pytest.fixture(scope="module")
def mixed(members: tuple[LtvModel, ...]) -> CombinationModel:
    return pool(members, ((0.5, 0.5), (0.7, 0.3), (0.2, 0.8)))


@pytest.fixture(scope="module")
def tables(members: tuple[LtvModel, ...], events: pa.Table) -> list[pa.Table]:
    return [score(member, events)[0] for member in members]


def weights_of(events: pa.Table, model: CombinationModel) -> np.ndarray:
    rows = rfm(events, CUT, "UTC").read_all()
    came_back, age = rows[c.FREQUENCY].to_numpy() > 0, rows[c.AGE_DAYS].to_numpy()
    segment = np.where(came_back, 2, np.where(age < NEW_DAYS, 0, 1))
    assert set(segment) == {0, 1, 2}
    return np.repeat(np.array(model.weights.by_segment)[segment], len(HORIZONS), axis=0)


def test_means_and_chances_are_the_members_weighed_by_segment(
    mixed: CombinationModel, events: pa.Table, tables: list[pa.Table]
) -> None:
    forecast, weights = score(mixed, events)[0], weights_of(events, mixed)
    for name in ("purchases_mean", "purchases_p_zero", "value_mean", "value_p_zero", "expected_value_mean"):
        expected = sum(weights[:, k] * table[name].to_numpy() for k, table in enumerate(tables))
        np.testing.assert_allclose(forecast[name].to_numpy(), expected, rtol=1e-12)


def test_the_spread_is_that_of_the_mixture(mixed: CombinationModel, events: pa.Table, tables: list[pa.Table]) -> None:
    forecast, weights = score(mixed, events)[0], weights_of(events, mixed)
    for name in ("purchases", "value", "expected_value"):
        second = sum(
            weights[:, k] * (table[f"{name}_sd"].to_numpy() ** 2 + table[f"{name}_mean"].to_numpy() ** 2)
            for k, table in enumerate(tables)
        )
        expected = np.sqrt(second - forecast[f"{name}_mean"].to_numpy() ** 2)
        np.testing.assert_allclose(forecast[f"{name}_sd"].to_numpy(), expected, rtol=1e-9)


def test_a_member_with_all_the_weight_is_the_forecast(
    members: tuple[LtvModel, ...], events: pa.Table, tables: list[pa.Table]
) -> None:
    forecast = score(pool(members, ((0.0, 1.0),) * 3), events)[0]
    for field in schemas.FORECAST:
        if pa.types.is_floating(field.type) and field.name != c.P_ALIVE:
            # Quantile columns come from the stored grid, not from the kernels.
            on_grid = field.name.startswith((c.PURCHASES, c.VALUE)) and "_q" in field.name
            same = (0.01, 0.3) if on_grid else (1e-6, 0.0)
            mine, its = forecast[field.name].to_numpy(), tables[1][field.name].to_numpy()
            assert np.mean(np.abs(mine - its) <= same[0] * its + same[1]) > 0.99, field.name
    assert forecast[c.MEDIAN_NEXT_PURCHASE_DATE].equals(tables[1][c.MEDIAN_NEXT_PURCHASE_DATE])


def test_a_pool_defines_no_p_alive(mixed: CombinationModel, events: pa.Table) -> None:
    assert score(mixed, events)[0][c.P_ALIVE].null_count == 2 * rfm(events, CUT, "UTC").read_all().num_rows


@pytest.mark.parametrize("power", [0.8, 1.2])
def test_a_power_changes_the_laws_of_value_and_not_their_means(
    power: float, members: tuple[LtvModel, ...], events: pa.Table, mixed: CombinationModel
) -> None:
    plain = score(mixed, events)[0]
    changed = score(pool(members, mixed.weights.by_segment, power=power), events)[0]
    np.testing.assert_allclose(changed["value_mean"].to_numpy(), plain["value_mean"].to_numpy(), rtol=1e-12)
    np.testing.assert_allclose(mean_of(law_of(changed, c.VALUE)), plain["value_mean"].to_numpy(), rtol=0.02)
    wider = changed["value_sd"].to_numpy() > plain["value_sd"].to_numpy()
    assert wider.all() if power > 1 else not wider.any()


def test_forecasts_and_totals_do_not_depend_on_batches(mixed: CombinationModel, events: pa.Table) -> None:
    whole, pieces = score(mixed, events), score(mixed, events, batch=7)
    assert whole[0].equals(pieces[0])
    for one, other in zip(whole[1].to_pylist(), pieces[1].to_pylist(), strict=True):
        np.testing.assert_allclose(one["draws"], other["draws"], rtol=1e-9)


def test_totals_have_the_means_of_the_customers_and_the_members_disagreement(
    mixed: CombinationModel, members: tuple[BtydModel, ...], events: pa.Table
) -> None:
    forecast, totals = score(mixed, events)
    for row in totals.to_pylist():
        if row["group_kind"] == "base":
            name = f"{row['measure']}_mean"
            total = pc.sum(forecast.filter(pc.equal(forecast[c.HORIZON_DAYS], row[c.HORIZON_DAYS]))[name]).as_py()
            assert row["mean"] == pytest.approx(total, rel=1e-12)
            assert np.mean(row["draws"]) == pytest.approx(total, rel=0.03)
    sure = replace(members[1], purchase_draws=np.tile(members[1].purchase_draws.mean(axis=0), (512, 1)))
    dear = replace(sure, spend_draws=sure.spend_draws * [1.0, 1.0, 5.0])
    models = (pool((sure, dear), ((0.5, 0.5),) * 3), sure, dear)
    both, near, other = (np.array(score(model, events)[1].to_pylist()[3]["draws"]) for model in models)
    assert both.std() / both.mean() > 1.3 * max(near.std() / near.mean(), other.std() / other.mean())


def test_totals_share_what_a_period_brings_and_the_artifact_keeps_it(mixed: CombinationModel, events: pa.Table) -> None:
    again = load(replace(mixed, period_sd=0.2).to_artifact())
    assert isinstance(again, CombinationModel)
    assert again.period_sd == 0.2
    (forecast, with_it), (same, without) = score(again, events), score(mixed, events)
    assert forecast.equals(same)
    drawn = np.array(without["draws"].to_pylist())
    np.testing.assert_allclose(with_it["draws"].to_pylist(), drawn * period_factors(0.2, drawn.shape[1], seed=1))


def test_what_members_know_nothing_of_is_deducted(
    members: tuple[LtvModel, ...], events: pa.Table, mixed: CombinationModel
) -> None:
    model = pool(members, mixed.weights.by_segment, kept=0.75)
    assert model.deducts_returns
    plain, net = score(mixed, events)[0], score(model, events)[0]
    for name in ("value_mean", "value_sd", "value_q90", "expected_value_q95"):
        np.testing.assert_allclose(net[name].to_numpy(), 0.75 * plain[name].to_numpy(), rtol=1e-9)
    gross = ready(model, 1).scorer(HORIZONS, AS_OF, gross=True)
    rows = ready(model, 1).inputs.bulk(events, CUT, "UTC").read_all()
    again = pa.Table.from_batches(gross.forecast(rows.to_batches()))
    assert again["value_mean"].to_pylist() == plain["value_mean"].to_pylist()


def test_the_artifact_gives_the_same_model(mixed: CombinationModel, events: pa.Table) -> None:
    again = load(mixed.to_artifact())
    assert isinstance(again, CombinationModel)
    assert again.to_artifact() == mixed.to_artifact()
    assert (again.weights, again.diagnostics) == (mixed.weights, mixed.diagnostics)
    assert score(again, events)[0].equals(score(mixed, events)[0])


def test_a_damaged_member_is_refused(mixed: CombinationModel) -> None:
    artifact = bytearray(mixed.to_artifact())
    artifact[-9] ^= 1
    with pytest.raises(ArtifactMismatch):
        load(bytes(artifact))
    with pytest.raises(ArtifactMismatch):
        load(pack("combination", {"format_version": 99}, {}))
