"""Evaluation of journey models: the protocol on a world with known truth, and honest on a real log."""

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from farview.core.errors import InvalidInput
from farview.evaluation.stratified_auc import stratified_auc
from farview.simulation.journeys import simulate_journeys
from farview.simulation.touch_log import touchpoints
from farview.simulation.world import make_world
from jobs.evaluate_journeys import JourneyEvaluation, JourneySpec, evaluate_journeys
from jobs.evaluate_journeys_report import document
from jobs.progress import Silent
from jobs.touchpoint_file import read_attributes, read_touchpoints
from tests.tiers import examples

CUSTOMERS = examples(ci=6000, soak=50_000)
FITTED = {"lstm", "gru", "transformer", "markov2", "markov"}
MODELS = FITTED | {"base_rate_by_step", "touches_so_far", "elapsed_time", "bag_of_channels"}
FIGURES = {"auc", "log_loss", "brier", "ece", "recall_at_10pct"}


@pytest.fixture(scope="module")
def world() -> tuple[pa.Table, pa.Table, Any]:
    """Log, attributes and true hazards."""
    world = make_world(3)
    customers, touches = simulate_journeys(world, CUSTOMERS)
    segments = np.array(world.segments)[customers.segment]
    return touchpoints(world, touches), pa.table({"customer_id": customers.ids(), "segment": segments}), touches


@pytest.fixture(scope="module")
def few(world) -> pa.Table:
    """The log of the first 800 customers, for what is no matter of how many there are."""
    log, attributes, _ = world
    return log.filter(pc.is_in(log["customer_id"], value_set=attributes["customer_id"].combine_chunks()[:800]))


@pytest.fixture(scope="module")
def result(world) -> JourneyEvaluation:
    log, attributes, _ = world
    return evaluate_journeys(log, (attributes, ["segment"]), JourneySpec("Europe/Berlin"), Silent())


@pytest.fixture(scope="module")
def report(result) -> dict[str, Any]:
    return document(result)


def test_the_report_holds_every_model_with_every_figure(report):
    assert set(report["models"]) == MODELS
    assert all(set(figures) == FIGURES for figures in report["models"].values())


def test_the_report_is_json_without_nan(report):
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_touches_so_far_score_exactly_one_half(report):
    assert report["models"]["touches_so_far"]["auc"] == 0.5
    assert report["models"]["base_rate_by_step"]["auc"] == 0.5


def test_total_length_leaks_and_is_a_warning_not_a_model(report):
    assert report["warnings"]["minus_total_length"]["auc"] > 0.55
    assert "minus_total_length" not in report["models"]


def test_a_learnt_model_is_champion_where_there_is_something_to_learn(report):
    assert report["champion"] in FITTED
    assert report["details"][report["champion"]]["log_loss_gain"]["lower"] > 0


def test_no_model_orders_better_than_the_truth_but_by_chance(result, world):
    _, _, touches = world
    rows = result.test.rows
    truth = stratified_auc(
        touches.hazard[rows], result.steps.converted[rows], result.steps.index[rows], result.test.weight
    )
    # .03: four standard errors of the paired difference on some 3,000 test steps.
    assert all(figures.auc < truth + 0.03 for figures in result.models.values())


def test_the_split_is_the_day_by_which_seventy_per_cent_of_steps_have_passed(report, world):
    log, _, _ = world
    touch = log.filter(pc.not_equal(log["interaction"], "conversion"))
    local = pc.local_timestamp(pc.cast(touch["time"], pa.timestamp("s", "Europe/Berlin")))
    days = np.sort(pc.cast(local, pa.date32()).to_numpy())
    split = np.datetime64(report["protocol"]["split_date"])
    assert (days <= split).mean() >= 0.7 > (days < split).mean()


def test_training_windows_end_before_the_split_and_test_touches_follow_it(result):
    assert result.steps.resolved_us[result.train.rows].max() < result.steps.time_us[result.test.rows].min()


def test_training_sees_the_same_steps_whatever_happens_after_the_split(few):
    spec = JourneySpec("UTC", split_date=date(2025, 2, 20), models=["markov"])
    split = pa.scalar(datetime(2025, 2, 21, tzinfo=UTC), pa.timestamp("s", "UTC"))
    later_win = pc.and_(pc.greater_equal(few["time"], split), pc.equal(few["interaction"], "conversion"))
    whole, fewer = (evaluate_journeys(table, None, spec, Silent()) for table in (few, few.filter(pc.invert(later_win))))
    for name in ("rows", "weight"):
        assert np.array_equal(getattr(whole.train, name), getattr(fewer.train, name))


def test_customers_held_out_are_judged_and_never_learnt_from(few):
    result = evaluate_journeys(few, None, JourneySpec(held_out_share=0.3, models=["markov"]), Silent())
    judged, learnt = (set(result.steps.customer[side.rows]) for side in (result.test, result.train))
    assert judged
    assert not judged & learnt


def test_a_split_that_leaves_no_whole_window_is_refused(few):
    with pytest.raises(InvalidInput, match="--split-date: 2025-03-29 leaves no whole window of 7 days"):
        evaluate_journeys(few, None, JourneySpec(split_date=date(2025, 3, 29)), Silent())


def test_a_split_before_the_log_is_refused(few):
    with pytest.raises(InvalidInput, match="leaves one side empty"):
        evaluate_journeys(few, None, JourneySpec(split_date=date(2024, 1, 1)), Silent())


