"""Features of items in lists: hand-computed, blind to the future, and the same for a log as for one list."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings

from farview.features.item_features import (
    ITEM_FEATURES,
    PRIOR_ROWS,
    Records,
    item_features,
    past_of_list,
    past_of_log,
)
from farview.features.item_log import Codes, ItemLog, item_log
from tests.features.item_logs import CATALOGUE, FIRST_DAY, ITEM_IDS, as_log, logs, shown
from tests.tiers import examples

BERLIN = "Europe/Berlin"
NAMES = [feature.name for feature in ITEM_FEATURES]
EPOCH = date(1970, 1, 1)


def coded(table: pa.Table, zone: str = BERLIN) -> ItemLog:
    return item_log(table, CATALOGUE, Codes.of(CATALOGUE, ITEM_IDS), zone)


def features(table: pa.Table, zone: str = BERLIN) -> np.ndarray:
    log = coded(table, zone)
    return item_features(log.facts, log.day, log.list_of_row, past_of_log(log))


def column(rows: np.ndarray, name: str) -> np.ndarray:
    return rows[:, NAMES.index(name)]


def at(day: int, hour: int) -> datetime:
    return datetime(2025, 6, 1, hour, tzinfo=UTC) + timedelta(days=day)


def test_features_of_a_small_log_are_those_computed_by_hand() -> None:
    found = features(
        as_log(
            [
                *shown("q1", "ann", at(0, 10), {"i0": 4, "i1": 0}),
                *shown("q2", "bob", at(1, 10), {"i0": 1, "i2": 0}),
                *shown("q3", "ann", at(2, 10), {"i1": 0, "i3": 0}),
            ]
        )
    )[4:]  # the last list: i1, then i3
    usual = (2 + 1) / (4 + PRIOR_ROWS)  # two clicks in four rows
    assert np.allclose(column(found, "log_price"), np.log1p([20, 5]))
    assert np.allclose(column(found, "log_price_in_list"), np.log1p([20, 5]) - np.log1p([20, 5]).mean())
    assert np.allclose(column(found, "margin_share"), [0.45, np.nan], equal_nan=True)
    assert np.allclose(column(found, "log_age"), [np.log1p(94), np.nan], equal_nan=True)
    assert np.allclose(column(found, "log_item_shown"), [np.log1p(1), 0])
    assert np.allclose(column(found, "item_clicks"), [PRIOR_ROWS * usual / (1 + PRIOR_ROWS), usual])
    assert np.allclose(column(found, "category_clicks")[0], (2 + PRIOR_ROWS * usual) / (3 + PRIOR_ROWS))
    assert np.allclose(column(found, "log_customer_shown"), np.log1p(2))
    assert np.allclose(column(found, "own_category_clicks"), [1, 0])
    assert np.allclose(column(found, "own_brand_clicks"), [0, 0])
    assert np.allclose(column(found, "log_own_item_shown"), [np.log1p(1), 0])
    assert np.allclose(column(found, "log_price_to_clicked"), np.log1p([20, 5]) - np.log1p(10))


def test_a_day_ends_at_midnight_of_the_business() -> None:
    rows = [*shown("q1", "ann", at(0, 21), {"i0": 1}), *shown("q2", "ann", at(0, 23), {"i0": 0})]
    assert column(features(as_log(rows), "UTC"), "log_item_shown").tolist() == [0, 0]
    assert column(features(as_log(rows), BERLIN), "log_item_shown")[1] > 0  # 23:00 and 01:00 of the next day


@settings(max_examples=examples(ci=60, soak=3_000))
@given(logs())
def test_one_list_and_a_log_have_the_same_features(table: pa.Table) -> None:
    day = (FIRST_DAY - EPOCH).days + 8
    time = datetime.combine(EPOCH + timedelta(days=day), datetime.min.time(), UTC) + timedelta(hours=12)
    asked = shown("zzz", "ann", time, dict.fromkeys(ITEM_IDS, 0))
    bulk = features(pa.concat_tables([table, as_log(asked)]))[-len(ITEM_IDS) :]
    log, codes = coded(table), Codes.of(CATALOGUE, ITEM_IDS)
    records = Records.of(log, [len(codes.items), len(codes.categories), len(codes.brands)])
    own = coded(table.filter(pc.equal(table["customer_id"], "ann")))
    facts = codes.facts(CATALOGUE, pa.array(ITEM_IDS))
    one = item_features(
        facts, np.full(len(ITEM_IDS), day), np.zeros(len(ITEM_IDS), np.int64), past_of_list(facts, day, records, own)
    )
    assert np.allclose(one, bulk, rtol=1e-5, atol=1e-6, equal_nan=True)


@settings(max_examples=examples(ci=40, soak=2_000))
@given(logs())
def test_rows_of_the_same_day_and_later_change_nothing(table: pa.Table) -> None:
    before = features(table)
    last = pc.max(table["time"]).as_py()
    planted = shown("zz", "ann", last, dict.fromkeys(ITEM_IDS, 4))
    planted += shown("zzz", "ann", last + timedelta(days=1), dict.fromkeys(ITEM_IDS, 4))
    after = features(pa.concat_tables([table, as_log(planted)]))[: len(before)]
    assert np.array_equal(before, after, equal_nan=True)
