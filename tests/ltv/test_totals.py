"""Totals of groups against brute force: every customer simulated, parameter draws shared by all."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from farview.core.errors import InvalidInput
from farview.core.schemas import TOTALS
from ltv.model import BtydModel
from ltv.scorer import Scorer
from ltv.totals import Totals
from tests.ltv.cdnow import CALIBRATION_END, calibration, rfm_table
from tests.ltv.predictive import histories, known_model, simulate_given
from tests.tiers import examples

FloatArray = npt.NDArray[np.float64]

HORIZONS_DAYS = (91, 365)
SIZE = 40


@pytest.fixture(scope="module")
def cohort(cdnow_full: Path) -> pa.Table:
    """A small cohort, so that outcome noise and parameters both matter: draws of the parameters 15 % apart."""
    rows = calibration(cdnow_full).take(pa.array(range(0, SIZE * 37, 37)))
    return rows.set_column(1, rows.schema.field("cohort"), pa.array(["1997-01"] * SIZE))


@pytest.fixture(scope="module")
def model() -> BtydModel:
    return known_model(spread=0.15)


def totals(model: BtydModel, customers: pa.Table, seed: int = 5) -> pa.Table:
    scorer = Scorer(model, HORIZONS_DAYS, CALIBRATION_END, seed)
    for _ in scorer.forecast(customers.combine_chunks().to_batches()):
        pass
    return scorer.totals()


def draws_of(table: pa.Table, kind: str, name: str, days: int, measure: str) -> FloatArray:
    for row in table.to_pylist():
        if (row["group_kind"], row["group_name"], row["horizon_days"], row["measure"]) == (kind, name, days, measure):
            return np.array(row["draws"])
    raise AssertionError((kind, name, days, measure))


def by_brute_force(model: BtydModel, customers: pa.Table, days: int, rounds: int) -> dict[str, FloatArray]:
    """Totals, (rounds x draws,): every customer under each draw, which all customers share."""
    random = np.random.default_rng(3)
    purchases, spend = (np.tile(draws, (rounds, 1)) for draws in (model.purchase_draws, model.spend_draws))
    drawn = [simulate_given(purchases, spend, one, days, random) for one in histories(customers)]
    return {
        "purchases": np.sum([one.purchases for one in drawn], axis=0),
        "value": np.sum([one.value for one in drawn], axis=0),
    }


@pytest.mark.parametrize("days", HORIZONS_DAYS)
def test_totals_of_a_small_cohort_follow_brute_force(model: BtydModel, cohort: pa.Table, days: int) -> None:
    """512 draws: mean within 2 % and 3 standard errors, sd within 12 %, q05 and q95 within a quarter of an sd."""
    table = totals(model, cohort)
    brute = by_brute_force(model, cohort, days, rounds=examples(ci=20, soak=500))
    for measure, expected in brute.items():
        seen = draws_of(table, "cohort", "1997-01", days, measure)
        error = seen.std() / np.sqrt(len(seen)) + expected.std() / np.sqrt(len(expected))
        assert abs(seen.mean() - expected.mean()) < 0.02 * expected.mean() + 3.0 * error, measure
        assert seen.std() == pytest.approx(expected.std(), rel=0.12), measure
        for level in (0.05, 0.95):
            assert abs(np.quantile(seen, level) - np.quantile(expected, level)) < 0.25 * expected.std(), (
                measure,
                level,
            )


def test_a_total_has_the_means_of_its_customers(model: BtydModel, cohort: pa.Table) -> None:
    scorer = Scorer(model, HORIZONS_DAYS, CALIBRATION_END, seed=1)
    forecasts = pa.Table.from_batches(list(scorer.forecast(cohort.combine_chunks().to_batches())))
    for row in scorer.totals().to_pylist():
        of_horizon = forecasts.filter(pa.array(forecasts["horizon_days"].to_numpy() == row["horizon_days"]))
        assert row["mean"] == pytest.approx(np.sum(of_horizon[f"{row['measure']}_mean"].to_numpy()), rel=1e-12)
        assert row["customers"] == SIZE


def test_draws_of_the_base_are_the_sums_of_its_cohorts(model: BtydModel, cdnow_sample: Path) -> None:
    table = totals(model, calibration(cdnow_sample).take(pa.array(range(0, 2357, 4))))
    for days in HORIZONS_DAYS:
        for measure in ("purchases", "value"):
            cohorts = [draws_of(table, "cohort", f"1997-0{month}", days, measure) for month in (1, 2, 3)]
            base = draws_of(table, "base", "", days, measure)
            np.testing.assert_allclose(base, np.sum(cohorts, axis=0), rtol=1e-12)


def test_cohorts_move_together_with_the_parameters(model: BtydModel, cdnow_full: Path) -> None:
    """Of large cohorts the parameters are most of what is not known: their totals are nearly one."""
    table = totals(model, calibration(cdnow_full))
    january, march = (draws_of(table, "cohort", f"1997-0{month}", 365, "value") for month in (1, 3))
    assert np.corrcoef(january, march)[0, 1] > 0.9


@pytest.mark.parametrize("draws", [1, 3, 512, 600])
def test_there_are_at_least_500_joint_draws(draws: int) -> None:
    table = totals(known_model(draws), rfm_table([(2, 30.0, 60.0), (0, 0.0, 10.0)]))
    assert {len(row["draws"]) for row in table.to_pylist()} == {max(512, draws)}


def test_the_same_seed_gives_the_same_draws_and_another_others(model: BtydModel, cohort: pa.Table) -> None:
    assert totals(model, cohort, seed=1).equals(totals(model, cohort, seed=1))
    assert not totals(model, cohort, seed=1).equals(totals(model, cohort, seed=2))


def test_nobody_has_totals_of_nothing(model: BtydModel) -> None:
    table = totals(model, rfm_table([]))
    assert table.schema.equals(TOTALS)
    assert [row["mean"] for row in table.to_pylist()] == [0.0] * 4


def test_totals_of_other_horizons_do_not_merge() -> None:
    with pytest.raises(InvalidInput, match="horizons"):
        Totals([30], 512).merge(Totals([60], 512))
