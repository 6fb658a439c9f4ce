"""What a table must be before it is fitted, and its reduction to unique weighted rows."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from farview.core import columns as c
from farview.core.errors import InvalidInput
from ltv.rows import purchase_rows, spend_rows
from tests.ltv.cdnow import calibration, rfm_table


def test_equal_histories_become_one_weighted_row() -> None:
    rows = purchase_rows(rfm_table([(2, 10.0, 30.0), (0, 0.0, 30.0), (2, 10.0, 30.0), (2, 11.0, 30.0)]))
    assert rows.unique_rows == 3
    assert rows.row_weight.tolist() == [1.0, 2.0, 1.0]
    assert rows.row_start.tolist() == [0, 1, 3]
    assert (rows.customers, rows.repeat_buyers) == (4.0, 3.0)


def test_the_order_of_customers_does_not_matter() -> None:
    histories = [(2, 10.0, 30.0), (0, 0.0, 30.0), (1, 10.0, 20.0), (2, 11.0, 30.0)]
    one, other = purchase_rows(rfm_table(histories)), purchase_rows(rfm_table(histories[::-1]))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_cdnow_has_8685_unique_rows(cdnow_full: Path) -> None:
    rows = purchase_rows(calibration(cdnow_full))
    assert (rows.customers, rows.unique_rows) == (23_570, 8_685)
    assert float(rows.frequency @ rows.frequency_weight) == 24_337  # published: 24,337 repeat purchases


def test_mean_age_is_that_of_customers() -> None:
    assert purchase_rows(rfm_table([(1, 5.0, 10.0), (1, 5.0, 10.0), (0, 0.0, 40.0)])).mean_age == 20.0


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ((254, 97.42857, 97.28571), "rows[1].recency_days"),  # the last purchase is after now
        ((-1, 0.0, 5.0), "rows[1].frequency"),
        ((1, -1.0, 5.0), "rows[1].recency_days"),
        ((1, math.nan, 5.0), "rows[1].recency_days"),
        ((0, 0.0, math.inf), "rows[1].age_days"),
        ((0, 0.0, -1.0), "rows[1].age_days"),
        ((0, 3.0, 5.0), "rows[1].recency_days"),  # no repeat, yet a last purchase after the first
    ],
)
def test_an_impossible_row_is_refused_by_name(row: tuple[int, float, float], field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        purchase_rows(rfm_table([(0, 0.0, 5.0), row]))
    assert field in [violation.field for violation in error.value.violations]


def test_a_negative_spend_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match=r"rows\[0\]\.repeat_spend_mean"):
        spend_rows(rfm_table([(1, 1.0, 5.0)], [-3.0]))


def test_a_missing_value_is_refused_by_name() -> None:
    table = rfm_table([(1, 1.0, 5.0), (1, 1.0, 5.0)])
    holed = table.set_column(table.column_names.index(c.AGE_DAYS), c.AGE_DAYS, pa.array([5.0, None]))
    with pytest.raises(InvalidInput, match=r"rows\[1\]\.age_days"):
        purchase_rows(holed)


def test_a_column_of_words_is_refused_by_name() -> None:
    table = rfm_table([(1, 1.0, 5.0)])
    words = table.set_column(table.column_names.index(c.AGE_DAYS), c.AGE_DAYS, pa.array(["five"]))
    with pytest.raises(InvalidInput, match=r"rows\.age_days: is not numeric"):
        purchase_rows(words)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"rows\.frequency: the column is missing"):
        purchase_rows(rfm_table([(1, 1.0, 5.0)]).drop([c.FREQUENCY]))


def test_no_customers_are_refused() -> None:
    with pytest.raises(InvalidInput, match="there is no customer"):
        purchase_rows(rfm_table([]))


def test_only_the_first_twenty_wrong_rows_are_listed() -> None:
    with pytest.raises(InvalidInput) as error:
        purchase_rows(rfm_table([(1, 9.0, 5.0)] * 100))
    assert len(error.value.violations) == 20


def test_spend_is_learnt_from_repeat_customers_who_paid() -> None:
    rows = spend_rows(rfm_table([(0, 0.0, 5.0), (1, 1.0, 5.0), (3, 2.0, 5.0), (3, 2.0, 5.0)], [0.0, 0.0, 12.0, 18.0]))
    assert (rows.customers, rows.mean_spend) == (2.0, 15.0)


def test_money_units_divide_spends() -> None:
    rows = spend_rows(rfm_table([(1, 1.0, 5.0), (3, 2.0, 5.0)], [10.0, 20.0]))
    direct = spend_rows(rfm_table([(1, 1.0, 5.0), (3, 2.0, 5.0)], [1.0, 2.0]))
    for scaled, expected in zip(rows.in_units(10.0), direct, strict=True):
        assert scaled == pytest.approx(expected)