def test_on_a_real_log_without_signal_no_model_is_crowned(shared_data: Path):
    file = read_touchpoints(shared_data / "touchpoints.csv.gz", {}, "UTC")
    # What a network adds on this log is seen by the command, which takes minutes; the rule is the same for all.
    report = document(evaluate_journeys(file.log, None, JourneySpec(models=["markov2", "markov"]), Silent()))
    protocol = report["protocol"]
    assert (protocol["touches"], protocol["conversions"], protocol["split_date"]) == (60_645, 1_838, "2018-07-21")
    assert report["models"]["touches_so_far"]["auc"] == 0.5
    assert report["warnings"]["minus_total_length"]["auc"] > 0.65
    assert report["champion"] == "base_rate_by_step"


def test_a_model_that_there_is_not_is_refused(few):
    with pytest.raises(InvalidInput, match="--models: 'oracle' is not a journey model"):
        evaluate_journeys(few, None, JourneySpec(models=["oracle"]), Silent())


GOOD = "customer_id,time,interaction,channel,conversion_value\na,2025-01-01T10:00:00Z,impression,Paid Search,\n"


def written(tmp_path: Path, text: str, name: str = "touches.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def read(path: Path):
    return read_touchpoints(path, {}, "Europe/Berlin")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",2025-01-01,impression,x,", "line 3: customer_id is empty"),
        ("a,31.12.2025,impression,x,", 'line 3: time "31.12.2025" is not a time'),
        ("a,2999-01-01,impression,x,", 'line 3: time "2999-01-01" lies in the future'),
        ("a,2025-01-01,,x,", "line 3: interaction is empty"),
        ("a,2025-01-01,click,,", "line 3: channel is empty (only a conversion may have none)"),
        ('a,2025-01-01,conversion,x,"12,50"', 'line 3: conversion_value "12,50" is not a number'),
    ],
)
def test_a_bad_row_is_left_out_and_told_with_its_reason(tmp_path, row, reason):
    file = read(written(tmp_path, GOOD + row + "\n"))
    assert (file.log.num_rows, file.rejected_rows) == (1, 1)
    assert file.first_reject.startswith(reason)


def test_a_time_without_an_offset_is_the_zones(tmp_path):
    file = read(written(tmp_path, GOOD + "a,2025-07-01T10:00:00,click,x,\n"))
    assert file.log["time"][1].as_py().isoformat() == "2025-07-01T08:00:00+00:00"


def test_a_conversion_needs_no_channel_and_any_case_will_do(tmp_path):
    file = read(written(tmp_path, GOOD + "a,2025-01-02T10:00:00Z,Conversion,,5\n"))
    assert file.log["interaction"].to_pylist() == ["impression", "conversion"]


def test_csv_compressed_csv_and_parquet_hold_the_same_log(tmp_path):
    plain = written(tmp_path, GOOD)
    with gzip.open(tmp_path / "touches.csv.gz", "wt") as file:
        file.write(GOOD)
    logs = [read(plain).log, read(tmp_path / "touches.csv.gz").log]
    pq.write_table(logs[0], tmp_path / "touches.parquet")
    assert logs[0].equals(logs[1])
    assert logs[0].equals(read(tmp_path / "touches.parquet").log)


def test_a_missing_column_is_named_with_its_option(tmp_path):
    path = written(tmp_path, "customer_id,time,kind,channel\na,2025-01-01,click,x\n")
    with pytest.raises(InvalidInput, match=r"no column 'interaction'; it has .*name it with --interaction-column"):
        read(path)


def test_a_file_without_a_good_row_says_why(tmp_path):
    with pytest.raises(InvalidInput, match="holds no usable touchpoint; rejected rows: 1, the first at line 2"):
        read(written(tmp_path, "customer_id,time,interaction,channel\n,2025-01-01,click,x\n"))


def test_attributes_of_a_customer_stand_in_one_row(tmp_path):
    path = written(tmp_path, "customer_id,segment\na,x\na,y\n", "customers.csv")
    with pytest.raises(InvalidInput, match='line 3: customer_id "a" stands in the file before'):
        read_attributes(path, "customer_id", ["segment"])


def test_values_in_any_currency_are_taken(tmp_path):
    text = "customer_id,time,interaction,channel,conversion_value,currency\na,2025-01-01,conversion,x,5,JPY\n"
    assert read(written(tmp_path, text)).log["conversion_value"].to_pylist() == [5.0]


def test_the_last_row_of_a_touchpoint_id_counts(tmp_path):
    head = "touchpoint_id,customer_id,time,interaction,channel\n"
    rows = "t,a,2025-01-01,click,x\n,a,2025-01-02,click,y\nt,a,2025-01-01,click,z\n"
    assert read(written(tmp_path, head + rows)).log["channel"].to_pylist() == ["y", "z"]


def test_attributes_have_the_type_of_their_column_and_the_zone_may_be_one(tmp_path):
    path = written(tmp_path, "client,age,vip,time_zone\na,34,true,Mars\nb,,false,\n", "customers.csv")
    table, names = read_attributes(path, "client", ["age", "vip", "time_zone"])
    assert names == ["age", "vip", "time_zone"]
    assert table.to_pydict() == {
        "customer_id": ["a", "b"],
        "age": [34.0, None],
        "vip": [True, False],
        "time_zone": ["Mars", None],
    }
