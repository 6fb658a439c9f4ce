"""What an evaluation of rankers comes to: figures of every model, and how surely the champion is ahead."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from farview.evaluation.arrays import FloatArray
from farview.evaluation.bootstrap import difference, resample
from farview.evaluation.ecdf import Ecdf
from farview.evaluation.list_metrics import average_price_at, intra_list_distance_at, ndcg_at, ndcp_at
from farview.evaluation.queries import Queries
from jobs.evaluate_ranking import CHOSEN, RankingEvaluation
from ranking.boosting import Features
from ranking.model_names import RANDOM_ORDER
from ranking.relevance_choice import RULE, K

PLACES = (1, 3, 5, 10)
RESAMPLES = 1_000


def ndcg_by_query(evaluation: RankingEvaluation, name: str, k: int = K) -> FloatArray:
    """NDCG at k of one model, mean over repeats, shape (queries,); NaN where all grades are 0."""
    table = evaluation.judged
    return np.mean([ndcg_at(k, table.grades, each, table.queries) for each in evaluation.scores[name]], axis=0)


def document(evaluation: RankingEvaluation) -> dict[str, Any]:
    """The report as JSON: `protocol`, `models`, `champion`, and `details` beside the agreed figures."""
    figures = {name: ndcg_by_query(evaluation, name) for name in evaluation.scores}
    known = ~np.isnan(figures[RANDOM_ORDER])
    drawn = resample(
        {name: _mean_of(values[known]) for name, values in figures.items()},
        int(known.sum()),
        resamples=RESAMPLES,
        seed=evaluation.spec.seed,
    )
    baseline, looks = Ecdf.of(figures[RANDOM_ORDER]), _standardised(evaluation.judged.features)
    details = {}
    for name, values in figures.items():
        area, gap = Ecdf.of(values), difference(drawn[name], drawn[RANDOM_ORDER])
        behind = difference(drawn[evaluation.champion], drawn[name])
        details[name] = {
            f"area_ndcg@{K}": area.area,
            "area_reduction_from_random_order": area.reduction(baseline),
            "ahead_of_random_order": None if gap is None else asdict(gap),
            "champion_ahead": None if behind is None or name == evaluation.champion else asdict(behind),
            f"ild@{K}": _distance(evaluation, name, looks),
            **_price_figures(evaluation, name),
        }
    return {
        "protocol": _protocol(evaluation, int(known.sum())),
        "models": {name: _ndcgs(evaluation, name) for name in figures if name != CHOSEN},
        "champion": evaluation.champion,
        CHOSEN: {**_ndcgs(evaluation, CHOSEN), "chosen": dict(Counter(c.champion for c in evaluation.choices))},
        "left_out": dict(evaluation.left_out),
        "details": details,
    }


def _ndcgs(evaluation: RankingEvaluation, name: str) -> dict[str, float]:
    return {f"ndcg@{k}": float(np.nanmean(ndcg_by_query(evaluation, name, k))) for k in PLACES}


def _standardised(features: Features) -> FloatArray:
    """Columns with mean 0 and variance 1 over all rows, so that none decides alone what is alike; null as the mean."""
    table = features.astype(np.float64)
    known = ~np.isnan(table)
    mean = np.where(known, table, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, table - mean, 0.0)
    spread = centred.std(axis=0)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)


def _distance(evaluation: RankingEvaluation, name: str, features: FloatArray) -> float | None:
    """Mean intra-list distance; None where every query has a single row."""
    queries = evaluation.judged.queries
    if queries.sizes.max() < 2:
        return None
    by_query = [intra_list_distance_at(K, features, scores, queries) for scores in evaluation.scores[name]]
    return float(np.nanmean(by_query))


def _price_figures(evaluation: RankingEvaluation, name: str) -> dict[str, float]:
    table, prices = evaluation.judged, evaluation.judged.prices
    if prices is None:
        return {}
    by_query = {"ndcp": ndcp_at, "average_price": average_price_at}
    return {
        f"{what}@{K}": float(np.nanmean([figure(K, prices, s, table.queries) for s in evaluation.scores[name]]))
        for what, figure in by_query.items()
    }


def _protocol(evaluation: RankingEvaluation, judged: int) -> dict[str, Any]:
    spec, train, table = evaluation.spec, evaluation.train, evaluation.judged
    crossed = train is table
    names = evaluation.choices[0].inner_ndcg
    return {
        "train": _counts(train.queries),
        "judged": _counts(table.queries),
        "judged_queries_without_a_grade": len(table.queries) - judged,
        "grades": {str(g): int(n) for g, n in enumerate(np.bincount(table.grades)) if n},
        "purchase_grade": evaluation.purchase_grade,
        "method": f"{spec.folds}-fold by query, {spec.repeats} times" if crossed else "test file",
        "champion_rule": RULE,
        f"inner_ndcg@{K}": {name: float(np.mean([c.inner_ndcg[name] for c in evaluation.choices])) for name in names},
        "settings": [{name: asdict(each) for name, each in c.settings.items()} for c in evaluation.choices],
        "interval": f"95 % paired bootstrap over queries, {RESAMPLES:,} resamples",
        "seed": spec.seed,
    }


def _counts(queries: Queries) -> Mapping[str, int]:
    return {"queries": len(queries), "rows": queries.rows}


def _mean_of(values: FloatArray) -> Any:
    return lambda counts: float((values * counts).sum() / counts.sum())
