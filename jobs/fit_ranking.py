"""From a registered configuration to a learned ranker: the one way that training, trials and reproduction take."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from farview.core.errors import FailedPrecondition, InvalidInput
from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.bootstrap import difference, resample
from farview.evaluation.list_metrics import ndcg_at
from farview.features.item_log import PURCHASE
from jobs.progress import Progress
from jobs.train_ranking_table import Lists
from ranking.boosting import BoostSettings, fit_boosted
from ranking.frontier import WEIGHTS, PricedScores, frontier, operating_point
from ranking.model_names import (
    BEST_FEATURE,
    GRADE_REGRESSION,
    LAMBDAMART,
    POOL,
    PURCHASE_CLASSIFIER,
    RANDOM_ORDER,
    RANKERS,
)
from ranking.purchase_chance import Logistic, PurchaseChance, calibrated
from ranking.query_table import QueryTable
from ranking.rankers import BoostedRanker, PooledRanker, Ranker, best_feature
from ranking.relevance_choice import POOLED, Choice, K, choose, fits_of_a_choice, lacking
from ranking.relevance_model import RelevanceModel
from ranking.relevance_models import Family, families

RESAMPLES = 400


def configure(
    lists: Lists, model: str | None, relevance_loss: float, seed: int, watch: Progress
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the held-out lists decide, and what they showed.

    Args:
        lists: to learn from; the newest are held out.
        model: one of RANKERS; None: the one with the highest debiased NDCG on the held-out lists.
        relevance_loss: by which share the area of NDCG may grow at the operating point.
        seed: of fits.
        watch: is told of each fit.

    Returns:
        A configuration (JSON data), from which `fit_configured` makes the model, and the figures behind it.

    Raises:
        InvalidInput: there is no such model, or the lists cannot teach it.
        FailedPrecondition: the lists hold too little to learn from.
    """
    if model is not None and model not in RANKERS:
        raise InvalidInput.of("--model", f"{model!r} is not a ranker (known: {', '.join(RANKERS)})")
    table, folds = lists.table, lists.folds()
    kinds, left_out = _teachable(table, folds, model)
    watch.start("rankers on earlier lists, judged by later ones", fits_of_a_choice(kinds, 1))
    choice = choose(table, kinds, seed, watch.advance, folds)
    watch.done()
    chosen = _chosen(choice, model)
    held, later = choice.held, table.take(choice.judged)
    weight, points = _operating_point(later, held[chosen], relevance_loss, seed)
    logistic = _logistic(later, held.get(PURCHASE_CLASSIFIER))
    needed = {*(POOLED if chosen == POOL else (chosen,)), *(() if logistic is None else (PURCHASE_CLASSIFIER,))}
    configuration = {
        "model": chosen,
        "settings": {name: asdict(each) for name, each in choice.settings.items() if name in needed},
        "purchase": None if logistic is None else asdict(logistic),
        "relevance_weight": weight,
        "relevance_loss": relevance_loss,
    }
    validation = {
        "lists": len(later.queries),
        f"debiased_ndcg@{K}": dict(choice.inner_ndcg),
        f"ndcg@{K}_ahead_of_random_order": _ahead(later, held[chosen], held[RANDOM_ORDER], seed),
        "left_out": left_out,
        "frontier": points,
    }
    return configuration, validation


def fit_configured(configuration: Mapping[str, Any], lists: Lists, seed: int) -> RelevanceModel:
    """The model that a configuration gives on lists; same lists, configuration and seed, same model."""
    table, chosen = lists.table, configuration["model"]
    kinds = {kind.name: kind for kind in _families(table)}
    settings = {name: BoostSettings(**told) for name, told in configuration["settings"].items()}

    def fitted(name: str) -> BoostedRanker:
        lessons = kinds[name].lessons(table)
        return BoostedRanker(fit_boosted(lessons.features, kinds[name].target(lessons), settings[name], seed))

    ranker: Ranker
    if chosen == BEST_FEATURE:
        ranker = best_feature(table, K)
    elif chosen == POOL:
        ranker = PooledRanker(tuple(fitted(name) for name in POOLED))
    else:
        ranker = fitted(chosen)
    purchase = None
    if configuration["purchase"] is not None:
        purchase = PurchaseChance(fitted(PURCHASE_CLASSIFIER).boosted, Logistic(**configuration["purchase"]))
    return RelevanceModel(chosen, ranker, purchase, configuration["relevance_weight"], lists.memory)


def _families(table: QueryTable) -> tuple[Family, ...]:
    return families(PURCHASE, prices=table.prices is not None, places=True)


def _teachable(table: QueryTable, folds: IntArray, model: str | None) -> tuple[tuple[Family, ...], dict[str, str]]:
    """The families that a model needs, or all, and why those are left out that the earlier lists cannot teach."""
    needed = {LAMBDAMART, GRADE_REGRESSION} if model in (None, POOL) else {model}
    kinds = tuple(kind for kind in _families(table) if model is None or kind.name in needed | {PURCHASE_CLASSIFIER})
    left_out = lacking(table, kinds, folds)
    for name in left_out.keys() & needed:
        raise FailedPrecondition(f"too little came of the earlier lists to learn {name}: {left_out[name]}")
    return tuple(kind for kind in kinds if kind.name not in left_out), left_out


def _chosen(choice: Choice, model: str | None) -> str:
    chosen = model or choice.champion
    if chosen == RANDOM_ORDER:
        raise FailedPrecondition("no ranker orders later lists better than a random order does")
    if chosen not in choice.held:
        raise InvalidInput.of("--model", f"{chosen} needs a price above 0 of every item that was shown")
    return chosen


def _operating_point(
    later: QueryTable, scores: FloatArray, relevance_loss: float, seed: int
) -> tuple[float, list[dict[str, float]]]:
    """Weight of relevance against price, and the frontier it was taken from; 1 without prices."""
    if later.prices is None:
        return 1.0, []
    curve = frontier(PricedScores(scores, later.prices, later.grades, later.queries), K, seed=seed)
    figures = {"ndcg": curve.ndcg, "ndcp": curve.ndcp, "average_price": curve.average_price}
    points = [
        {"relevance_weight": weight, **{f"{name}@{K}": float(each.mean[i]) for name, each in figures.items()}}
        for i, weight in enumerate(WEIGHTS)
    ]
    return WEIGHTS[operating_point(curve, relevance_loss)], points


def _logistic(later: QueryTable, margin: FloatArray | None) -> Logistic | None:
    """Of the purchase classifier; None where it was not fitted or no held-out list tells its probabilities."""
    bought = (later.grades >= PURCHASE).astype(np.float64)
    if margin is None or not 0 < bought.sum() < len(bought):
        return None
    return calibrated(margin, bought)


def _ahead(later: QueryTable, scores: FloatArray, random: FloatArray, seed: int) -> dict[str, float] | None:
    """Mean NDCG less a random order's, with its 95 % paired bootstrap over lists."""
    ours, theirs = (ndcg_at(K, later.grades, each, later.queries) for each in (scores, random))
    known = ~np.isnan(ours)
    lists = int(known.sum())
    if lists < 2:
        return None
    figures = {
        name: (lambda counts, values=values[known]: float((values * counts).sum() / counts.sum()))
        for name, values in (("ours", ours), ("random", theirs))
    }
    drawn = resample(figures, lists, resamples=RESAMPLES, seed=seed)
    gap = difference(drawn["ours"], drawn["random"])
    return None if gap is None else asdict(gap)
