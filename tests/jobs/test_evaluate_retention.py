"""Retention laws judged on held-out renewals, and the tables they come from."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from farview.core.errors import InvalidInput
from jobs.evaluate_retention import RetentionSpec, evaluate_retention
from jobs.retention_file import RetentionColumns, read_cohorts
from ltv.renewals import Renewals
from tests.ltv.test_renewals import HIGH_END, REGULAR


def table(path: Path, rows: list[str], header: str = "cohort,period,customers") -> Path:
    path.write_text("\n".join([header, *rows, ""]))
    return path


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return evaluate_retention({"regular": Renewals.of_active(REGULAR)}, RetentionSpec(7, value_per_period=100.0))


def test_a_law_of_retention_beats_one_rate_for_ever_on_the_papers_holdout(report: dict[str, Any]) -> None:
    models = report["cohorts"]["regular"]["models"]
    assert models["shifted_beta_geometric"]["mae_share"] < 0.005
    assert models["constant_rate"]["mae_share"] > 0.05


def test_held_out_renewals_lie_in_their_interval(report: dict[str, Any]) -> None:
    rows = report["cohorts"]["regular"]["holdout"]
    assert [row["actual"] for row in rows] == REGULAR[8:].tolist()
    assert all(row["q10"] <= row["actual"] <= row["q90"] for row in rows)


def test_who_stayed_longer_is_worth_more(report: dict[str, Any]) -> None:
    values = [row["value_mean"] for row in report["cohorts"]["regular"]["residual"]]
    assert np.all(np.diff(values) > 0)
    assert 100 < values[0] < 100 * 1.1 / 0.1


def test_the_champion_is_blind_to_the_holdout() -> None:
    changed = np.concatenate([REGULAR[:4], [240.0, 239, 30, 2, 0]])
    known, other = (
        evaluate_retention({"regular": Renewals.of_active(rows)}, RetentionSpec(3))["cohorts"]["regular"]
        for rows in (REGULAR, changed)
    )
    inner = [
        {law: figures["inner_log_score"] for law, figures in cohort["models"].items()} for cohort in (known, other)
    ]
    assert inner[0] == inner[1]
    assert other["champion"] == known["champion"]


def test_a_cohort_that_dies_out_has_figures_without_nan() -> None:
    gone = evaluate_retention({"x": Renewals.of_active(np.array([9.0, 3, 1, 0, 0, 0]))}, RetentionSpec())
    assert json.loads(json.dumps(gone, allow_nan=False))["cohorts"]["x"]["models"]["last_rate"]["ratio"] is None


def test_cohorts_are_read_in_any_order_and_compressed(tmp_path: Path) -> None:
    rows = [*(f"high,{t},{n:.0f}" for t, n in reversed(list(enumerate(HIGH_END)))), "low,0,10", "low,1,4"]
    path = tmp_path / "cohorts.csv.gz"
    path.write_bytes(gzip.compress("\n".join(["cohort,period,customers", *rows]).encode()))
    cohorts = read_cohorts(path, RetentionColumns())
    assert list(cohorts) == ["high", "low"]
    assert cohorts["high"].renewed.tolist() == HIGH_END[1:].tolist()


def test_without_a_cohort_column_all_rows_are_one_cohort(tmp_path: Path) -> None:
    path = table(tmp_path / "one.csv", ["0,10", "1,7"], header="year,active")
    assert list(read_cohorts(path, RetentionColumns("year", "active"))) == ["all"]


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (["a,0,10", "a,1,x"], "row 2: customers 'x' is not a whole number"),
        (["a,0,10", "a,0,9"], "row 2: period 0 of cohort 'a' a second time"),
        (["a,0,10", "a,2,9"], "cohort 'a' lacks period 1"),
        (["a,0,10", "a,1,11"], "cohort 'a': 11 is not between 0 and the 10"),
        ([], "holds no row"),
    ],
)
def test_a_bad_table_is_refused_by_row_or_cohort(rows: list[str], problem: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=problem):
        read_cohorts(table(tmp_path / "bad.csv", rows), RetentionColumns())


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (RetentionSpec(12), "--calibration-periods: must be 2 to 11"),
        (RetentionSpec(discount_rate=0.0), "--discount-rate: must be greater than 0"),
        (RetentionSpec(horizon_periods=0), "--horizon-periods: must be 1 or more"),
    ],
)
def test_what_cannot_be_asked_is_refused(spec: RetentionSpec, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        evaluate_retention({"regular": Renewals.of_active(REGULAR)}, spec)
