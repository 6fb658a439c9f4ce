"""Updates equal a refit, each datum counted once; the last posterior as prior for all data does not."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from farview.core.clock import Cut
from farview.core.errors import InvalidInput
from farview.features.rfm import rfm
from farview.simulation.bg_nbd import Span, simulate_events
from ltv.families import PURCHASES
from ltv.fit import fit
from ltv.inference import laplace
from ltv.inference.map import find_mode
from ltv.inference.target import Target
from ltv.model import BtydModel
from ltv.priors import Coordinate, Prior
from ltv.update import increment, update
from tests.ltv.cdnow import rfm_table

UPDATES = 10
STEP = timedelta(days=18)


@pytest.fixture(scope="module")
def tables() -> list[pa.Table]:
    """RFM of the same business on eleven days; customers go on arriving until the eighth."""
    span = Span(arriving_days=280, days=400)
    events = pa.Table.from_batches(simulate_events(3000, seed=11, span=span))
    days = [span.start + timedelta(days=120) + STEP * k for k in range(UPDATES + 1)]
    return [rfm(events, Cut(day, datetime(2100, 1, 1, tzinfo=UTC)), "UTC").read_all() for day in days]


@pytest.fixture(scope="module")
def refit(tables: list[pa.Table]) -> BtydModel:
    return fit(tables[-1], seed=1)


@pytest.fixture(scope="module")
def updated(tables: list[pa.Table]) -> BtydModel:
    model = fit(tables[0], seed=2)
    for k in range(UPDATES):
        model = update(model, tables[k], tables[k + 1], seed=3 + k)
    return model


def logs(model: BtydModel) -> np.ndarray:
    """log of the purchase parameters and of p, q - 1, v, shape (S, 7); thinning keeps their first two moments."""
    p, q, v = model.spend_draws.T
    return np.column_stack([np.log(model.purchase_draws), np.log(p), np.log(q - 1), np.log(v)])


def far(ours: np.ndarray, theirs: BtydModel) -> tuple[float, float]:
    """Largest distance of means in Monte Carlo standard errors of their difference, and of ln sds."""
    diagnostics = theirs.diagnostics
    sizes = np.repeat([diagnostics.purchases.effective_size, diagnostics.spend.effective_size], [4, 3]).astype(float)
    other = logs(theirs)[:, : ours.shape[1]]
    mcse = other.std(axis=0) * np.sqrt(2 / sizes[: ours.shape[1]])
    means = np.abs(ours.mean(axis=0) - other.mean(axis=0)) / mcse
    return float(means.max()), float(np.abs(np.log(ours.std(axis=0) / other.std(axis=0))).max())


def test_ten_updates_have_the_means_and_sds_of_a_refit(updated: BtydModel, refit: BtydModel) -> None:
    means, sds = far(logs(updated), refit)
    assert means < 3
    assert sds < 0.05


def test_the_last_posterior_as_prior_for_all_data_fails_that_test(tables: list[pa.Table], refit: BtydModel) -> None:
    family = PURCHASES["bg_nbd"]
    unit = fit(tables[0], method="map").priors.time_unit_days
    prior, u = family.prior, np.empty((0, 4))
    for k, table in enumerate(tables):
        rows = family.rows(table).in_units(unit)
        target = Target(
            lambda draws, rows=rows: family.log_likelihood(draws, rows),
            lambda params, rows=rows: family.log_likelihood_and_gradient(params, rows),
            prior,
            np.zeros(4),
        )
        posterior = laplace.sample(target, find_mode(target, np.zeros(4)), np.random.default_rng(k))
        u = posterior.thin(512, np.random.default_rng(100 + k))
        values, axes = np.linalg.eigh(np.cov(u, rowvar=False))
        prior = Prior(
            tuple(
                Coordinate(
                    f"axis {i}", tuple(axes[:, i]), float(axes[:, i] @ u.mean(axis=0)), float(np.sqrt(values[i]))
                )
                for i in range(4)
            )
        )
    means, sds = far(u + np.log([1.0, unit, 1.0, 1.0]), refit)
    assert means > 3
    assert sds > 0.5


@pytest.mark.parametrize("name", PURCHASES)
def test_increments_telescope_to_the_likelihood_of_all_data(name: str, tables: list[pa.Table]) -> None:
    family = PURCHASES[name]
    draws = np.array([[0.3, 40.0, 0.8, 2.5], [1.0, 90.0, 1.5, 4.0]])
    rows = [family.rows(table) for table in tables]
    total = family.log_likelihood(draws, rows[0])
    for seen, now in pairwise(rows):
        total = total + increment(family, seen, now).value(draws)
    assert total == pytest.approx(family.log_likelihood(draws, rows[-1]), rel=1e-12)


def test_forgetting_widens_the_posterior_and_says_so(tables: list[pa.Table], refit: BtydModel) -> None:
    model = fit(tables[-2], seed=1)
    half = update(model, tables[-2], tables[-1], forgetting=0.5, seed=1)
    assert half.diagnostics.forgets
    assert np.all(logs(half).std(axis=0) > 1.15 * logs(refit).std(axis=0))


def test_forgetting_next_to_nothing_is_an_update(tables: list[pa.Table]) -> None:
    model = fit(tables[-2], seed=1)
    nearly, wholly = (update(model, tables[-2], tables[-1], forgetting=power, seed=4) for power in (1 - 1e-9, 1.0))
    # The normal law of what was learnt is off by its skewness, a tenth of an sd at most.
    gap = np.abs(logs(nearly).mean(axis=0) - logs(wholly).mean(axis=0)) / logs(wholly).std(axis=0)
    assert gap.max() < 0.1


def test_after_forgetting_what_was_forgotten_stays_so(tables: list[pa.Table], refit: BtydModel) -> None:
    model = update(fit(tables[-3], seed=1), tables[-3], tables[-2], forgetting=0.3, seed=1)
    later = update(model, tables[-2], tables[-1], seed=1)
    assert later.diagnostics.forgets
    assert np.all(logs(later).std(axis=0) > 1.15 * logs(refit).std(axis=0))


def test_an_updated_model_is_stored_and_loaded(updated: BtydModel) -> None:
    assert BtydModel.from_artifact(updated.to_artifact()).to_artifact() == updated.to_artifact()


def test_an_update_that_cannot_be_trusted_is_a_fit_with_a_word_about_it(monkeypatch: pytest.MonkeyPatch) -> None:
    few = rfm_table([(0, 0.0, 9.0), (2, 5.0, 9.0), (1, 3.0, 8.0)])
    more = rfm_table([(0, 0.0, 19.0), (2, 5.0, 19.0), (2, 13.0, 18.0), (0, 0.0, 1.0)])
    base = fit(few, seed=1)
    monkeypatch.setattr("ltv.update.sentences_of_untrusted", lambda _: {"spend": "k-hat"})
    result = update(base, few, more, seed=2)
    assert (
        result.diagnostics.warnings[0]
        == "the spend update could not be trusted, so the model was fitted to all data anew"
    )
    assert result.purchase_draws.tolist() == fit(more, seed=2).purchase_draws.tolist()


@pytest.mark.parametrize(
    ("forgetting", "seen", "problem"),
    [(0.0, 0, "forgetting: must be above 0"), (1.1, 0, "at most 1"), (1.0, 3, "seen: has .* but the model has seen")],
)
def test_what_cannot_be_is_refused(forgetting: float, seen: int, problem: str, tables: list[pa.Table]) -> None:
    base = fit(tables[0], method="map")
    with pytest.raises(InvalidInput, match=problem):
        update(base, tables[seen], tables[4], forgetting=forgetting)
