"""Which learned ranker, with which settings: decided by inner folds of the training queries alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.queries import folds_of
from ranking.boosting import Boosted, BoostSettings, fit_boosted
from ranking.query_table import QueryTable
from ranking.rankers import BoostedRanker, PooledRanker, RandomRanker, Ranker, best_feature, mean_ndcg, pooled
from ranking.relevance_models import GRADE_REGRESSION, LAMBDAMART, ROUNDS, Family

K = 10  # places by which models and settings are judged
INNER_FOLDS = 3
POOL, BEST_FEATURE, RANDOM_ORDER = "pool", "best_feature", "random_order"
POOLED = (LAMBDAMART, GRADE_REGRESSION)
RULE = (
    f"highest mean NDCG@{K} over the queries of {INNER_FOLDS} inner folds of the training queries, each family with "
    "the settings that do best there; ties go to the name that stands first"
)

Watch = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Choice:
    """What inner folds decided."""

    settings: Mapping[str, BoostSettings]  # by family
    inner_ndcg: Mapping[str, float]  # by model, mean over inner held-out queries
    champion: str


def fits_of_a_choice(kinds: Sequence[Family]) -> int:
    """How often `choose` calls its watcher."""
    return INNER_FOLDS * sum(len(kind.settings()) for kind in kinds)


def choose(table: QueryTable, kinds: Sequence[Family], seed: int, watch: Watch = lambda: None) -> Choice:
    """Tries every family's settings on inner folds, one fit each; see RULE.

    Args:
        table: training queries.
        kinds: families, LambdaMART and grade regression among them.
        seed: of folds and fits.
        watch: is called after each fit.

    Raises:
        InvalidInput: a family has nothing to learn from, see `lacking`.
    """
    folds = folds_of(len(table.queries), INNER_FOLDS, seed, "inner")
    held: dict[str, FloatArray] = {}
    settings: dict[str, BoostSettings] = {}
    for kind in kinds:
        settings[kind.name], held[kind.name] = _tuned(table, kind, folds, seed, watch)
    held[POOL] = pooled([held[name] for name in POOLED], table)
    held[BEST_FEATURE] = _held_out(table, folds, lambda past, future: best_feature(past, K).scores(future))
    held[RANDOM_ORDER] = RandomRanker().scores(table)
    inner = {name: mean_ndcg(K, table, scores) for name, scores in held.items()}
    return Choice(settings, inner, max(inner, key=lambda name: inner[name]))


def fit_models(table: QueryTable, kinds: Sequence[Family], choice: Choice, seed: int) -> dict[str, Ranker]:
    """Every model on all training queries, with the settings that inner folds chose."""
    models: dict[str, Ranker] = {
        kind.name: BoostedRanker(_fit(kind, table, choice.settings[kind.name], seed)) for kind in kinds
    }
    models[POOL] = PooledRanker(tuple(models[name] for name in POOLED))
    models[BEST_FEATURE] = best_feature(table, K)
    models[RANDOM_ORDER] = RandomRanker()
    return models


def _tuned(
    table: QueryTable, kind: Family, folds: IntArray, seed: int, watch: Watch
) -> tuple[BoostSettings, FloatArray]:
    """The family's best settings, and its held-out scores under them."""
    tried: list[tuple[float, BoostSettings, FloatArray]] = []
    for settings in kind.settings():
        held = np.zeros((len(ROUNDS), table.queries.rows))
        for fold in range(INNER_FOLDS):
            past, future = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            boosted = _fit(kind, table.take(past), settings.alone(), seed)
            features, rows = table.take(future).features, table.queries.rows_of(future)
            for number, rounds in enumerate(ROUNDS):
                held[number, rows] = boosted.scores(features, rounds)
            watch()
        for number, rounds in enumerate(ROUNDS):
            figure = mean_ndcg(K, table, held[number])
            tried.append((figure, replace(settings, rounds=rounds), held[number]))
    _, best, scores = max(tried, key=lambda each: each[0])
    return best, scores


def _fit(kind: Family, table: QueryTable, settings: BoostSettings, seed: int) -> Boosted:
    lessons = kind.lessons(table)
    return fit_boosted(lessons.features, kind.target(lessons), settings, seed)


def _held_out(table: QueryTable, folds: IntArray, scores: Callable[[QueryTable, QueryTable], FloatArray]) -> FloatArray:
    held = np.zeros(table.queries.rows)
    for fold in range(INNER_FOLDS):
        future = np.flatnonzero(folds == fold)
        held[table.queries.rows_of(future)] = scores(table.take(np.flatnonzero(folds != fold)), table.take(future))
    return held


def lacking(table: QueryTable, kinds: Sequence[Family], seed: int) -> dict[str, str]:
    """Families that some inner fold would leave nothing to learn from, with the reason in words."""
    folds = folds_of(len(table.queries), INNER_FOLDS, seed, "inner")
    found = {}
    for kind in kinds:
        queries = table.with_grade(kind.least_grade)
        if any((folds[queries] != fold).sum() == 0 for fold in range(INNER_FOLDS)):
            found[kind.name] = f"{len(queries):,} queries have a grade of {kind.least_grade} or more"
    return found
