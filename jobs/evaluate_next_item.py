"""Evaluation of next-item models: what customers newly bought after a day, sought in the whole catalogue."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from scipy import sparse

from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.bootstrap import difference, resample, resampled_means
from farview.evaluation.catalogue_metrics import coverage, mean_over_list, popularity_percentile
from jobs.next_item_trials import RULE, K, NextItemSpec, day_by_which, judge, models_of, split_at, tuned
from jobs.purchase_file import PurchaseLog
from ranking.model_names import ITEM_KNN, POPULARITY
from ranking.next_item import Popularity

RESAMPLES = 1_000


def evaluate_next_item(log: PurchaseLog, spec: NextItemSpec) -> dict[str, Any]:
    """The report: every model on the same customers, chosen and tuned at an earlier split.

    Customers are judged who bought by the split and bought something new after it. Shown is what the customer has not
    bought; with `cross_sell` of categories never bought.

    Raises:
        InvalidInput: the split leaves nobody to learn from or to judge.
    """
    day = np.datetime64(spec.split_date) if spec.split_date is not None else day_by_which(log.day)
    seen = log.day <= day
    inner_day = day_by_which(log.day[seen]) if seen.any() else day
    inner = split_at(log, spec, seen, inner_day)
    shrinkage, inner_ndcg = tuned(log, inner, spec)
    outer = split_at(log, spec, np.ones_like(seen), day)
    prices = _mean_prices(log, seen)
    judged = {name: judge(model, outer, log, spec) for name, model in models_of(outer, log, shrinkage, spec).items()}
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
