"""What is known of an item in a list before it is shown: the item, its record, and the customer's past with its like.

One function computes it for the lists of a log, which may have seen all earlier days, and for one list to be made, of
which sums over the log are kept and the customer's own rows are read. A list sees rows of earlier business days only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farview.features.item_log import CLICK, PURCHASE, UNKNOWN, Facts, FloatArray, IntArray, ItemLog
from farview.features.specification import Feature

Float32Array = NDArray[np.float32]

PRIOR_ROWS = 20.0  # shown rows that an average record weighs
SHOWN, CLICKED, BOUGHT, CLICKED_LOG_PRICE, CLICKED_PRICED = range(5)  # columns of sums

_NOW, _EARLIER = "catalogue", "lists of earlier business days"
_NO_PRICE = "null without a price"
_RECORD = f"of those shown, {PRIOR_ROWS:g} average rows counted in"

ITEM_FEATURES: tuple[Feature, ...] = (
    Feature("log_price", "ln(1 + price)", _NOW, "ln currency", _NO_PRICE),
    Feature("log_price_in_list", "log_price less its mean over the list", "the list", "ln currency", _NO_PRICE),
    Feature("margin_share", "margin over price", _NOW, "share", "null without margin or price"),
    Feature("log_age", "ln(1 + days since the item was added)", _NOW, "ln days", "null without the day"),
    Feature("log_item_shown", "ln(1 + times shown)", _EARLIER, "ln count", "never null"),
    Feature("item_clicks", f"share clicked {_RECORD}", _EARLIER, "share", "never null"),
    Feature("item_purchases", f"share bought {_RECORD}", _EARLIER, "share", "never null"),
    Feature(
        "category_clicks", f"the same of the category's items, clicked, {_RECORD}", _EARLIER, "share", "never null"
    ),
    Feature("category_purchases", f"bought, {_RECORD}", _EARLIER, "share", "never null"),
    Feature("brand_clicks", f"the same of the brand's items, clicked, {_RECORD}", _EARLIER, "share", "never null"),
    Feature("log_customer_shown", "ln(1 + items shown to the customer)", _EARLIER, "ln count", "never null"),
    Feature("customer_clicks", f"share clicked by the customer {_RECORD}", _EARLIER, "share", "never null"),
    Feature(
        "own_category_clicks", "clicks on the category, of the customer's", _EARLIER, "share", "null without a click"
    ),
    Feature("own_brand_clicks", "clicks on the brand, of the customer's", _EARLIER, "share", "null without a click"),
    Feature("log_own_item_shown", "ln(1 + times shown to the customer)", _EARLIER, "ln count", "never null"),
    Feature("log_own_item_clicks", "ln(1 + clicks of the customer on it)", _EARLIER, "ln count", "never null"),
    Feature(
        "log_price_to_clicked",
        "log_price less the mean log_price of what the customer clicked",
        _EARLIER,
        "ln currency",
        "null without a price or a click",
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """Sums over earlier rows, for each row of lists; each array of shape (rows, 5), columns SHOWN to CLICKED_PRICED."""

    everything: FloatArray
    item: FloatArray
    category: FloatArray
    brand: FloatArray
    customer: FloatArray
    own_category: FloatArray
    own_brand: FloatArray
    own_item: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Sums over a whole log, as a model keeps them; rows by code, the last row (code UNKNOWN) nobody's."""

    everything: FloatArray  # (1, 5)
    item: FloatArray  # (items + 1, 5)
    category: FloatArray  # (categories + 1, 5)
    brand: FloatArray  # (brands + 1, 5)

    @classmethod
    def of(cls, log: ItemLog, sizes: Sequence[int]) -> "Records":
        """Of a log; sizes are how many items, categories and brands there are."""
        counted = _counted(log)
        columns = (log.facts.item, log.facts.category, log.facts.brand)
        return cls(
            counted.sum(axis=0, keepdims=True),
            *(_totals(code, counted, size) for code, size in zip(columns, sizes, strict=True)),
        )


def past_of_log(log: ItemLog) -> Past:
    """What was known of every row of a log from the rows of earlier days."""
    counted, facts = _counted(log), log.facts

    def before(*keys: IntArray) -> FloatArray:
        key = _joined(keys)
        return sums_before((key, log.day), counted, (key, log.day))

    return Past(
        everything=before(np.zeros(len(log), dtype=np.int64)),
        item=before(facts.item),
        category=before(facts.category),
        brand=before(facts.brand),
        customer=before(log.customer),
        own_category=before(log.customer, facts.category),
        own_brand=before(log.customer, facts.brand),
        own_item=before(log.customer, facts.item),
    )


