"""Priors as densities, as data, and free of units."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core import columns as c
from ltv.fit import fit
from ltv.priors import FLAT, PURCHASES, SPEND, Prior, Priors
from tests.ltv.cdnow import rfm_table
from tests.tiers import examples

HISTORIES = [(0, 0.0, 30.0), (0, 0.0, 80.0), (1, 10.0, 30.0), (2, 40.0, 90.0), (5, 70.0, 80.0), (3, 20.0, 85.0)]
SPENDS = [0.0, 0.0, 12.0, 30.0, 22.0, 18.5]


@pytest.mark.parametrize("prior", [PURCHASES, SPEND])
@given(data=st.data())
@settings(max_examples=examples(ci=30, soak=1000))
def test_the_gradient_is_the_slope_of_the_density(prior: Prior, data: st.DataObject) -> None:
    size = len(prior.coordinates)
    u = np.array(data.draw(st.lists(st.floats(-6, 6), min_size=size, max_size=size)))
    steps = np.eye(size) * 1e-5
    slope = (prior.log_density(u + steps) - prior.log_density(u - steps)) / 2e-5
    assert prior.gradient(u) == pytest.approx(slope, rel=1e-5, abs=1e-5)


def test_the_flat_prior_says_nothing() -> None:
    u = np.array([[1.0, -3.0, 0.5, 9.0]])
    assert FLAT.flat
    assert FLAT.log_density(u) == pytest.approx(0.0)
    assert not PURCHASES.flat


def test_priors_survive_json() -> None:
    priors = Priors(PURCHASES, SPEND, time_unit_days=230.5, money_unit=36.1)
    assert Priors.from_data(json.loads(json.dumps(priors.as_data()))) == priors


def test_the_unit_of_time_does_not_change_what_is_learnt() -> None:
    days = rfm_table(HISTORIES, SPENDS)
    hours = rfm_table([(x, 24 * recency, 24 * age) for x, recency, age in HISTORIES], SPENDS)
    one, other = fit(days, method="map").purchase_draws, fit(hours, method="map").purchase_draws
    assert other == pytest.approx(one * np.array([1, 24, 1, 1]), rel=1e-6)


def test_the_currency_does_not_change_what_is_learnt() -> None:
    euros = rfm_table(HISTORIES, SPENDS)
    cents = rfm_table(HISTORIES, [100 * spend for spend in SPENDS])
    one, other = fit(euros, method="map").spend_draws, fit(cents, method="map").spend_draws
    assert other == pytest.approx(one * np.array([1, 1, 100]), rel=1e-6)


def test_the_prior_hardly_moves_cdnow(cdnow_full: object) -> None:
    from tests.ltv.cdnow import calibration

    table: pa.Table = calibration(cdnow_full)  # type: ignore[arg-type]
    flat, weak = fit(table, method="map", flat_priors=True), fit(table, method="laplace")
    sd = np.array(weak.diagnostics.purchases.posterior_sd)
    assert np.abs(np.array(weak.diagnostics.purchases.mode) - flat.purchase_draws[0]) == pytest.approx(
        np.zeros(4), abs=0.05 * float(sd.max())
    )
    assert c.FREQUENCY in table.column_names
