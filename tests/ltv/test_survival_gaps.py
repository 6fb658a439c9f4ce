"""Gap times of repeat purchases: recovery of known gaps, and what follows for the next purchase."""

import numpy as np
import pyarrow as pa
import pytest

from farview.core.errors import InvalidInput
from farview.features.gaps import GAPS
from ltv.survival_gaps import GapModel, fit_gap_cox, fit_gaps, gap_goes_on, next_purchase

SHAPE, SCALE, FASTER = 0.8, 40.0, -0.5  # gaps after the first are exp(FASTER) times as long


def gaps(customers: int = 1000, until: int = 300, seed: int = 6, frailty: float = 0.0) -> pa.Table:
    """Histories of so many days; `frailty` is the sd of the logarithm of each customer's own factor on all gaps."""
    rows = []
    for customer in range(customers):
        rng = np.random.default_rng([seed, customer])  # the same history whatever is seen of it
        own = np.exp(frailty * rng.normal())
        day, number, previous = 0, 1, None
        while True:
            scale = SCALE * own * (np.exp(FASTER) if number > 1 else 1.0)
            gap = int(np.ceil(scale * rng.exponential() ** (1 / SHAPE)))
            ended = day + gap <= until
            rows.append((f"c{customer}", number, gap if ended else until - day, ended, previous, 10.0))
            if not ended:
                break
            day, number, previous = day + gap, number + 1, gap
    return pa.Table.from_pylist([dict(zip(GAPS.names, row, strict=True)) for row in rows], schema=GAPS)


@pytest.fixture(scope="module")
def known() -> pa.Table:
    return gaps()


@pytest.fixture(scope="module")
def model(known: pa.Table) -> GapModel:
    return fit_gaps(known)


def test_known_gaps_are_recovered(model: GapModel) -> None:
    """Shape and the first gap's factor; two figures beyond 4 standard errors by chance: .00013."""
    names = [column.name for column in model.design.columns]
    assert names == ["after_first", "log_number", "log_previous_gap"]  # every amount is the same: left out and named
    assert model.design.left_out == ("log_amount",)
    errors = model.weibull.standard_errors
    assert abs(model.weibull.log_shape - np.log(SHAPE)) < 4 * errors[-1]
    assert abs(model.weibull.coefficients[0] + FASTER) < 4 * errors[1]


def test_errors_are_wider_where_a_customers_gaps_have_something_in_common() -> None:
    alike = gaps(frailty=2.0)
    lone = alike.set_column(0, "customer_id", pa.array([f"r{row}" for row in range(len(alike))]))
    robust, naive = fit_gaps(alike).weibull, fit_gaps(lone).weibull
    assert robust.intercept == pytest.approx(naive.intercept)
    assert robust.standard_errors[0] > 1.15 * naive.standard_errors[0]


def test_as_many_buy_nothing_as_was_forecast(model: GapModel) -> None:
    """Customers like those learnt from, cut at day 200 and followed for 60 days: within 4 standard errors."""
    before, after = gaps(seed=9, until=200), gaps(seed=9, until=260)
    opened = before.filter(pa.compute.invert(before["ended"]))
    forecast = next_purchase(model, opened, 60).p_none
    later = {row["customer_id"]: row["number"] for row in after.to_pylist()}
    none = np.array([later[row["customer_id"]] == row["number"] for row in opened.to_pylist()])
    error = np.sqrt((forecast * (1 - forecast)).sum()) / len(none)
    assert abs(none.mean() - forecast.mean()) < 4 * error


def test_half_of_the_purchases_within_a_horizon_come_before_the_median(known: pa.Table, model: GapModel) -> None:
    opened = known.filter(pa.compute.invert(known["ended"])).slice(0, 200)
    whole = next_purchase(model, opened, 90)
    covariates = model.design.matrix(
        pa.table(
            {
                "after_first": np.equal(opened["number"].to_numpy(), 1).astype(float),
                "log_number": np.log(opened["number"].to_numpy()),
                "log_previous_gap": pa.array([None if g is None else np.log(g) for g in opened[4].to_pylist()]),
            }
        )
    )
    since = opened["gap_days"].to_numpy().astype(float)
    hazard = model.weibull.cumulative_hazard
    bought = 1 - np.exp(hazard(covariates, since) - hazard(covariates, since + whole.median_days))
    assert bought == pytest.approx((1 - whole.p_none) / 2)


def test_a_longer_horizon_leaves_fewer_without_a_purchase_and_a_later_median(known: pa.Table, model: GapModel) -> None:
    opened = known.filter(pa.compute.invert(known["ended"]))
    near, far = next_purchase(model, opened, 30), next_purchase(model, opened, 300)
    assert (far.p_none < near.p_none).all()
    assert (far.median_days > near.median_days).all()
    assert ((near.median_days > 0) & (near.median_days < 30)).all()


def test_customers_who_never_came_back_teach_nothing() -> None:
    known = gaps(customers=30)
    firsts = known.filter(pa.compute.invert(known["ended"]))
    with pytest.raises(InvalidInput, match="nobody has bought twice"):
        fit_gaps(firsts)


def test_a_horizon_of_nothing_is_refused(known: pa.Table, model: GapModel) -> None:
    with pytest.raises(InvalidInput, match="horizon_days"):
        next_purchase(model, known, 0)


def test_cox_of_gaps_agrees_with_the_weibull_that_made_them(known: pa.Table, model: GapModel) -> None:
    """Its coefficients are hazards': -k times those on time. Forecasts agree, if not one by one at ages few reached."""
    found = fit_gap_cox(known)
    assert [column.name for column in found.design.columns] == [column.name for column in model.design.columns]
    wanted = -np.exp(model.weibull.log_shape) * model.weibull.coefficients[0]
    assert abs(found.cox.coefficients[0] - wanted) < 4 * found.cox.standard_errors[0]
    opened = known.filter(pa.compute.invert(known["ended"])).slice(0, 200)
    by_cox = gap_goes_on(found.cox, found.design, opened, 60)
    assert by_cox.mean() == pytest.approx(next_purchase(model, opened, 60).p_none.mean(), abs=0.03)
