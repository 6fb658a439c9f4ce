"""Next-item models in a simulated shop where the order of purchases matters."""

from typing import Any

import numpy as np
import pytest

from jobs.evaluate_next_item import evaluate_next_item
from jobs.next_item_trials import NextItemSpec
from jobs.purchase_file import PurchaseLog
from tests.tiers import examples

ITEMS = 48


def shop(seed: int, customers: int) -> PurchaseLog:
    """Customers begin somewhere on a ring of items, and three in four times buy the item after the last one.

    Who bought i bought i - 1 as often as i + 1: only the order tells which comes next.
    """
    random = np.random.default_rng(seed)
    length = 8
    on = random.random((customers, length)) < 0.75
    items = np.empty((customers, length), dtype=np.int64)
    items[:, 0] = random.integers(0, ITEMS, customers)
    for step in range(1, length):
        items[:, step] = np.where(on[:, step], items[:, step - 1] + 1, random.integers(0, ITEMS, customers)) % ITEMS
    day = np.sort(random.integers(0, 300, (customers, length)), axis=1)
    order = np.argsort(day.ravel(), kind="stable")
    return PurchaseLog(
        customer=np.repeat(np.arange(customers), length)[order],
        item=items.ravel()[order],
        day=(np.datetime64("2024-01-01") + day.ravel()[order]).astype("datetime64[D]"),
        amount=np.full(len(order), 5.0),
        category=np.zeros(ITEMS, dtype=np.int64),
        customers=customers,
        rejected_rows=0,
    )


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return evaluate_next_item(shop(1, examples(ci=500, soak=4_000)), NextItemSpec(sequence=True))


def test_the_sequence_model_beats_popularity_over_the_whole_catalogue(report: dict[str, Any]) -> None:
    assert report["models"]["gru4rec"]["ahead_of_popularity"]["lower"] > 0


def test_the_sequence_model_beats_item_knn_over_the_whole_catalogue(report: dict[str, Any]) -> None:
    assert report["models"]["gru4rec"]["ahead_of_item_knn"]["lower"] > 0


def test_the_earlier_split_chooses_it(report: dict[str, Any]) -> None:
    assert report["champion"] == "gru4rec"


def test_the_protocol_says_what_was_asked_of_whom(report: dict[str, Any]) -> None:
    protocol = report["protocol"]
    assert protocol["items"] == ITEMS
    assert protocol["split_date"] > protocol["inner_split_date"]
    assert protocol["judged_customers"] > 300


def test_intervals_hold_their_figure_and_prices_that_are_equal_have_none_to_speak_of(report: dict[str, Any]) -> None:
    for figures in report["models"].values():
        for name in ("ndcg@10", "category_coverage"):
            assert figures["intervals"][name]["lower"] <= figures[name] <= figures["intervals"][name]["upper"]
        assert figures["intervals"]["mean_price"] == {"lower": 5.0, "upper": 5.0}
