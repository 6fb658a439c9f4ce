"""Priors as densities, as data, and free of units."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltv.fit import fit
from ltv.priors import BETA_DROPOUT, FIRST_SPENDS, FLAT, SPEND, Prior, Priors
from tests.ltv.cdnow import calibration, rfm_table
from tests.tiers import examples

HISTORIES = [(0, 0.0, 30.0), (0, 0.0, 80.0), (1, 10.0, 30.0), (2, 40.0, 90.0), (5, 70.0, 80.0), (3, 20.0, 85.0)]
SPENDS = [0.0, 0.0, 12.0, 30.0, 22.0, 18.5]


@pytest.mark.parametrize("prior", [BETA_DROPOUT, SPEND, FIRST_SPENDS])
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
    assert not BETA_DROPOUT.flat


def test_priors_survive_json() -> None:
    priors = Priors(BETA_DROPOUT, SPEND, time_unit_days=230.5, money_unit=36.1)
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


def test_the_priors_move_no_parameter_of_cdnow_by_a_tenth_of_its_sd(cdnow_full: Path) -> None:
    flat = fit(calibration(cdnow_full), method="map", flat_priors=True)
    weak = fit(calibration(cdnow_full)).diagnostics
    for draws, part in ((flat.purchase_draws, weak.purchases), (flat.spend_draws, weak.spend)):
        assert part.mode is not None
        assert np.all(np.abs(draws[0] - part.mode) < 0.1 * np.array(part.posterior_sd))
