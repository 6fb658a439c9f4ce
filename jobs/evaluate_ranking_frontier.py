"""The frontier between relevance and price of an evaluated ranking, as figures and as pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from farview.evaluation.list_metrics import average_price_at
from jobs.evaluate_ranking import CHOSEN, RankingEvaluation
from jobs.evaluate_ranking_report import ndcg_by_query
from ranking.frontier import WEIGHTS, Estimate, Frontier, PricedScores, frontier, operating_point
from ranking.model_names import BEST_FEATURE, PURCHASE_CLASSIFIER, RANDOM_ORDER
from ranking.relevance_choice import K

RELEVANCE_LOSS = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class PricedFrontier:
    """The curve, and the point on it that the allowed loss of relevance leads to."""

    curve: Frontier
    relevance_loss: float  # by which share the area of NDCG may grow
    chosen: int  # position on the curve


def priced_frontier(evaluation: RankingEvaluation, relevance_loss: float) -> PricedFrontier | None:
    """Rank products of the chosen models' relevance and the price, beside expected revenue; None without prices.

    Every score is that of a model which never saw the query; with repeats, those of the first.
    """
    table = evaluation.judged
    if table.prices is None:
        return None
    others = []
    if PURCHASE_CLASSIFIER in evaluation.scores:
        margin = evaluation.scores[PURCHASE_CLASSIFIER][0]
        others.append(("p x price", table.prices / (1 + np.exp(-margin))))
    scored = PricedScores(evaluation.scores[CHOSEN][0], table.prices, table.grades, table.queries)
    curve = frontier(scored, K, others=others, seed=evaluation.spec.seed)
    return PricedFrontier(curve, relevance_loss, operating_point(curve, relevance_loss))


def frontier_document(found: PricedFrontier) -> dict[str, Any]:
    """The frontier as JSON."""
    curve = found.curve
    figures = {f"ndcg@{K}": curve.ndcg, f"ndcp@{K}": curve.ndcp, f"average_price@{K}": curve.average_price}
    return {
        "relevance_loss": found.relevance_loss,
        "operating_point": curve.labels[found.chosen],
        "points": [
            {"blend": label, **{name: _at(estimate, i) for name, estimate in figures.items()}}
            for i, label in enumerate(curve.labels)
        ],
    }


def write_pictures(folder: Path, evaluation: RankingEvaluation, found: PricedFrontier | None) -> list[Path]:
    """PNG files of 700 x 460 dots: distributions of NDCG, and with prices those of the price and the frontier."""
    from farview.pictures.ranking import draw_distributions, draw_frontier

    names = dict.fromkeys((evaluation.champion, BEST_FEATURE, RANDOM_ORDER))
    pictures = {
        "ndcg.png": draw_distributions(f"NDCG at {K}", {name: ndcg_by_query(evaluation, name) for name in names})
    }
    table = evaluation.judged
    if found is not None and table.prices is not None:
        prices = {name: average_price_at(K, table.prices, evaluation.scores[name][0], table.queries) for name in names}
        title = f"mean price of the first {K} places, unit of the file"
        pictures["price.png"] = draw_distributions(title, prices, found.curve.dearest)
        ndcg, ndcp = ((e.mean, e.lower, e.upper) for e in (found.curve.ndcg, found.curve.ndcp))
        pictures["frontier.png"] = draw_frontier(
            found.curve.labels, ndcp, ndcg, along=len(WEIGHTS), chosen=found.chosen
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        picture.savefig(folder / name)
    return [folder / name for name in pictures]


def _at(estimate: Estimate, position: int) -> dict[str, float]:
    return {
        "mean": float(estimate.mean[position]),
        "lower": float(estimate.lower[position]),
        "upper": float(estimate.upper[position]),
    }
