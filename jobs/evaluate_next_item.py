"""Evaluation of next-item models: what customers newly bought after a day, sought in the whole catalogue."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
from scipy import sparse

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.bootstrap import difference, resample, resampled_means
from farview.evaluation.catalogue_metrics import coverage, list_ndcg, mean_over_list, popularity_percentile
from jobs.purchase_file import PurchaseLog
from ranking.next_item import SHRINKAGES, Histories, ItemKnn, LastCategory, NextItemModel, Popularity, top_items

K = 10
TRAIN_SHARE = 0.7
RESAMPLES = 1_000
_BLOCK = 256  # customers scored at once: a block of scores of 20,000 items is 40 MB
POPULARITY, ITEM_KNN, LAST_CATEGORY, SEQUENCE = "popularity", "item_knn", "last_category", "gru4rec"
RULE = (
    f"highest mean NDCG@{K} at an earlier split, the day by which {TRAIN_SHARE:.0%} of the learnt purchases had passed"
)


@dataclass(frozen=True, slots=True)
class NextItemSpec:
    """What is asked."""

    split_date: date | None = None  # last day that models see; default: that by which TRAIN_SHARE of rows have passed
    cross_sell: bool = False  # only items of categories that the customer has not bought count, and are shown
    most_active: float = 1.0  # share of customers judged: those with the most items bought by the split
    sequence: bool = False  # fit the recurrent network too
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Split:
    """What was bought by a day, and what is sought after it."""

    histories: Histories
    relevant: sparse.csr_matrix  # (customers, items) first bought after the split, and allowed
    judged: IntArray  # (j,) customers


def evaluate_next_item(log: PurchaseLog, spec: NextItemSpec) -> dict[str, Any]:
    """The report: every model on the same customers, chosen and tuned at an earlier split.

    Customers are judged who bought by the split and bought something new after it. Shown is what the customer has not
    bought; with `cross_sell` of categories never bought.

    Raises:
        InvalidInput: the split leaves nobody to learn from or to judge.
    """
    day = np.datetime64(spec.split_date) if spec.split_date is not None else _day_by_which(log.day)
    seen = log.day <= day
    inner_day = _day_by_which(log.day[seen]) if seen.any() else day
    inner = _split(log, spec, seen, inner_day)
    shrinkage, inner_ndcg = _tuned(log, inner, spec)
    outer = _split(log, spec, np.ones_like(seen), day)
    prices = _mean_prices(log, seen)
    judged = {name: _judged(model, outer, log, spec) for name, model in _models(outer, log, shrinkage, spec).items()}
    ndcg = {name: figures for name, (_, figures) in judged.items()}
    drawn = resampled_means(ndcg, resamples=RESAMPLES, seed=spec.seed)
    percentile = popularity_percentile(Popularity.fit(outer.histories).buyers)
    models = {}
    for name, (lists, _) in judged.items():
        gaps = {other: difference(drawn[name], drawn[other]) for other in (POPULARITY, ITEM_KNN) if other != name}
        models[name] = {
            f"ndcg@{K}": float(ndcg[name].mean()),
            **{f"ahead_of_{other}": None if gap is None else asdict(gap) for other, gap in gaps.items()},
            "item_coverage": coverage(np.arange(log.items), lists),
            "category_coverage": coverage(log.category, lists),
            "mean_price": _mean(mean_over_list(prices, lists)),
            "popularity_percentile": _mean(mean_over_list(percentile, lists)),
            "intervals": {
                f"ndcg@{K}": _interval(drawn[name]),
                "mean_price": _interval(_resampled_mean(mean_over_list(prices, lists), spec.seed)),
                "category_coverage": _interval(_resampled_coverage(log.category, lists, spec.seed)),
            },
        }
    return {
        "protocol": _protocol(log, spec, (day, inner_day), outer.judged, shrinkage, inner_ndcg),
        "models": models,
        "champion": max(inner_ndcg, key=lambda name: inner_ndcg[name]),
    }


def _day_by_which(days: np.ndarray) -> np.datetime64:
    return days[min(int(TRAIN_SHARE * len(days)), len(days) - 1)]


def _split(log: PurchaseLog, spec: NextItemSpec, known: np.ndarray, day: np.datetime64) -> _Split:
    """Of the rows `known`, those up to the day as histories and the others as what is sought."""
    past, future = known & (log.day <= day), known & (log.day > day)
    shape = log.customers, log.items
    histories = Histories.of(log.customer[past], log.item[past], shape)
    bought, later = histories.bought, Histories.of(log.customer[future], log.item[future], shape).bought
    relevant = later.multiply(later - bought.multiply(later)).tocsr()
    if spec.cross_sell:
        known_category = bought @ _one_hot(log.category)
        cells = relevant.tocoo()
        new = np.asarray(known_category[cells.row, log.category[cells.col]]).ravel() == 0
        relevant = sparse.csr_matrix((cells.data[new], (cells.row[new], cells.col[new])), shape=relevant.shape)
    items_bought = np.asarray(bought.sum(axis=1)).ravel()
    buyers = items_bought[items_bought > 0]
    least = np.quantile(buyers, 1 - spec.most_active) if len(buyers) else np.inf
    active = (items_bought > 0) & (items_bought >= least)
    judged = np.flatnonzero(active & (np.asarray(relevant.sum(axis=1)).ravel() > 0))
    if len(judged) == 0:
        raise InvalidInput.of("--split-date", f"nobody who bought by {day} buys anything new that counts after it")
    return _Split(histories, relevant, judged)


def _tuned(log: PurchaseLog, inner: _Split, spec: NextItemSpec) -> tuple[float, dict[str, float]]:
    """The shrinkage that does best at the inner split, and every model's NDCG there."""

    def ndcg(model: NextItemModel) -> float:
        return float(_judged(model, inner, log, spec)[1].mean())

    tried = {shrinkage: ndcg(ItemKnn.fit(inner.histories, shrinkage)) for shrinkage in SHRINKAGES}
    best = max(tried, key=lambda shrinkage: tried[shrinkage])
    others = {name: ndcg(model) for name, model in _models(inner, log, best, spec).items() if name != ITEM_KNN}
    return best, {**others, ITEM_KNN: tried[best]}


