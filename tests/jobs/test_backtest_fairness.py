"""Calibration by cohort as a part of every backtest."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from farview.core import schemas
from jobs.backtest import Backtest, BacktestSpec, backtest
from jobs.backtest_fairness import by_cohort
from jobs.backtest_models import candidates
from jobs.progress import Silent

SPEC = BacktestSpec(date(2024, 2, 29), date(2024, 4, 30))
MODELS = {name: model for name, model in candidates(seed=0).items() if name == "past_rate"}
FIRST = datetime(2024, 1, 10, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def result() -> Backtest:
    """40 customers of January who come back as often as before, 45 of February of whom nearly nobody does."""
    rows = []
    for k in range(85):
        first = FIRST + timedelta(days=0 if k < 40 else 30 if k < 80 else 50)
        days = [0, 5] + ([60 + k % 20, 90] if k < 40 or k % 20 == 0 else [])
        rows += [(f"c{k}", first + timedelta(days=day), 10.0 + k % 3) for day in days]
    columns = (dict(zip(schemas.EVENTS.names, row, strict=True)) for row in rows)
    return backtest(pa.Table.from_pylist(list(columns), schema=schemas.EVENTS), SPEC, MODELS, Silent())


def test_every_customer_is_of_one_cohort_and_the_cohorts_sum_to_what_came(result: Backtest) -> None:
    groups = by_cohort(result)["models"]["past_rate"]
    assert [(one["group"], one["customers"]) for one in groups] == [("2024-01", 40), ("2024-02", 45)]
    came = sum(one["customers"] * one["actual_mean"] for one in groups)
    assert came == pytest.approx(result.actuals.value.sum())


def test_a_cohort_that_came_less_than_others_is_misjudged(result: Backtest) -> None:
    january, february = by_cohort(result)["models"]["past_rate"]
    assert january["residual"] > 0 > february["residual"]
    assert february["misjudged"]
    assert february["ratio"] > january["ratio"]
