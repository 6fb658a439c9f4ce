"""Who buys nothing: judged against what came, blind to it, and by definitions."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from farview.core import schemas
from farview.core.errors import InvalidInput
from jobs.backtest_events import read_events
from jobs.evaluate_repurchase import RepurchaseEvaluation, document, evaluate_repurchase, score
from jobs.import_reading import FileOptions
from jobs.progress import Silent

END, HOLDOUT = date(1997, 6, 30), date(1997, 9, 30)


@pytest.fixture(scope="module")
def events(cdnow_sample: Path) -> pa.Table:
    return read_events(cdnow_sample, FileOptions(), "UTC", "USD").events


@pytest.fixture(scope="module")
def result(events: pa.Table) -> RepurchaseEvaluation:
    return evaluate_repurchase(events, END, HOLDOUT, "UTC", Silent())


def test_the_population_and_what_came_are_those_of_the_protocol(result: RepurchaseEvaluation, events: pa.Table) -> None:
    assert (result.customers, result.gaps) == (2349, 1732)
    assert sum(result.customers_by_repeats) == result.customers
    time = events["time"].to_numpy().astype("datetime64[D]")
    inside = (time > np.datetime64(END)) & (time <= np.datetime64(HOLDOUT))
    known = set(events.filter(pa.array(time <= np.datetime64(END)))["customer_id"].to_pylist())
    paid = set(events.filter(pa.compute.greater(events["amount"], 0.0))["customer_id"].to_pylist())
    bought = set(events.filter(pa.array(inside))["customer_id"].to_pylist()) & known & paid
    assert result.none == pytest.approx(1 - len(bought) / result.customers, abs=1e-3)


def test_gaps_forecast_better_than_one_curve_and_bg_nbd_better_than_gaps(result: RepurchaseEvaluation) -> None:
    """On CDNOW, whose customers leave for ever: a model of gaps alone does not know that."""
    models = result.models
    for gaps in ("gap_weibull", "gap_cox"):
        assert models["bg_nbd"].brier < models[gaps].brier < models["gap_kaplan_meier"].brier


def test_nothing_after_the_calibration_end_moves_a_forecast(events: pa.Table, result: RepurchaseEvaluation) -> None:
    time = events["time"].to_numpy().astype("datetime64[D]")
    planted = pa.Table.from_pylist(
        [
            dict(zip(schemas.EVENTS.names, (f"new{k}", datetime(1997, 8, 1, tzinfo=UTC), 9.0), strict=True))
            for k in "abc"
        ],
        schema=schemas.EVENTS,
    )
    known = pa.concat_tables([events.filter(pa.array(time <= np.datetime64(END))), planted])
    blind = evaluate_repurchase(known, END, HOLDOUT, "UTC", Silent())
    assert blind.none == 1.0
    for name, figures in result.models.items():
        assert blind.models[name].by_repeats == figures.by_repeats


def test_a_score_by_hand() -> None:
    scored = score(np.array([0.5, 0.5, 1.0, 0.0]), np.array([True, False, True, False]), np.array([0, 0, 1, 4]))
    assert (scored.brier, scored.forecast, scored.by_repeats) == (0.125, 0.5, [0.5, 1.0, None, None, 0.0])


def test_limits_of_a_score_stay_between_0_and_1_and_a_single_customer_has_none() -> None:
    few = score(np.array([0.0, 1.0, 0.5]), np.array([True, True, True]), np.array([0, 0, 0]))
    alone = score(np.array([0.5]), np.array([True]), np.array([0]))
    assert (few.lower, few.upper) == (0.0, 1.0)
    assert (alone.lower, alone.upper) == (None, None)


def test_hardly_any_gaps_are_forecast_without_covariates_and_without_what_needs_them() -> None:
    """Two gaps and four covariates would be met exactly, and the next purchase be certain tomorrow."""
    days = [datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 11, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)]
    rows = [dict(zip(schemas.EVENTS.names, ("a", day, 10.0), strict=True)) for day in days]
    result = evaluate_repurchase(
        pa.Table.from_pylist(rows, schema=schemas.EVENTS), date(2024, 2, 10), date(2024, 4, 1), "UTC", Silent()
    )
    assert result.shape < 10.0
    assert "gap_cox" in result.failures
    assert set(result.models) == {"gap_weibull", "gap_kaplan_meier", "bg_nbd"}


def test_cohorts_are_of_first_gaps_that_were_watched(result: RepurchaseEvaluation, events: pa.Table) -> None:
    first = {}
    for who, time in zip(events["customer_id"].to_pylist(), events["time"].to_pylist(), strict=True):
        first[who] = min(first.get(who, time), time)
    january = [who for who, time in first.items() if (time.year, time.month) == (1997, 1)]
    assert list(result.cohorts) == ["1997-01", "1997-02", "1997-03"]
    assert result.cohorts["1997-01"].at_risk[0] == pytest.approx(len(january), abs=10)  # some paid nothing


def test_the_report_names_the_lowest_brier_score(result: RepurchaseEvaluation) -> None:
    report = document(result)
    assert report["champion"] == "bg_nbd"
    assert report["protocol"]["calibration_end"] == "1997-06-30"


def test_a_holdout_without_a_day_is_refused(events: pa.Table) -> None:
    with pytest.raises(InvalidInput, match="--holdout-end"):
        evaluate_repurchase(events, END, END, "UTC", Silent())


def test_a_calibration_before_anybody_bought_is_refused(events: pa.Table) -> None:
    with pytest.raises(InvalidInput, match="--calibration-end"):
        evaluate_repurchase(events, date(1990, 1, 1), HOLDOUT, "UTC", Silent())
