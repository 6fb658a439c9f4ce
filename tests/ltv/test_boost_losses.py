"""Losses of the boosted heads: slopes by differences, minima where the margin says what came."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltv import boost_losses
from ltv.boost_losses import Loss
from tests.tiers import examples

LOSSES = {"some": (boost_losses.some, 1.0), "count": (boost_losses.count, 3.0), "amount": (boost_losses.amount, 12.5)}
margins = st.floats(-12.0, 2.5)


def at(loss: Loss, margin: float, target: float) -> tuple[float, float, float]:
    figures = loss(np.array([margin]), np.array([target]))
    return float(figures[0][0]), float(figures[1][0]), float(figures[2][0])


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=examples(ci=30, soak=2000), deadline=None)
@given(margin=margins, bought=st.booleans())
def test_the_slope_is_that_of_the_loss(name: str, margin: float, bought: bool) -> None:
    loss, positive = LOSSES[name]
    target = positive if bought or name == "amount" else 0.0
    step = 1e-5
    rise = (at(loss, margin + step, target)[0] - at(loss, margin - step, target)[0]) / (2 * step)
    assert at(loss, margin, target)[1] == pytest.approx(rise, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=examples(ci=30, soak=2000), deadline=None)
@given(margin=st.floats(-200.0, 200.0), bought=st.booleans())
def test_the_curvature_is_positive_and_all_figures_finite(name: str, margin: float, bought: bool) -> None:
    loss, positive = LOSSES[name]
    figures = at(loss, margin, positive if bought or name == "amount" else 0.0)
    assert np.all(np.isfinite(figures))
    assert figures[2] > 0


def test_a_margin_of_log_hazard_gives_the_bernoulli_likelihood() -> None:
    hazard = 0.7
    assert at(boost_losses.some, np.log(hazard), 1.0)[0] == pytest.approx(-np.log(1 - np.exp(-hazard)))
    assert at(boost_losses.some, np.log(hazard), 0.0)[0] == pytest.approx(hazard)


@pytest.mark.parametrize("name", ["count", "amount"])
def test_the_loss_is_least_where_the_mean_is_what_came(name: str) -> None:
    loss, target = LOSSES[name]
    assert at(loss, float(np.log(target)), target)[1] == pytest.approx(0.0, abs=1e-12)
