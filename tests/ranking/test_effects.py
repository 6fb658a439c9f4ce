"""What actions change, learnt from worlds in which it is known."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save

from farview.core.errors import InvalidInput
from ranking.effect_model import FOLDS, customer_folds
from ranking.effects import ActionLog, Effects, fit_effects, held_out, learnt_propensities
from tests.ranking.effect_worlds import action_log, three_actions, true_effect
from tests.tiers import examples


@pytest.fixture(scope="module")
def world() -> ActionLog:
    return action_log(1, 1_000)


@pytest.fixture(scope="module")
def fitted(world: ActionLog) -> Effects:
    return fit_effects(world, ("a", "b", "c"), seed=0)


def test_effects_that_differ_are_found(world: ActionLog, fitted: Effects) -> None:
    fresh = action_log(2).features
    error = fitted.effects(fresh)[:, 0] - true_effect(fresh)
    assert np.sqrt((error**2).mean()) < 0.4 * true_effect(fresh).std()


def test_the_average_effect_is_within_its_error(fitted: Effects) -> None:
    (model,) = fitted.models
    assert abs(model.average - 2.0) < 4 * model.error


def test_saying_the_same_of_a_customer_again_makes_no_surer() -> None:
    once = action_log(8, 400)
    often = once.take(np.repeat(np.arange(400), 4))
    errors = [fit_effects(log, (), 0).models[0].error for log in (once, often)]
    assert errors[1] > 0.8 * errors[0]  # half of it, were the rows independent


@pytest.mark.parametrize("seed", range(2))
def test_where_effects_do_not_differ_one_is_given_to_all(seed: int) -> None:
    (model,) = fit_effects(action_log(seed, 600, varies=False), (), seed).models
    assert model.rounds <= 10


def test_noise_that_was_left_out_does_not_choose_the_trees() -> None:
    """Heavy tails: outcomes of a few customers decide the pseudo-outcomes, and must not be seen beforehand."""
    seeds = range(examples(ci=3, soak=40))
    alike = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        log = action_log(seed, 600, varies=False)
        rare = np.where(rng.random(600) < 0.02, rng.exponential(100, 600), 0.0)
        alike += fit_effects(replace(log, outcome=rare), (), seed).models[0].rounds <= 10
    assert alike >= 0.7 * len(seeds)


def test_logged_propensities_take_confounding_out() -> None:
    log = action_log(5, 1_500, confounded=True)
    (model,) = fit_effects(log, (), 0).models
    naive = log.outcome[log.action == 1].mean() - log.outcome[log.action == 0].mean()
    assert naive > 4.0  # 2 in truth
    assert abs(model.average - 2.0) < 4 * model.error


def test_learnt_propensities_take_most_of_it_out() -> None:
    log = replace(action_log(6, 1_500, confounded=True), propensity=None)
    (model,) = fit_effects(log, (), 0).models
    assert model.average == pytest.approx(2.0, abs=0.5)


def test_learnt_propensities_are_near_the_true_ones() -> None:
    log = action_log(7, 2_000, confounded=True)
    assert log.propensity is not None
    assert np.abs(learnt_propensities(log, 0) - log.propensity).mean() < 0.08


def test_the_propensity_of_a_trial_is_of_the_action_among_the_two() -> None:
    trial = three_actions(1).trial(2)
    assert trial.propensity == pytest.approx(np.full(len(trial), 0.3 / 0.8))


def test_each_action_has_its_own_effects() -> None:
    effects = fit_effects(three_actions(2), (), 0).effects(np.array([[2.0, 0.0], [-2.0, 0.0]], dtype=np.float32))
    assert effects[0, 1] > effects[0, 0] + 1.5
    assert abs(effects[1, 1]) < 1.0


def test_held_out_effects_order_customers_whom_no_model_saw(world: ActionLog) -> None:
    found = held_out(world, seed=0)
    assert np.corrcoef(found.effects[:, 0], true_effect(world.features))[0, 1] > 0.8
    assert set(found.best) == {1}


def test_rows_of_one_customer_are_in_one_fold() -> None:
    group = np.repeat(np.arange(50), 3)
    folds = customer_folds(group, 0).reshape(50, 3)
    assert (folds == folds[:, :1]).all()
    assert set(folds[:, 0]) == set(range(FOLDS))


def test_the_same_log_and_seed_give_the_same_bytes(world: ActionLog, fitted: Effects) -> None:
    assert fit_effects(world, ("a", "b", "c"), seed=0).to_artifact() == fitted.to_artifact()


@pytest.mark.parametrize("logged", [True, False])
def test_a_stored_model_foresees_the_same(logged: bool) -> None:
    log = action_log(8, 500)
    fitted = fit_effects(log if logged else replace(log, propensity=None), ("a", "b", "c"), seed=0)
    read = Effects.from_artifact(fitted.to_artifact())
    assert np.array_equal(read.effects(log.features), fitted.effects(log.features))
    assert (read.names, read.control, read.features) == (("email",), "none", ("a", "b", "c"))


def test_an_artifact_is_small(fitted: Effects) -> None:
    assert len(fitted.to_artifact()) < 1_000_000


def test_what_is_no_artifact_is_refused() -> None:
    with pytest.raises(InvalidInput, match="farview-effects-1"):
        Effects.from_artifact(save({"other": np.zeros(1)}))


def test_an_action_taken_too_seldom_is_named() -> None:
    log = action_log(9, 300)
    few = log.take(np.concatenate([np.flatnonzero(log.action == 0), np.flatnonzero(log.action == 1)[:20]]))
    with pytest.raises(InvalidInput, match="action 'email': 20 customers"):
        fit_effects(few, (), 0)
