"""BG/BB: published figures, its likelihood against the sum as printed, histories in whole opportunities."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln, logsumexp

from farview.core import columns as c
from farview.core import schemas
from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.features.rfm import rfm, rfm_batch, rfm_of_one
from ltv import bg_bb_likelihood
from ltv.fit import fit
from ltv.kernel_bg_bb import BgBb, observe, survival
from ltv.kernel_purchases import History, State, Survival
from ltv.large_bg_bb import law, moments
from ltv.model import BtydModel
from ltv.opportunities import opportunity_rows
from tests.ltv.cdnow import rfm_table
from tests.ltv.donations import MAXIMUM, donations
from tests.ltv.predictive import forecast, known_model
from tests.tiers import examples

History_ = tuple[int, int, int]

positive = st.floats(np.log(0.05), np.log(50.0)).map(np.exp)
parameters = st.tuples(positive, positive, positive, positive)


@st.composite
def histories(draw: st.DrawFn) -> list[History_]:
    """(x, t_x, n)."""
    found = []
    for _ in range(draw(st.integers(1, 8))):
        n = draw(st.integers(0, 60))
        last = draw(st.integers(0, n))
        found.append((draw(st.integers(1, last)) if last else 0, last, n))
    return found


def as_printed(params: tuple[float, ...], history: History_) -> float:
    """FHS (2010) eq. (7), term by term."""
    (alpha, beta, gamma, delta), (x, last, n) = params, history
    terms = [betaln(alpha + x, beta + n - x) + betaln(gamma, delta + n)]
    terms += [betaln(alpha + x, beta + i - x) + betaln(gamma + 1, delta + i) for i in range(last, n)]
    return float(logsumexp(terms) - betaln(alpha, beta) - betaln(gamma, delta))


def table_of(found: list[History_]) -> pa.Table:
    return rfm_table([(x, float(last), float(n)) for x, last, n in found])


def test_donations_have_the_published_likelihood() -> None:
    value = bg_bb_likelihood.log_likelihood(np.array([MAXIMUM]), opportunity_rows(donations()))[0]
    assert value == pytest.approx(-33225.6, abs=0.05)


def test_donations_maximum_is_the_published_one() -> None:
    model = fit(donations(), model="bg_bb", method="map", flat_priors=True)
    assert model.purchase_draws[0] == pytest.approx(MAXIMUM, abs=6e-4)


@given(parameters, histories())
@settings(max_examples=examples(ci=60, soak=10_000), deadline=None)
def test_the_likelihood_is_the_printed_sum(params: tuple[float, ...], found: list[History_]) -> None:
    value = bg_bb_likelihood.log_likelihood(np.array([params]), opportunity_rows(table_of(found)))[0]
    assert value == pytest.approx(sum(as_printed(params, history) for history in found), rel=1e-9, abs=1e-9)


@given(parameters, histories(), st.sampled_from([1.0, 7.5]))
@settings(max_examples=examples(ci=30, soak=5_000), deadline=None)
def test_the_gradient_is_the_slope_of_the_likelihood(
    params: tuple[float, ...], found: list[History_], unit: float
) -> None:
    rows, at = opportunity_rows(table_of(found)).in_units(unit), np.array(params)
    _, gradient = bg_bb_likelihood.log_likelihood_and_gradient(at, rows)
    both = at * np.exp(1e-5 * np.concatenate([np.eye(4), -np.eye(4)]))
    up, down = bg_bb_likelihood.log_likelihood(both, rows).reshape(2, 4)
    assert gradient * at == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(
    "history", [(10_000, 10_000, 10_000), (1, 10_000, 10_000), (0, 0, 10_000), (9_000, 9_500, 10_000)]
)
def test_extreme_histories_have_a_finite_likelihood(history: History_) -> None:
    rows = opportunity_rows(table_of([history]))
    for at in np.exp(np.random.default_rng(0).normal(0, 2, (5, 4))):
        value, gradient = bg_bb_likelihood.log_likelihood_and_gradient(at, rows)
        assert np.isfinite(value)
        assert np.all(np.isfinite(gradient))
        assert value == pytest.approx(as_printed(tuple(at), history), rel=1e-8)


def law_of(params: tuple[float, ...], history: History_, ahead: int) -> np.ndarray:
    """P(N >= k | history), k = 0 .. ahead: by the opportunity of the k-th purchase."""
    (alpha, beta, gamma, delta), (x, _, n) = params, history
    p_alive = np.exp(betaln(alpha + x, beta + n - x) + betaln(gamma, delta + n) - betaln(alpha, beta)
                     - betaln(gamma, delta) - as_printed(params, history))  # fmt: skip
    out = np.zeros(ahead + 1)
    for k in range(1, ahead + 1):
        for j in range(k, ahead + 1):
            ways = -np.log(j) - betaln(k, j - k + 1)  # log C(j - 1, k - 1)
            log_term = ways + betaln(alpha + x + k, beta + n - x + j - k) - betaln(alpha + x, beta + n - x)
            out[k] += np.exp(log_term + betaln(gamma, delta + n + j) - betaln(gamma, delta + n))
    out *= p_alive
    out[0] = 1.0
    return out


@given(parameters, histories(), st.integers(1, 25))
@settings(max_examples=examples(ci=30, soak=3_000), deadline=None)
def test_the_law_of_purchases_is_the_sum_over_arrivals(
    params: tuple[float, ...], found: list[History_], ahead: int
) -> None:
    x, last, n = found[0]
    draws = BgBb(np.array([params, params]), 7.0, 1_000)
    at_least, moments = np.zeros(4098), np.empty((6, 2))
    history, state = History(x, 7.0 * last, 7.0 * n, 0.0), State(np.empty(2), np.empty(2))
    observe(history, draws, state)
    length = survival(history, 7.0 * ahead, state, draws, Survival(at_least, *moments))
    exact = law_of(params, found[0], ahead)
    assert at_least[: length + 1] == pytest.approx(exact[: length + 1], rel=1e-8, abs=1e-12)
    assert moments[0] == pytest.approx(exact[1:].sum(), rel=1e-8)
    assert moments[1] == pytest.approx(((2 * np.arange(1, ahead + 1) - 1) * exact[1:]).sum(), rel=1e-8)


def test_a_part_of_a_period_counts_in_part() -> None:
    model, customer = known_model(8, purchases="bg_bb"), with_period(rfm_table([(2, 70.0, 140.0)]), 7)
    means = forecast(model, customer, [7, 9, 14])["purchases_mean"].to_numpy()
    assert means[1] == pytest.approx(means[0] + 2 / 7 * (means[2] - means[0]), rel=1e-6)


def test_a_customer_of_every_opportunity_is_forecast_however_few_skip_any() -> None:
    model = replace(known_model(1, purchases="bg_bb"), purchase_draws=np.array([[1.0, 1e-17, 1.0, 20.0]]))
    means = forecast(model, with_period(rfm_table([(10, 70.0, 70.0)]), 7), [7])
    assert means["purchases_mean"].to_numpy() == pytest.approx(30 / 31)  # alive for sure; stays with (delta + n) / ...
    assert means["expected_value_mean"].to_numpy() > 0


def test_large_counts_have_the_law_that_is_stepped_through() -> None:
    draws = BgBb(np.array([(30.0, 12.0, 0.8, 400.0)]), 1.0, 5_000)
    seen, state = History(60, 90.0, 90.0, 0.0), State(np.empty(1), np.empty(1))
    observe(seen, draws, state)
    at_least = np.zeros(4098)
    length = survival(seen, 300.0, state, draws, Survival(at_least, *np.empty((6, 1))))
    large = law(seen, 300.0, state.alive, draws)
    some = large.n[large.n <= length]
    assert large.at_least[: len(some)] == pytest.approx(at_least[some.astype(int)], abs=0.01)
    assert large.at_least[0] == pytest.approx(at_least[1], rel=1e-9)


@pytest.mark.parametrize("at", [(0.05, 20.0, 0.8, 4.0), (0.3, 3.0, 0.8, 4.0), (30.0, 12.0, 0.8, 400.0)])
@pytest.mark.parametrize("horizon", [3.0, 30.0, 3650.0])
def test_large_counts_have_their_mean(at: tuple[float, ...], horizon: float) -> None:
    draws, seen = BgBb(np.tile(at, (8, 1)), 7.0, 5_000), History(0, 0.0, 0.0, 0.0)
    alive = np.full(8, 0.9)
    assert law(seen, horizon, alive, draws).mean == pytest.approx(0.9 * moments(seen, horizon, draws)[0][0], rel=1e-3)


def with_period(table: pa.Table, period_days: int) -> pa.Table:
    return table.cast(schemas.rfm_schema(period_days)).replace_schema_metadata(schemas.rfm_schema(period_days).metadata)


@pytest.mark.parametrize(
    ("row", "field"),
    [((1, 8.0, 14.0), "recency_days"), ((1, 7.0, 15.0), "age_days"), ((3, 14.0, 21.0), "frequency")],
)
def test_histories_that_are_no_whole_opportunities_are_refused(row: tuple[int, float, float], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        fit(with_period(rfm_table([row]), 7), model="bg_bb")
    assert [violation.field for violation in refused.value.violations] == [f"rows[0].{field}"]


def test_a_scorer_refuses_histories_merged_by_other_periods() -> None:
    with pytest.raises(InvalidInput, match="periods of 1 days; the model reads periods of 7"):
        forecast(known_model(8, purchases="bg_bb"), rfm_table([(1, 7.0, 14.0)]))


def test_the_period_survives_the_artifact() -> None:
    model = replace(known_model(8, purchases="bg_bb"), period_days=30)
    assert BtydModel.from_artifact(model.to_artifact()).period_days == 30


AS_OF = date(2026, 3, 31)


@given(
    st.lists(st.tuples(st.integers(0, 90), st.sampled_from([-5.0, 0.0, 10.0])), min_size=1, max_size=12),
    st.integers(1, 30),
)
@settings(max_examples=examples(ci=15, soak=1_000), deadline=None)
def test_bulk_and_single_histories_by_periods_are_equal(purchases: list[tuple[int, float]], period_days: int) -> None:
    times = [datetime(2026, 3, 31, 12, tzinfo=UTC).timestamp() - 86_400 * back for back, _ in purchases]
    instants = [datetime.fromtimestamp(time, UTC) for time in times]
    amounts = [amount for _, amount in purchases]
    events = pa.table({c.CUSTOMER_ID: ["a"] * len(times), c.TIME: instants, c.AMOUNT: amounts}, schema=schemas.EVENTS)
    cut = Cut(AS_OF, datetime(2027, 1, 1, tzinfo=UTC))
    bulk = rfm(events, cut, "UTC", period_days=period_days).read_all()
    naive = np.array([instant.replace(tzinfo=None) for instant in instants], "datetime64[us]")
    single = rfm_of_one(naive, np.array(amounts), cut, "UTC", period_days=period_days)
    assert bulk.to_pylist() == ([] if single is None else rfm_batch(["a"], [single], period_days).to_pylist())
    assert schemas.period_days_of(bulk.schema) == period_days


def test_purchases_of_one_period_are_one_and_periods_end_with_the_as_of_day() -> None:
    """Of weeks that end on 31 March: days 6 and 0 back are one week, 7 back is the one before, 20 back the third."""
    noon = np.datetime64("2026-03-31T12:00:00", "us")
    times = noon - np.array([20, 7, 6, 0]) * np.timedelta64(1, "D")
    row = rfm_of_one(
        times, np.array([1.0, 2.0, 4.0, 8.0]), Cut(AS_OF, datetime(2027, 1, 1, tzinfo=UTC)), "UTC", period_days=7
    )
    assert row is not None
    assert (row.frequency, row.recency_days, row.age_days) == (2, 14.0, 14.0)
    assert (row.first_spend, row.repeat_spend_mean) == (1.0, 7.0)