def _models(split: _Split, log: PurchaseLog, shrinkage: float, spec: NextItemSpec) -> Mapping[str, NextItemModel]:
    histories = split.histories
    popular = Popularity.fit(histories)
    models: dict[str, NextItemModel] = {POPULARITY: popular, ITEM_KNN: ItemKnn.fit(histories, shrinkage)}
    if log.category.max() > 0 and not spec.cross_sell:  # the category bought last is never new
        models[LAST_CATEGORY] = LastCategory(popular.buyers, log.category)
    if spec.sequence:
        from ranking.item_sequences_fit import (  # torch: 1.5 s that others need not wait
            SequenceOptions,
            fit_item_sequences,
        )

        models[SEQUENCE] = fit_item_sequences(histories, SequenceOptions(seed=spec.seed))
    return models


def _judged(model: NextItemModel, split: _Split, log: PurchaseLog, spec: NextItemSpec) -> tuple[IntArray, FloatArray]:
    """Lists of the judged customers, shape (j, K), and their NDCG, (j,). Equal scores go to the more popular item.

    Whatever is as wide as the catalogue is made for a block of customers at a time.
    """
    popular = Popularity.fit(split.histories).buyers
    nearly = popular / (popular.max() + 1)
    one_hot = _one_hot(log.category)
    lists, ndcg = [], []
    for start in range(0, len(split.judged), _BLOCK):
        customers = split.judged[start : start + _BLOCK]
        bought = split.histories.bought[customers]
        allowed = bought.toarray() == 0
        if spec.cross_sell:
            allowed &= (bought @ one_hot).toarray()[:, log.category] == 0
        scores = model.scores(split.histories, customers)
        lists.append(top_items(scores + 1e-9 * nearly * np.abs(scores).max(), allowed, K))
        ndcg.append(list_ndcg(lists[-1], split.relevant[customers].toarray() > 0))
    return np.concatenate(lists), np.concatenate(ndcg)


def _one_hot(category: IntArray) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(len(category)), (np.arange(len(category)), category)))


def _mean_prices(log: PurchaseLog, seen: np.ndarray) -> FloatArray:
    """Mean amount of the item's rows that models may see, NaN where none is known; shape (items,)."""
    known = seen & ~np.isnan(log.amount)
    count = np.bincount(log.item[known], minlength=log.items)
    total = np.bincount(log.item[known], weights=log.amount[known], minlength=log.items)
    return np.divide(total, count, out=np.full(log.items, np.nan), where=count > 0)


def _mean(values: FloatArray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _resampled_mean(values: FloatArray, seed: int) -> FloatArray:
    """Of the lists whose value is known; NaN where none is."""
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return np.full(1 + RESAMPLES, np.nan)
    return resampled_means({"it": known}, resamples=RESAMPLES, seed=seed)["it"]


def _resampled_coverage(category: IntArray, lists: IntArray, seed: int) -> FloatArray:
    """Share of categories that are on any list of a resample."""
    row, place = np.nonzero(lists >= 0)
    cells = row, category[lists[row, place]]
    shape = len(lists), int(category.max()) + 1
    on = sparse.csr_matrix((np.ones(len(row)), cells), shape=shape)
    figures = {"it": lambda counts: float((counts @ on > 0).mean())}
    return resample(figures, len(lists), resamples=RESAMPLES, seed=seed)["it"]


def _interval(drawn: FloatArray) -> dict[str, float] | None:
    """95 %, by the spread of resamples around the figure as it is: a resample leaves customers out, and covers less."""
    if np.isnan(drawn[0]):
        return None
    reach = 1.96 * float(np.nanstd(drawn[1:], ddof=1))
    return {"lower": float(drawn[0]) - reach, "upper": float(drawn[0]) + reach}


def _protocol(
    log: PurchaseLog,
    spec: NextItemSpec,
    days: tuple[np.datetime64, np.datetime64],
    judged: IntArray,
    shrinkage: float,
    inner_ndcg: Mapping[str, float],
) -> dict[str, Any]:
    return {
        "purchases": len(log.item),
        "rejected_rows": log.rejected_rows,
        "customers": log.customers,
        "items": log.items,
        "categories": int(log.category.max()) + 1,
        "split_date": str(days[0]),
        "inner_split_date": str(days[1]),
        "judged_customers": len(judged),
        "cross_sell": spec.cross_sell,
        "most_active": spec.most_active,
        "champion_rule": RULE,
        f"inner_ndcg@{K}": dict(inner_ndcg),
        "shrinkage": shrinkage,
        "interval": f"95 % paired bootstrap over customers, {RESAMPLES:,} resamples",
    }
