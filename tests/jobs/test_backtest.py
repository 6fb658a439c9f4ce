"""Backtests: the protocol by hand, on CDNOW, and blind to the holdout."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from farview.core import schemas
from farview.core.errors import InvalidInput
from farview.core.quantile_grid import LEVELS
from farview.evaluation.bootstrap import resampled_ginis
from farview.evaluation.marginals import PointMarginal
from farview.evaluation.measures import Measures, measures
from farview.features.window import window
from jobs.backtest import Backtest, BacktestSpec, backtest
from jobs.backtest_events import read_events
from jobs.backtest_fits import Failure, fit_each
from jobs.backtest_models import BTYD, Candidate, Forecasts, Predict, candidates
from jobs.backtest_report import document, predictions, write_predictions
from jobs.import_reading import FileOptions
from jobs.past import Actuals, Past, actuals_of, past_of
from jobs.progress import Silent
from jobs.value_models import predict_by
from ltv.fit import fit
from tests.tiers import examples

FIGURES = {"ratio", "mae", "rmse", "corr", "normalized_gini", "spearman", "crps", "coverage_80", "coverage_95"}
CDNOW = BacktestSpec(date(1997, 9, 30), date(1998, 6, 30))
KNOWN = candidates(seed=0)
POINTS = {name: model for name, model in KNOWN.items() if model.standing and not model.buys_till_it_dies}
KINDS = ("bg_nbd", "mbg_nbd+first_spend")
MODELS = {name: KNOWN[name] for name in (*(BTYD if examples(ci=0, soak=1) else KINDS), *POINTS)}
"""A model of each kind: what is held of all, is held of them."""
DAY = datetime(2024, 1, 1, 12, tzinfo=UTC)


def events(rows: list[tuple[str, int, float]]) -> pa.Table:
    """Rows of customer, days after the first of January, amount."""
    named = [dict(zip(schemas.EVENTS.names, (who, DAY + timedelta(days=k), x), strict=True)) for who, k, x in rows]
    return pa.Table.from_pylist(named, schema=schemas.EVENTS)


def read(path: Path) -> pa.Table:
    return read_events(path, FileOptions(), "UTC", "USD").events


@pytest.fixture(scope="module")
def sample(cdnow_sample: Path) -> pa.Table:
    return read(cdnow_sample)


@pytest.fixture(scope="module")
def sample_result(sample: pa.Table) -> Backtest:
    return backtest(sample, CDNOW, MODELS, Silent())


@pytest.fixture(scope="module")
def sample_report(sample_result: Backtest) -> dict[str, Any]:
    return document(sample_result, MODELS)


@pytest.fixture(scope="module")
def full(cdnow_full: Path) -> pa.Table:
    return read(cdnow_full)


@dataclass(frozen=True)
class Full:
    """All of CDNOW at the calibration end; the inner origins are left to the sample."""

    past: Past
    actuals: Actuals
    forecasts: Mapping[str, Forecasts]

    def value(self, model: str) -> Measures:
        return measures(self.actuals.value, self.forecasts[model].value)


@pytest.fixture(scope="module")
def full_result(full: pa.Table) -> Full:
    past = past_of(full, CDNOW.calibration_end, CDNOW.zone)
    forecasts = fit_each(past, MODELS, CDNOW.horizon_days, Silent()).forecasts
    return Full(past, actuals_of(full, past, CDNOW.holdout_end), forecasts)


BY_HAND = [
    ("a", 0, 10.0),
    ("a", 10, 30.0),
    ("a", 25, 7.0),  # holdout
    ("a", 26, -3.0),  # a return in the holdout
    ("b", 19, 5.0),
    ("b", 19, -2.0),
    ("c", 20, 8.0),  # on the day itself, age 0
    ("free", 5, 0.0),  # nothing above 0: not in the population
    ("late", 21, 4.0),
]
HAND = BacktestSpec(date(2024, 1, 21), date(2024, 1, 31))


@pytest.fixture(scope="module")
def hand_result() -> Backtest:
    rows = [*BY_HAND, ("c", 30, 1.0), ("c", 31, 100.0)]
    return backtest(events(rows), HAND, POINTS, Silent())


def means(result: Backtest, name: str) -> dict[str, list[float]]:
    forecasts = result.forecasts[name]
    quantities = ("purchases", "value", "gross_value")
    return {quantity: getattr(forecasts, quantity).mean.tolist() for quantity in quantities}


def test_the_population_bought_above_zero_by_the_calibration_end_that_day_included(hand_result: Backtest) -> None:
    assert hand_result.past.rfm.column("customer_id").to_pylist() == ["a", "b", "c"]


def test_actuals_are_of_the_days_after_calibration_end_up_to_holdout_end(hand_result: Backtest) -> None:
    actuals = hand_result.actuals
    assert actuals.purchases.tolist() == [1, 0, 1]
    assert actuals.value.tolist() == [4.0, 0.0, 1.0]
    assert actuals.gross_value.tolist() == [7.0, 0.0, 1.0]


def test_past_spend_is_the_past_first_purchase_included(hand_result: Backtest) -> None:
    assert means(hand_result, "past_spend") == {
        "purchases": [2, 1, 1],
        "value": [40.0, 3.0, 8.0],
        "gross_value": [40.0, 5.0, 8.0],
    }


def test_past_rate_is_the_past_over_age_of_at_least_a_day_times_the_horizon(hand_result: Backtest) -> None:
    rate = means(hand_result, "past_rate")
    assert rate["purchases"] == pytest.approx([2 / 20 * 10, 1 / 1 * 10, 1 / 1 * 10])
    assert rate["value"] == pytest.approx([40 / 20 * 10, 3 * 10, 8 * 10])


def test_a_zero_amount_is_a_purchase_of_the_population_unless_dropped() -> None:
    rows = events([*BY_HAND, ("a", 15, 0.0)])
    kept = past_of(rows, HAND.calibration_end, "UTC").rfm.column("frequency").to_pylist()
    dropping = BacktestSpec(HAND.calibration_end, HAND.holdout_end, drop_zero=True)
    dropped = backtest(rows, dropping, POINTS, Silent()).past.rfm.column("frequency").to_pylist()
    assert (kept, dropped) == ([2, 0, 0], [1, 0, 0])


def test_days_are_the_zones() -> None:
    late_evening = pa.Table.from_pylist(
        [{"customer_id": "a", "time": datetime(2024, 1, 21, 23, 30, tzinfo=UTC), "amount": 1.0}], schema=schemas.EVENTS
    )
    rows = pa.concat_tables([events([("b", 0, 1.0)]), late_evening])
    sizes = [past_of(rows, HAND.calibration_end, zone).rfm.num_rows for zone in ("UTC", "Europe/Berlin")]
    assert sizes == [2, 1]


def test_an_empty_holdout_is_refused() -> None:
    with pytest.raises(InvalidInput, match="--holdout-end: 2024-01-31 is not after"):
        backtest(events(BY_HAND), BacktestSpec(HAND.holdout_end, HAND.holdout_end), POINTS, Silent())


def test_a_calibration_without_buyers_is_refused() -> None:
    with pytest.raises(InvalidInput, match="nobody bought"):
        backtest(events(BY_HAND), BacktestSpec(date(2023, 1, 1), date(2024, 1, 31)), POINTS, Silent())


def test_a_log_without_an_amount_above_zero_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no amount is above 0"):
        backtest(events([("a", 0, 0.0), ("b", 3, -5.0)]), HAND, POINTS, Silent())


def test_every_inner_origin_lies_after_the_first_amount_above_zero_and_is_judged() -> None:
    # The calibration window would begin twenty days earlier by the zero amount of a later buyer.
    rows = [("z", 0, 0.0), ("z", 28, 5.0), *((f"c{k}", 20 + k % 8, 3.0 + k % 5) for k in range(40))]
    result = backtest(events(rows), BacktestSpec(date(2024, 1, 31), date(2024, 2, 29)), POINTS, Silent())
    assert [origin.as_of for origin in result.origins] == [date(2024, 1, day) for day in (26, 27, 28)]
    assert {name: len(scores) for name, scores in result.inner.items()} == dict.fromkeys(POINTS, 3)


def test_equal_past_rates_are_tied_to_the_last_bit() -> None:
    # One purchase in 10 days, two in 20, three in 30; in floating point 3 * (21 / 30) is not 1 * (21 / 10).
    rows = [(who, first + k * 7, 1.0) for who, first, n in (("a", 0, 3), ("b", 20, 1), ("c", 10, 2)) for k in range(n)]
    past = past_of(events(rows), date(2024, 1, 31), "UTC")
    assert len(set(MODELS["past_rate"].fit(past)(21).purchases.mean.tolist())) == 1


def test_the_report_carries_the_warnings_of_a_fit() -> None:
    rows = [(f"c{k}", k % 20, 1.0 + k % 3) for k in range(60)]
    mode = Candidate(lambda past: predict_by(fit(past.rfm, method="map"), past, 0), "none")
    only = {"mode": mode}
    report = document(backtest(events(rows), BacktestSpec(date(2024, 1, 2), date(2024, 1, 5)), only, Silent()), only)
    assert "nobody has paid for a repeat purchase" in report["details"]["mode"]["warnings"][0]


def test_too_short_a_calibration_has_no_champion() -> None:
    short = BacktestSpec(date(2024, 1, 2), date(2024, 1, 31))
    assert backtest(events(BY_HAND), short, POINTS, Silent()).champion is None


def _fails(reason: Exception, when: date) -> Candidate:
    """Past spend, but not on what was known by that day."""

    def fit(past: Past) -> Predict:
        if past.as_of == when:
            raise reason
        return MODELS["past_spend"].fit(past)

    return Candidate(fit, "none")


def _crowd() -> pa.Table:
    return events([(f"c{k}", k % 30, 1.0 + k % 5) for k in range(60)] + [(f"c{k}", 35 + k, 2.0) for k in range(20)])


CROWD = BacktestSpec(date(2024, 2, 10), date(2024, 2, 20))


def test_a_model_that_cannot_be_fitted_is_named_with_its_reason_and_the_rest_go_on() -> None:
    models = {"broken": _fails(ValueError("matrix is\n singular"), CROWD.calibration_end), **POINTS}
    report = document(backtest(_crowd(), CROWD, models, Silent()), models)
    assert report["failures"] == {"broken": {"as_of": "2024-02-10", "reason": "ValueError: matrix is singular"}}
    assert list(report["models"]) == list(POINTS)


def test_a_model_that_fails_at_an_inner_origin_has_figures_but_cannot_be_champion() -> None:
    at = backtest(_crowd(), CROWD, POINTS, Silent()).origins[1].as_of
    models = {"sometimes": _fails(InvalidInput.of("rows", "too few"), at), "past_spend": MODELS["past_spend"]}
    result = backtest(_crowd(), CROWD, models, Silent())
    assert result.failures["sometimes"] == Failure(at, "rows: too few")
    assert ("sometimes" in result.forecasts, "sometimes" in result.inner, result.champion) == (
        True,
        False,
        "past_spend",
    )


def test_a_forecast_that_is_not_a_number_is_a_failure() -> None:
    def fit(past: Past) -> Predict:
        mean = np.where(np.arange(past.rfm.num_rows) < 2, np.nan, 1.0)
        return lambda _: Forecasts(PointMarginal(mean), PointMarginal(mean), PointMarginal(mean))

    result = backtest(_crowd(), CROWD, {"nan": Candidate(fit, "none")}, Silent())
    assert result.failures["nan"].reason == "its forecast of purchases is not a number for 2 of 60 customers"


def test_cdnow_sample_has_2349_customers_and_1882_holdout_purchases(sample_result: Backtest) -> None:
    assert sample_result.past.rfm.num_rows == 2349
    assert sample_result.actuals.purchases.sum() == 1882


def test_cdnow_full_has_23500_customers(full_result: Full) -> None:
    assert full_result.past.rfm.num_rows == 23_500


def test_all_cdnow_customers_made_19684_holdout_purchases(full: pa.Table) -> None:
    rows = window(full, CDNOW.calibration_end, CDNOW.holdout_end, "UTC").read_all()
    assert pc.sum(rows.column("purchases")).as_py() == 19_684


def test_past_spend_orders_cdnow_with_a_value_gini_of_695_thousandths(full_result: Full) -> None:
    figures = full_result.value("past_spend")
    assert figures.normalized_gini == pytest.approx(0.695, abs=0.0005)


def test_bg_nbd_on_cdnow_orders_and_undershoots_as_published_peers_do(full_result: Full) -> None:
    figures = full_result.value("bg_nbd")
    assert 0.66 < figures.normalized_gini < 0.70
    assert 0.80 < figures.ratio < 0.95


def test_a_model_that_learns_from_first_purchases_has_the_lowest_crps_on_cdnow(full_result: Full) -> None:
    figures = {name: full_result.value(name).crps for name in MODELS}
    assert min(figures, key=lambda name: figures[name]).endswith("+first_spend")


def test_models_that_learn_from_first_purchases_order_cdnow_better_than_past_spend(full_result: Full) -> None:
    ginis = {name: full_result.value(name).normalized_gini for name in MODELS}
    learning = {name for name in ginis if name.endswith("+first_spend")}
    others = {name for name in ginis if MODELS[name].buys_till_it_dies} - learning
    assert min(ginis[name] for name in learning) > ginis["past_spend"] > max(ginis[name] for name in others)


def test_a_model_that_learns_from_first_purchases_is_champion_on_the_cdnow_sample(sample_result: Backtest) -> None:
    assert sample_result.champion is not None
    assert sample_result.champion.endswith("+first_spend")


def test_the_bootstrap_sd_of_past_spends_gini_on_cdnow_is_about_8_thousandths(full_result: Full) -> None:
    forecast = full_result.forecasts["past_spend"].value.mean
    ginis = resampled_ginis(full_result.actuals.value, {"past_spend": forecast})["past_spend"]
    # 200 resamples leave an sd 5 % of error: 4 of it.
    assert ginis[1:].std() == pytest.approx(0.008, rel=0.2)


@pytest.fixture(scope="module")
def part(sample: pa.Table) -> pa.Table:
    """In ci one customer in eight of the sample: what is held there is held bit by bit."""
    ids = pc.unique(sample.column("customer_id")).to_pylist()[:: examples(ci=8, soak=1)]
    return sample.filter(pc.is_in(sample.column("customer_id"), value_set=pa.array(ids)))


@pytest.fixture(scope="module")
def part_result(part: pa.Table) -> Backtest:
    return backtest(part, CDNOW, MODELS, Silent())


@pytest.mark.parametrize("change", ["deleted", "replaced"])
def test_rows_after_calibration_end_touch_neither_forecasts_nor_champion(
    change: str, part: pa.Table, part_result: Backtest, tmp_path: Path
) -> None:
    after = datetime(1997, 10, 1, tzinfo=UTC)
    past = part.filter(pc.less(part.column("time"), pa.scalar(after, schemas.EVENTS.field("time").type)))
    planted = [
        {"customer_id": who, "time": after + timedelta(days=k % 200), "amount": float(1000 * (k % 7) - 2000)}
        for k, who in enumerate(["0001", "0002", "never seen", *past.column("customer_id").to_pylist()[::9]])
    ]
    future = pa.Table.from_pylist(planted if change == "replaced" else [], schema=schemas.EVENTS)
    changed = backtest(pa.concat_tables([future, past]), CDNOW, MODELS, Silent())
    digests = []
    for name, result in (("as is", part_result), ("changed", changed)):
        write_predictions(result, tmp_path / f"{name}.parquet")
        digests.append(hashlib.sha256((tmp_path / f"{name}.parquet").read_bytes()).hexdigest())
    assert digests[0] == digests[1]
    assert (changed.champion, changed.inner) == (part_result.champion, part_result.inner)


def test_the_document_has_the_published_keys_and_no_nan(sample_report: dict[str, Any]) -> None:
    report = json.loads(json.dumps(sample_report, allow_nan=False))
    assert set(report) == {"protocol", "models", "champion", "failures", "details", "fairness"}
    assert list(report["models"]) == list(MODELS)
    for model in report["models"].values():
        assert set(model) == {"purchases", "value", "gross_value"}
        assert all(set(figures) == FIGURES for figures in model.values())


def test_point_forecasts_have_crps_mae_and_null_coverage(sample_report: dict[str, Any]) -> None:
    figures = sample_report["models"]["zero"]["value"]
    assert figures["crps"] == figures["mae"]
    assert (figures["coverage_80"], figures["corr"], figures["spearman"]) == (None, None, None)


def test_a_horizon_beyond_the_inner_targets_names_its_extrapolation(sample_report: dict[str, Any]) -> None:
    protocol = sample_report["protocol"]
    assert protocol["longest_inner_target_days"] == 90 < protocol["horizon_days"] == 273
    assert protocol["extrapolation"]["bg_nbd"] == "its purchase and dropout process, run on"


def test_the_details_show_groups_naive_interval_and_totals(sample_report: dict[str, Any]) -> None:
    details = sample_report["details"]["bg_nbd"]
    assert [row["group"] for row in details["purchases"]["by_calibration_frequency"]] == ["0", "1", "2", "3", "4+"]
    assert set(details["purchases"]["naive_coverage_80"]) == {"observed", "expected"}
    assert details["totals"]["purchases"]["actual"] == 1882


def test_differences_are_from_past_spend_and_the_best_pair_by_each_figure(
    sample_result: Backtest, sample_report: dict[str, Any]
) -> None:
    figures = sample_report["models"]
    for quantity in ("purchases", "value"):
        for figure, key, sign in (("gini", "normalized_gini", 1), ("crps", "crps", -1)):
            pairs = [name for name in figures if MODELS[name].buys_till_it_dies]
            best = max(pairs, key=lambda name: sign * figures[name][quantity][key])
            for name in figures:
                gaps = sample_report["details"][name]["differences"][quantity][figure]
                assert set(gaps) == {"past_spend", best} - {name}
                for other, gap in gaps.items():
                    its, others = (figures[each][quantity][key] for each in (name, other))
                    if its is not None and others is not None:
                        assert gap["estimate"] == pytest.approx(its - others, abs=1e-9)
                        assert gap["lower"] <= gap["estimate"] <= gap["upper"]


def test_predictions_hold_a_row_per_customer_and_model(sample_result: Backtest, tmp_path: Path) -> None:
    write_predictions(sample_result, tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.num_rows == len(MODELS) * 2349
    assert {"customer_id", "model", "mean_purchases", "mean_value", "p_zero"} <= set(table.column_names)


def test_the_predictions_file_says_what_its_quantiles_are_of(sample_result: Backtest, tmp_path: Path) -> None:
    write_predictions(sample_result, tmp_path / "out.parquet")
    note = pq.read_schema(tmp_path / "out.parquet").field("purchases_quantiles").metadata[b"description"]
    assert note == b"of N + U given N > 0, U uniform on [-1/2, 1/2]"


def test_the_quantile_grid_of_predictions_has_their_mean(sample_result: Backtest) -> None:
    table = predictions(sample_result)
    row = table.filter(pc.equal(table.column("model"), "bg_nbd")).slice(17, 1).to_pylist()[0]
    assert row["value_levels"] == LEVELS.tolist()
    points = row["value_quantiles"]
    mean = sum((b - a) * (p + q) / 2 for a, b, p, q in zip(LEVELS, LEVELS[1:], points, points[1:], strict=False))
    assert (1 - row["p_zero"]) * mean == pytest.approx(row["mean_value"], rel=1e-9)


def test_point_forecasts_have_null_grids(sample_result: Backtest) -> None:
    table = predictions(sample_result)
    points = table.filter(pc.equal(table.column("model"), "past_rate"))
    assert all(points.column(name).null_count == points.num_rows for name in ("p_zero", "value_quantiles"))
