"""Corrections worked into the forecast contract: means by formula, laws that have them, nothing else moved."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core import quantile_grid as grid
from farview.core.schemas import FORECAST
from ltv.boost_tilt import Corrections, tilted, tilted_counts
from tests.ltv.cdnow import calibration
from tests.ltv.predictive import HORIZONS_DAYS, forecast, known_model
from tests.tiers import examples

READ_FROM_GRIDS = {"p_alive", "purchases_sd", *(f"purchases_q{level}" for level in ("05", "10", "50", "90", "95"))}
ROWS = 60 * len(HORIZONS_DAYS)
sizes = st.floats(-1.5, 1.5)


@pytest.fixture(scope="module")
def anchor(cdnow_full: Path) -> pa.Table:
    """Forecasts of sixty customers of all kinds."""
    customers = calibration(cdnow_full).sort_by([("frequency", "descending")])
    return forecast(known_model(64), customers.take(pa.array(range(0, 60 * 390, 390))))


def corrected(
    anchor: pa.Table, some: float = 0.0, more: float = 0.0, spend: float = 0.0, kept: float = 1.0
) -> pa.Table:
    corrections = Corrections(*(np.full(anchor.num_rows, figure) for figure in (some, more, spend, kept)))
    return pa.Table.from_batches([tilted(anchor, corrections)])


def column(table: pa.Table, name: str) -> np.ndarray:
    return table.column(name).to_numpy()


def test_no_correction_changes_nothing_but_p_alive(anchor: pa.Table) -> None:
    same = corrected(anchor)
    for name in FORECAST.names:
        if pa.types.is_floating(FORECAST.field(name).type) and name not in READ_FROM_GRIDS:
            np.testing.assert_allclose(column(same, name), column(anchor, name), rtol=3e-2, atol=1e-9, err_msg=name)
    assert same.column("value_grid").equals(anchor.column("value_grid"))
    assert same.column("p_alive").null_count == ROWS


@settings(max_examples=examples(ci=6, soak=500), deadline=None)
@given(some=sizes, more=sizes, spend=sizes, kept=st.floats(0.1, 1.0))
def test_means_are_those_of_the_corrected_margins(
    anchor: pa.Table, some: float, more: float, spend: float, kept: float
) -> None:
    after = corrected(anchor, some, more, spend, kept)
    before = 1 - column(anchor, "purchases_p_zero")
    chance = 1 - column(anchor, "purchases_p_zero") ** np.exp(some)
    further = column(anchor, "purchases_mean") / before - 1
    np.testing.assert_allclose(1 - column(after, "purchases_p_zero"), chance, rtol=1e-9)
    np.testing.assert_allclose(column(after, "purchases_mean"), chance * (1 + further * np.exp(more)), rtol=1e-9)
    value = column(anchor, "value_mean") / before * np.exp(spend) * kept * chance
    for name in ("value_mean", "expected_value_mean"):
        np.testing.assert_allclose(column(after, name), value, rtol=1e-9)


@settings(max_examples=examples(ci=6, soak=500), deadline=None)
@given(some=sizes, more=sizes, spend=sizes)
def test_stored_laws_have_the_corrected_means(anchor: pa.Table, some: float, more: float, spend: float) -> None:
    after = corrected(anchor, some, more, spend)
    for measure in ("purchases", "value"):
        found = grid.mean(grid.law_of(after, measure))
        np.testing.assert_allclose(found, column(after, f"{measure}_mean"), rtol=0.03, err_msg=measure)
        assert found.sum() == pytest.approx(column(after, f"{measure}_mean").sum(), rel=0.01)


@settings(max_examples=examples(ci=6, soak=500), deadline=None)
@given(some=sizes, more=sizes, spend=sizes)
def test_purchases_and_value_grow_with_the_horizon(anchor: pa.Table, some: float, more: float, spend: float) -> None:
    after = corrected(anchor, some, more, spend)
    for name in ("purchases_mean", "value_mean", "purchases_q95", "value_q95"):
        by_horizon = column(after, name).reshape(-1, len(HORIZONS_DAYS))
        assert np.all(np.diff(by_horizon, axis=1) >= -1e-9 * by_horizon[:, :-1]), name


def test_quantile_columns_are_those_of_the_stored_law(anchor: pa.Table) -> None:
    after = corrected(anchor, 0.4, -0.3, 0.2)
    for level, name in ((0.5, "q50"), (0.95, "q95")):
        law = grid.law_of(after, "value")
        np.testing.assert_allclose(column(after, f"value_{name}"), grid.quantile(law, level), rtol=2e-3)


def test_the_spread_of_value_is_that_of_its_law(anchor: pa.Table) -> None:
    after = corrected(anchor, 0.5, 0.0, -0.4, 0.9)
    law_sd = grid.sd(grid.law_of(after, "value"))
    before = grid.sd(grid.law_of(anchor, "value"))
    told = column(anchor, "value_sd") / before  # the grid itself ends somewhere
    np.testing.assert_allclose(column(after, "value_sd") / law_sd, told, rtol=0.05)


@settings(max_examples=examples(ci=30, soak=2000), deadline=None)
@given(steps=st.lists(st.floats(0.0, 5.0), min_size=33, max_size=33), log_factor=st.floats(-2.0, 1.0))
def test_tilted_counts_never_decrease_and_move_with_the_factor(steps: list[float], log_factor: float) -> None:
    points = 0.5 + np.cumsum(steps)[None]
    after = tilted_counts(points, grid.LEVELS, np.exp(np.array([log_factor])))
    assert np.all(np.diff(after, axis=1) >= -1e-9)
    assert np.all(after >= 0.5 - 1e-9)
    assert np.sign(np.round(after.sum() - points.sum(), 6)) in (0.0, np.sign(log_factor))
