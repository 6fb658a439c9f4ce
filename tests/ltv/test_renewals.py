"""Laws of contracts' lengths: published figures, closed forms against sums, and what they may never do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.special import logsumexp

from farview.core.errors import InvalidInput
from ltv import beta_discrete_weibull as bdw
from ltv import shifted_beta_geometric as sbg
from ltv.contract_fit import LAWS, ContractLaw, covering, fit_contracts
from ltv.inference import laplace, psis
from ltv.inference.map import find_mode
from ltv.inference.posterior import Posterior
from ltv.inference.quadrature import integrate
from ltv.inference.target import Target
from ltv.renewals import Renewals, discounted_periods, expected_periods, log_retention, log_score
from tests.tiers import examples

# Fader, Hardie (2007), table 1: customers of 1,000 after 0, 1, ... renewals; the last five are their holdout.
HIGH_END = np.array([1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394.0])
REGULAR = np.array([1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173.0])

positive = st.floats(0.05, 50.0)
draws_of = {
    sbg.NAME: st.tuples(positive, positive),
    bdw.NAME: st.tuples(positive, positive, st.floats(0.2, 3.0)),
}


def maximum(law: str, active: np.ndarray) -> tuple[np.ndarray, float]:
    fitted = fit_contracts(Renewals.of_active(active), LAWS[law], method="map", flat_priors=True)
    return fitted.mode, fitted.log_likelihood


@pytest.mark.parametrize(
    ("active", "parameters", "log_likelihood"),
    [(HIGH_END, (0.668, 3.806), -1611.16), (REGULAR, (0.704, 1.182), -1680.27)],
    ids=["high end", "regular"],
)
def test_shifted_beta_geometric_has_the_published_maximum(
    active: np.ndarray, parameters: tuple[float, float], log_likelihood: float
) -> None:
    mode, value = maximum(sbg.NAME, active[:8])
    assert mode == pytest.approx(parameters, abs=0.0006)
    assert value == pytest.approx(log_likelihood, abs=0.005)


def test_beta_discrete_weibull_has_the_published_maximum() -> None:
    # Fader, Hardie et al. (2018): high end, four renewals.
    mode, _ = maximum(bdw.NAME, HIGH_END[:5])
    assert mode == pytest.approx((0.259, 1.722, 1.584), abs=0.001)


def test_both_laws_foresee_the_papers_holdout_within_two_percent_of_the_start() -> None:
    for active in (HIGH_END, REGULAR):
        for law in LAWS.values():
            fitted = fit_contracts(Renewals.of_active(active[:8]), law, method="map")
            assert np.abs(1000 * fitted.survival(np.arange(8.0, 13.0)) - active[8:]).max() < 20


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@settings(max_examples=examples(ci=40, soak=1000))
@given(data=st.data())
def test_survival_falls_from_one_and_stays_in_range_however_long(law: ContractLaw, data: st.DataObject) -> None:
    draws = np.array([data.draw(draws_of[law.name])])
    t = np.array([0.0, 1, 2, 5, 50, 1e3, 1e6])
    survival = np.exp(law.log_survival(draws, t))[0]
    assert survival[0] == pytest.approx(1.0)
    assert np.all(np.diff(survival) <= 1e-12)
    assert np.all((survival >= 0) & np.isfinite(survival))


@settings(max_examples=examples(ci=40, soak=1000))
@given(draws_of[sbg.NAME])
def test_with_c_of_one_the_weibull_is_the_shifted_beta_geometric(draw: tuple[float, float]) -> None:
    t = np.arange(30.0)
    both = bdw.log_survival(np.array([[*draw, 1.0]]), t), sbg.log_survival(np.array([draw]), t)
    assert both[0] == pytest.approx(both[1], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@settings(max_examples=examples(ci=25, soak=500))
@given(data=st.data())
def test_the_likelihood_is_that_of_the_lengths_of_contracts(law: ContractLaw, data: st.DataObject) -> None:
    draws = np.array([data.draw(draws_of[law.name])])
    active = np.array([60.0, 41, 30, 30, 22])
    survival = np.exp(law.log_survival(draws, np.arange(5.0)))[0]
    lengths = (
        -np.diff(active) @ np.log(np.maximum(-np.diff(survival), 1e-300)) * (1 if np.all(np.diff(survival)) else 0)
    )
    censored = active[-1] * np.log(survival[-1])
    got = law.log_likelihood(draws, Renewals.of_active(active))[0]
    assert got == pytest.approx(lengths + censored, rel=1e-6)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@settings(max_examples=examples(ci=25, soak=500))
@given(data=st.data())
def test_the_gradient_is_the_slope_of_the_likelihood(law: ContractLaw, data: st.DataObject) -> None:
    params = np.array(data.draw(st.tuples(*[st.floats(0.3, 5.0)] * len(law.parameters))))
    rows = Renewals.of_active(REGULAR[:8])
    _, gradient = law.log_likelihood_and_gradient(params, rows)
    slope = approx_fprime(params, lambda p: law.log_likelihood(p[None], rows)[0], 1e-6)
    assert gradient == pytest.approx(slope, rel=2e-3, abs=0.5)


@settings(max_examples=examples(ci=25, soak=500))
@given(draws_of[sbg.NAME], st.integers(0, 40), st.floats(0.02, 2.0))
def test_the_closed_form_of_discounted_renewals_is_their_sum(draw: tuple[float, float], made: int, rate: float) -> None:
    draws = np.array([draw])
    summed = discounted_periods(lambda t: sbg.log_survival(draws, t), made, rate)
    assert sbg.discounted_periods(draws, made, rate) == pytest.approx(summed, rel=1e-8)


def test_expected_renewals_for_ever_are_the_limit_of_those_of_a_horizon() -> None:
    draws = np.array([[3.5, 2.0]])
    within = expected_periods(lambda t: sbg.log_survival(draws, t), 4, 20_000)
    assert sbg.expected_periods_for_ever(draws, 4) == pytest.approx(within, rel=1e-6)


def test_they_are_infinite_where_too_many_customers_never_leave() -> None:
    assert sbg.expected_periods_for_ever(np.array([[0.9, 2.0]]), 0).tolist() == [np.inf]


@settings(max_examples=examples(ci=25, soak=500))
@given(draws_of[bdw.NAME], st.integers(0, 20), st.floats(0.02, 2.0))
def test_residual_lifetime_lies_between_none_and_a_perpetuity(
    draw: tuple[float, float, float], made: int, rate: float
) -> None:
    value = discounted_periods(lambda t: bdw.log_survival(np.array([draw]), t), made, rate)[0]
    assert 0 <= value <= (1 + rate) / rate * (1 + 1e-9)


def test_retention_of_the_shifted_beta_geometric_rises_with_tenure() -> None:
    t = np.arange(1.0, 40.0)
    draws = np.array([[0.668, 3.806]])
    retention = np.exp(log_retention(lambda at: sbg.log_survival(draws, at), t))[0]
    assert retention == pytest.approx((3.806 + t - 1) / (0.668 + 3.806 + t - 1))
    assert np.all(np.diff(retention) > 0)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_a_law_is_recovered_from_the_contracts_it_makes(law: ContractLaw) -> None:
    truth = np.array([0.9, 2.5, 1.4][: len(law.parameters)])
    random, active = np.random.default_rng(5), [40_000]
    for chance in np.exp(log_retention(lambda t: law.log_survival(truth[None], t), np.arange(1.0, 13.0)))[0]:
        active.append(int(random.binomial(active[-1], chance)))
    fitted = fit_contracts(Renewals.of_active(np.array(active)), law)
    # One set and two or three parameters: beyond 4 posterior sds less than once in 5,000.
    assert np.all(np.abs(fitted.draws.mean(axis=0) - truth) < 4 * fitted.draws.std(axis=0))


def test_a_contract_seen_late_adds_only_the_renewals_that_were_watched() -> None:
    early, late = Renewals.of_active(REGULAR[:8]), Renewals(np.array([0.0, 0, 50]), np.array([0.0, 0, 41]))
    draws = np.array([[0.7, 1.2]])
    added = log_score(lambda t: sbg.log_survival(draws, t), late).sum()
    both = sbg.log_likelihood(draws, early + late)[0]
    assert both == pytest.approx(sbg.log_likelihood(draws, early)[0] + added)


def target_of(law: ContractLaw, rows: Renewals) -> Target:
    return Target(
        lambda draws: law.log_likelihood(draws, rows),
        lambda params: law.log_likelihood_and_gradient(params, rows),
        law.prior,
        np.zeros(len(law.parameters)),
    )


def test_a_posterior_that_importance_draws_do_not_cover_is_integrated_on_a_grid() -> None:
    rows, law = Renewals.of_active(REGULAR[:8]), LAWS[bdw.NAME]
    target = target_of(law, rows)
    mode = find_mode(target, np.zeros(3))
    steps = np.random.default_rng(1).standard_normal((laplace.DRAWS, 3))
    u = mode.u + 0.4 * steps @ np.linalg.cholesky(mode.covariance).T  # much narrower than the posterior, and unbent
    weights, k_hat = psis.smooth(target.log_density(u) + 0.5 * (steps * steps).sum(axis=1))
    found = covering(target, Posterior("laplace", u, weights, k_hat=k_hat))
    axes = np.meshgrid(np.linspace(-4, 4, 70), np.linspace(-4, 5, 70), np.linspace(-1.2, 2, 30), indexing="ij")
    fine = np.stack([axis.ravel() for axis in axes], axis=1)
    density = target.log_density(fine)
    exact = expected_survival(law, Posterior("grid", fine, np.exp(density - logsumexp(density))))
    assert found.method == "quadrature"
    assert found.k_hat == k_hat
    assert expected_survival(law, found) == pytest.approx(exact, rel=0.002)
    assert expected_survival(law, Posterior("laplace", u, weights)) != pytest.approx(exact, rel=0.01)


def expected_survival(law: ContractLaw, posterior: Posterior) -> float:
    """E S(12)."""
    return float(posterior.weights @ np.exp(law.log_survival(np.exp(posterior.u), np.array([12.0])))[:, 0])


def test_importance_draws_that_cover_are_kept() -> None:
    target = target_of(LAWS[sbg.NAME], Renewals.of_active(100 * HIGH_END))
    drawn = laplace.sample(target, find_mode(target, np.zeros(2)), np.random.default_rng(1))
    assert covering(target, drawn) is drawn


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_quadrature_and_importance_draws_agree_where_both_serve(law: ContractLaw) -> None:
    rows = Renewals.of_active(100 * HIGH_END)
    target = target_of(law, rows)
    mode = find_mode(target, np.zeros(target.dimensions))
    drawn = laplace.sample(target, mode, np.random.default_rng(1))
    grid = integrate(target, drawn)
    for ours, theirs in zip(grid.moments(grid.u), drawn.moments(drawn.u), strict=True):
        # Importance draws err by about sd / 60: 5 times that.
        assert np.abs(ours - theirs).max() < 0.08 * drawn.moments(drawn.u)[1].max()


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (lambda: Renewals.of_active(np.array([5.0, 6.0])), r"active\[1\]: 6 is not between 0 and the 5"),
        (lambda: Renewals.of_active(np.array([5.0])), "needs the number of customers"),
        (lambda: Renewals(np.ones(2), np.array([0.0, 2.0])), r"renewed\[1\]: must be between 0 and the 1 at risk"),
        (lambda: fit_contracts(Renewals(np.zeros(2), np.zeros(2)), LAWS[sbg.NAME]), "no contract came up"),
        (lambda: discounted_periods(lambda t: -t, 0, 0.0), "discount_rate: must be greater than 0"),
        (lambda: discounted_periods(lambda t: 0 * t, 0, 1e-9), "too small to sum over"),
        (lambda: fit_contracts(Renewals.of_active(REGULAR), LAWS[sbg.NAME], flat_priors=True), "flat_priors"),
    ],
)
def test_what_cannot_be_is_refused_with_its_name(wrong: object, problem: str) -> None:
    assert callable(wrong)
    with pytest.raises(InvalidInput, match=problem):
        wrong()