def past_of_list(facts: Facts, day: int, records: Records, own: ItemLog) -> Past:
    """What is known of the items of one list.

    Args:
        facts: of its items.
        day: on which it is made, days since 1970.
        records: of the log; all of it counts as earlier.
        own: rows of the customer, of whom later ones than yesterday's are not seen.
    """
    counted = _counted(own)

    def before(key: IntArray, of: IntArray) -> FloatArray:
        return sums_before((key, own.day), counted, (of, np.full(len(of), day)))

    nobody = np.zeros(len(own), dtype=np.int64), np.zeros(len(facts.item), dtype=np.int64)
    return Past(
        everything=np.repeat(records.everything, len(facts.item), axis=0),
        item=records.item[facts.item],
        category=records.category[facts.category],
        brand=records.brand[facts.brand],
        customer=before(*nobody),
        own_category=before(own.facts.category, facts.category),
        own_brand=before(own.facts.brand, facts.brand),
        own_item=before(own.facts.item, facts.item),
    )


def item_features(facts: Facts, day: IntArray, list_of_row: IntArray, past: Past) -> Float32Array:
    """Features of rows of lists, shape (rows, len(ITEM_FEATURES)), NaN for null.

    Args:
        facts: of the rows' items.
        day: of each row's list, days since 1970, shape (rows,).
        list_of_row: 0, 1, ..., shape (rows,).
        past: what was known before.
    """
    price = np.log1p(facts.price)
    own, average = past.customer, past.everything
    clicked = np.where(own[:, CLICKED] > 0, own[:, CLICKED], np.nan)
    dearness = _divided(own[:, CLICKED_LOG_PRICE], own[:, CLICKED_PRICED])
    columns = (
        price,
        price - _list_means(price, list_of_row),
        _divided(facts.margin, facts.price),
        np.log1p(np.maximum(day - facts.added_day, 0)),
        np.log1p(past.item[:, SHOWN]),
        _rate(past.item, average, CLICKED),
        _rate(past.item, average, BOUGHT),
        _rate(past.category, average, CLICKED),
        _rate(past.category, average, BOUGHT),
        _rate(past.brand, average, CLICKED),
        np.log1p(own[:, SHOWN]),
        _rate(own, average, CLICKED),
        past.own_category[:, CLICKED] / clicked,
        past.own_brand[:, CLICKED] / clicked,
        np.log1p(past.own_item[:, SHOWN]),
        np.log1p(past.own_item[:, CLICKED]),
        price - dearness,
    )
    return np.stack(columns, axis=1).astype(np.float32)


def sums_before(log: tuple[IntArray, IntArray], values: FloatArray, rows: tuple[IntArray, IntArray]) -> FloatArray:
    """Sum of values over the log's rows of the same key and an earlier day; 0 for the key UNKNOWN.

    Args:
        log: key and day of each row, each shape (n,).
        values: shape (n, m).
        rows: key and day of what is asked, each shape (r,).

    Returns:
        Shape (r, m).
    """
    (key, day), (asked, until) = log, rows
    if len(key) == 0:
        return np.zeros((len(asked), values.shape[1]))
    first = min(int(day.min()), int(until.min(initial=day.min())))
    span = max(int(day.max()), int(until.max(initial=day.max()))) - first + 1
    place = key * span + (day - first)
    order = np.argsort(place, kind="stable")
    summed = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values[order], axis=0)])
    ends = np.searchsorted(place[order], np.stack([asked * span, asked * span + (until - first)]))
    sums = summed[ends[1]] - summed[ends[0]]
    sums[asked == UNKNOWN] = 0.0
    return sums


def _counted(log: ItemLog) -> FloatArray:
    """What each row adds to sums, shape (n, 5)."""
    clicked, price = log.grade >= CLICK, np.log1p(log.facts.price)
    priced = clicked & ~np.isnan(price)
    ones = np.ones(len(log))
    return np.stack([ones, clicked, log.grade >= PURCHASE, np.where(priced, price, 0.0), priced], axis=1)


def _totals(code: IntArray, counted: FloatArray, size: int) -> FloatArray:
    known = code != UNKNOWN
    columns = [np.bincount(code[known], weights=column[known], minlength=size + 1) for column in counted.T]
    return np.stack(columns, axis=1)


def _joined(keys: Sequence[IntArray]) -> IntArray:
    """One key of several; UNKNOWN where any is."""
    joined = keys[0]
    for key in keys[1:]:
        width = int(key.max(initial=0)) + 1
        joined = np.where((joined == UNKNOWN) | (key == UNKNOWN), UNKNOWN, joined * width + key)
    return joined


def _rate(sums: FloatArray, average: FloatArray, column: int) -> FloatArray:
    """Share of those shown, drawn towards the average record."""
    usual = (average[:, column] + 1) / (average[:, SHOWN] + PRIOR_ROWS)
    rate: FloatArray = (sums[:, column] + PRIOR_ROWS * usual) / (sums[:, SHOWN] + PRIOR_ROWS)
    return rate


def _divided(above: NDArray[Any], below: NDArray[Any]) -> FloatArray:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)


def _list_means(values: FloatArray, list_of_row: IntArray) -> FloatArray:
    """Mean of the values known in each row's list, shape (rows,)."""
    known = ~np.isnan(values)
    lists = int(list_of_row.max(initial=-1)) + 1
    total = np.bincount(list_of_row, weights=np.where(known, values, 0.0), minlength=lists)
    count = np.bincount(list_of_row, weights=known, minlength=lists)
    return _divided(total, count)[list_of_row]
