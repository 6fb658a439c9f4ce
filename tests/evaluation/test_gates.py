"""Gates: what stops a candidate, with which reason, and what does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from farview.evaluation.arrays import FloatArray
from farview.evaluation.coverage import coverage as coverage_of
from farview.evaluation.gate_losses import Judged, Trial, gini_loss, ratio_loss, score_loss
from farview.evaluation.gates import (
    COVERAGE_CHECKS,
    COVERAGE_LEVELS,
    COVERAGE_TOLERANCE,
    FALSE_REFUSAL,
    Check,
    Inference,
    calibration_error,
    chance,
    convergence,
    coverage,
    enough_origins,
    most_k_hat,
    no_worse_than_the_base_rate,
    not_worse,
    total,
)
from farview.evaluation.hazard_metrics import log_losses
from farview.evaluation.marginals import Pit
from ltv.inference.psis import highest_trusted_k
from tests.tiers import examples

CUSTOMERS = 400
LAPLACE = {"method": "laplace", "draws": 4096, "k_hat": 0.1, "r_hat": None, "effective_size": 3000.0}
NUTS = {"method": "nuts", "draws": 4096, "k_hat": None, "r_hat": 1.001, "effective_size": 3000.0}


def failures(checks: list[Check]) -> list[str]:
    return [check.said for check in checks if not check.passed]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (LAPLACE | {"k_hat": 0.9}, "k-hat 0.90, at most 0.70: its importance draws cannot be trusted"),
        (LAPLACE | {"k_hat": float("inf")}, "k-hat inf"),
        (LAPLACE | {"effective_size": 399.0}, "effective draws 399, at least 400"),
        (NUTS | {"r_hat": 1.01}, "R-hat 1.010, below 1.01: the chains disagree"),
        (NUTS | {"r_hat": float("nan")}, "R-hat nan"),
        (NUTS | {"effective_size": 100.0}, "effective draws 100, at least 400"),
    ],
)
def test_a_fit_that_did_not_converge_is_stopped_with_its_figure(found: dict[str, object], reason: str) -> None:
    (said,) = failures(convergence({"purchases": Inference(**found)}))  # type: ignore[arg-type]
    assert f"purchases {reason}" in said


@pytest.mark.parametrize("found", [LAPLACE, NUTS, NUTS | {"k_hat": 0.9}, LAPLACE | {"k_hat": float("-inf")}])
def test_a_fit_that_converged_passes_and_the_k_hat_that_nuts_stood_in_for_is_not_held_against_it(
    found: dict[str, object],
) -> None:
    assert not failures(convergence({"spend": Inference(**found)}))  # type: ignore[arg-type]


def test_the_mode_alone_has_nothing_to_converge() -> None:
    (check,) = convergence({"spend": Inference("map", 4096, None, None, None)})
    assert check.passed


@pytest.mark.parametrize("draws", [100, 1_000, 4_096, 10**6])
def test_the_limit_of_k_hat_is_that_of_the_inference(draws: int) -> None:
    assert most_k_hat(draws) == highest_trusted_k(draws)


def pit(spread: float) -> Pit:
    """Where actuals of a normal law with sd 1 fall in one with sd `spread`, evenly."""
    from scipy.stats import norm

    quantiles = norm.ppf((np.arange(CUSTOMERS) + 0.5) / CUSTOMERS)
    inside = norm.cdf(quantiles / spread)
    return Pit(inside, inside)


@settings(max_examples=examples(ci=5, soak=100))
@given(st.floats(0.95, 1.05))
def test_laws_of_the_right_width_are_calibrated(spread: float) -> None:
    assert not failures(coverage("value", [pit(spread)] * 3))


@pytest.mark.parametrize(("spread", "word"), [(0.5, "narrow or misplaced"), (3.0, "wide")])
def test_laws_of_a_wrong_width_are_stopped(spread: float, word: str) -> None:
    assert word in failures(coverage("value", [pit(spread)] * 3))[0]


def test_few_customers_are_given_their_noise() -> None:
    few, many = (coverage("value", [Pit(*[np.linspace(0.001, 0.999, n)] * 2)])[0].limit for n in (50, 5_000))
    assert few is not None
    assert many is not None
    assert few > 0.15
    assert many < 0.05


@pytest.mark.parametrize(("factor", "passed"), [(1.2, True), (0.5, False), (3.0, False), (0.0, False)])
def test_a_total_that_the_configuration_does_not_give_is_stopped(
    factor: float, passed: bool, level: FloatArray
) -> None:
    assert total("value", factor * level, level).passed is passed


def hazards(factor: float) -> Check:
    rng = np.random.default_rng(3)
    p = rng.beta(2, 38, 20_000)
    return calibration_error("hazards", factor * p, rng.random(len(p)) < p, np.ones(len(p)))


def test_right_probabilities_pass() -> None:
    assert hazards(1.0).passed


@pytest.mark.parametrize("factor", [0.5, 1.5, 3.0])
def test_poisoned_probabilities_are_stopped(factor: float) -> None:
    check = hazards(factor)
    assert not check.passed
    assert "were foreseen" in check.said


def test_no_outcome_is_no_calibration() -> None:
    nothing = np.zeros(0)
    assert not calibration_error("hazards", nothing, nothing.astype(bool), nothing).passed


def test_two_origins_are_too_few() -> None:
    assert [enough_origins(n, "wait").passed for n in (2, 3)] == [False, True]


def trials(candidate: FloatArray, champion: FloatArray, actual: FloatArray) -> list[Trial]:
    """Three origins with the same point forecasts."""
    judged = [Judged({"CRPS": np.abs(forecast - actual)}, forecast) for forecast in (candidate, champion)]
    return [Trial(np.arange(len(actual)), actual, np.ones(len(actual)), *judged)] * 3


def held(candidate: FloatArray, champion: FloatArray, actual: FloatArray, *, must_win: bool = False) -> list[Check]:
    tried = trials(candidate, champion, actual)
    losses = {"CRPS": score_loss(tried, "CRPS"), "Gini": gini_loss(tried), "ratio": ratio_loss(tried)}
    return not_worse(losses, len(actual), margin=0.01, must_win=must_win)


@pytest.fixture
def level() -> FloatArray:
    return np.random.default_rng(1).gamma(2.0, 10.0, CUSTOMERS)


@pytest.fixture
def actual(level: FloatArray) -> FloatArray:
    return np.random.default_rng(2).poisson(level).astype(np.float64)


def test_the_champion_is_not_worse_than_itself_and_not_better(level: FloatArray, actual: FloatArray) -> None:
    checks = held(level, level.copy(), actual, must_win=True)
    assert [check.passed for check in checks] == [True, True, True, False]
    assert "better on nothing" in checks[-1].said


def test_a_refit_need_not_be_better(level: FloatArray, actual: FloatArray) -> None:
    assert not failures(held(level, level.copy(), actual))


def test_a_better_candidate_passes(level: FloatArray, actual: FloatArray) -> None:
    blunt = np.full(CUSTOMERS, level.mean()) + 0.1 * level
    assert not failures(held(level, blunt, actual, must_win=True))


def test_shuffled_labels_are_stopped_by_score_and_order(level: FloatArray, actual: FloatArray) -> None:
    shuffled = np.random.default_rng(4).permutation(level)
    said = failures(held(shuffled, level, actual))
    assert {"CRPS", "Gini"} <= {text.partition(":")[0] for text in said}


@pytest.mark.parametrize(("factor", "stopped"), [(1.004, False), (1.05, True)])
def test_the_margin_is_the_margin(factor: float, stopped: bool, level: FloatArray, actual: FloatArray) -> None:
    scaled = level * actual.sum() / level.sum()
    (said,) = [check for check in held(scaled * factor, scaled, actual) if check.figure == "ratio"]
    assert said.passed is not stopped


def test_what_is_defined_nowhere_stops(level: FloatArray) -> None:
    nothing = np.zeros(CUSTOMERS)
    said = failures(held(level, 1.001 * level, nothing))
    assert any(text.startswith("ratio is not defined") for text in said)


def test_a_customer_of_three_origins_is_one_customer(level: FloatArray, actual: FloatArray) -> None:
    blunt = level + np.random.default_rng(5).normal(0, 1, CUSTOMERS)
    tried = trials(blunt, level, actual)
    bounds = [
        not_worse({"CRPS": score_loss(some, "CRPS")}, CUSTOMERS, margin=0.01, must_win=False)[0].value
        for some in (tried[:1], tried)
    ]
    assert bounds[0] == pytest.approx(bounds[1], rel=1e-12)


def test_a_loss_that_might_be_beyond_the_margin_is_stopped_though_its_estimate_is_not() -> None:
    rng = np.random.default_rng(6)
    actual, champion = np.zeros(40), np.full(40, 10.0)
    candidate = champion + rng.permutation(np.repeat([-2.0, 2.0], 20))  # in all the same, customer by customer not
    judged = (Judged({"CRPS": forecast}, forecast) for forecast in (candidate, champion))
    trial = Trial(np.arange(40), actual, np.ones(40), *judged)
    (check,) = not_worse({"CRPS": score_loss([trial], "CRPS")}, 40, margin=0.01, must_win=False)
    assert "loss against the champion +0.00 %" in check.said
    assert not check.passed


def test_an_origin_weighs_the_customers_that_it_has() -> None:
    scores = np.array([1.0, 4.0, 2.0])
    judged = (Judged({"CRPS": score}, score) for score in (scores, np.ones(3)))
    trial = Trial(np.array([4, 0, 4]), np.ones(3), np.ones(3), *judged)
    counts = np.array([1, 7, 7, 7, 2])
    assert score_loss([trial], "CRPS")(counts) == pytest.approx(np.log((2 * 1 + 1 * 4 + 2 * 2) / 5))


def law(customers: int, atom: float, rng: np.random.Generator) -> Pit:
    """Where the outcomes of right laws fall that put so much on 0."""
    place = rng.random(customers)
    return Pit(np.where(place < atom, 0.0, place), np.where(place < atom, atom, place))


@pytest.mark.parametrize("atom", [0.0, 0.7])
@pytest.mark.parametrize("customers", [20, 200, 2_000])
def test_chance_alone_takes_right_laws_beyond_its_bound_as_seldom_as_stated(customers: int, atom: float) -> None:
    rng, examinations = np.random.default_rng(customers), examples(ci=150, soak=4_000)
    beyond = 0
    for _ in range(examinations):
        pits = [law(customers, atom, rng) for _ in range(COVERAGE_CHECKS // 2)]
        beyond += any(
            abs(coverage_of(pit.below, pit.upto, level) - level) > chance(customers, level)
            for pit in pits
            for level in COVERAGE_LEVELS
        )
    assert beyond <= binom.isf(1e-4, examinations, FALSE_REFUSAL)


@pytest.mark.parametrize("customers", [20, 200, 2_000])
def test_coverage_at_the_edge_of_the_band_asked_for_is_refused_as_seldom_as_stated(customers: int) -> None:
    rng, examinations = np.random.default_rng(customers), examples(ci=300, soak=4_000)
    refused = 0
    for _ in range(examinations):
        inside = rng.random((COVERAGE_CHECKS, customers)) < 0.77
        off = np.abs(inside.mean(axis=1) - 0.8)
        refused += bool((off > chance(customers, 0.8) + COVERAGE_TOLERANCE).any())
    assert refused <= binom.isf(1e-4, examinations, FALSE_REFUSAL)


def test_the_bound_of_chance_is_no_wider_than_its_level_needs() -> None:
    tail = FALSE_REFUSAL / COVERAGE_CHECKS
    for customers in (200, 2_000, 20_000):
        off = chance(customers, 0.8) - 1e-9
        beyond = binom.cdf(np.floor(customers * (0.8 - off)), customers, 0.8)
        beyond += binom.sf(np.ceil(customers * (0.8 + off)) - 1, customers, 0.8)
        assert 0.4 * tail < beyond  # one customer nearer would be too near


@pytest.mark.parametrize("steps", [10, 300, 5_000])
def test_right_probabilities_are_worse_than_the_base_rate_as_seldom_as_stated(steps: int) -> None:
    rng, fits = np.random.default_rng(steps), examples(ci=400, soak=20_000)
    refused = 0
    for _ in range(fits):
        p = rng.beta(2, 38, steps)
        came = rng.random(steps) < p
        loss, base = (float(log_losses(q, came).mean()) for q in (p, np.full(steps, 0.05)))
        refused += not no_worse_than_the_base_rate(loss, base, steps).passed
    assert refused <= binom.isf(1e-4, fits, FALSE_REFUSAL)


def test_a_fit_that_learnt_noise_is_stopped_once_there_are_steps_enough_to_tell() -> None:
    rng = np.random.default_rng(9)
    came = rng.random(5_000) < 0.05
    noise = 0.05 * np.exp(rng.normal(0.0, 0.3, 5_000))
    loss, base = (float(log_losses(q, came).mean()) for q in (noise, np.full(5_000, 0.05)))
    check = no_worse_than_the_base_rate(loss, base, 5_000)
    assert not check.passed
    assert "learnt nothing that holds" in check.said
    assert no_worse_than_the_base_rate(loss, base, 100).passed
