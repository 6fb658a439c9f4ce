"""Which learned ranker, with which settings: decided by inner folds of the training queries alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.queries import folds_of
from ranking.boosting import Boosted, BoostSettings, fit_boosted
from ranking.model_names import BEST_FEATURE, GRADE_REGRESSION, LAMBDAMART, POOL, RANDOM_ORDER
from ranking.query_table import QueryTable
from ranking.rankers import BoostedRanker, PooledRanker, RandomRanker, Ranker, best_feature, mean_ndcg, pooled
from ranking.relevance_models import ROUNDS, Family

K = 10  # places by which models and settings are judged
INNER_FOLDS = 3
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
    judged: IntArray  # queries that were held out, ascending
    held: Mapping[str, FloatArray]  # by model, (rows of the judged queries,): scores by models that never saw them


def fits_of_a_choice(kinds: Sequence[Family], folds: int = INNER_FOLDS) -> int:
    """How often `choose` calls its watcher."""
    return folds * sum(len(kind.settings()) for kind in kinds)


def choose(
    table: QueryTable,
    kinds: Sequence[Family],
    seed: int,
    watch: Watch = lambda: None,
    folds: IntArray | None = None,
) -> Choice:
    """Tries every family's settings on inner folds, one fit each; see RULE.

    Args:
        table: training queries.
        kinds: families; with LambdaMART and grade regression among them their pool is judged too.
        seed: of folds and fits.
        watch: is called after each fit.
        folds: 0, 1, ... of each query, -1 for those that are only learnt from; default: INNER_FOLDS at random.

    Raises:
        InvalidInput: a family has nothing to learn from, see `lacking`.
    """
    folds = inner_folds(table, seed) if folds is None else folds
    judged = np.flatnonzero(folds >= 0)
    outcome, rows = table.take(judged), table.queries.rows_of(judged)
    held: dict[str, FloatArray] = {}
    settings: dict[str, BoostSettings] = {}
    for kind in kinds:
        settings[kind.name], held[kind.name] = _tuned(table, kind, folds, seed, watch)
    if all(name in held for name in POOLED):
        held[POOL] = pooled([held[name] for name in POOLED], table)
    held[BEST_FEATURE] = _held_out(table, folds, lambda past, future: best_feature(past, K).scores(future))
    held[RANDOM_ORDER] = RandomRanker().scores(table)
    held = {name: scores[rows] for name, scores in held.items()}
    inner = {name: mean_ndcg(K, outcome, scores) for name, scores in held.items()}
    return Choice(settings, inner, max(inner, key=lambda name: inner[name]), judged, held)


def inner_folds(table: QueryTable, seed: int) -> IntArray:
    """INNER_FOLDS of the queries, at random."""
    return folds_of(len(table.queries), INNER_FOLDS, seed, "inner")


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
    judged = np.flatnonzero(folds >= 0)
    outcome, outcome_rows = table.take(judged), table.queries.rows_of(judged)
    for settings in kind.settings():
        held = np.zeros((len(ROUNDS), table.queries.rows))
        for fold in range(int(folds.max()) + 1):
            past, future = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            boosted = _fit(kind, table.take(past), settings.alone(), seed)
            features, rows = table.take(future).features, table.queries.rows_of(future)
            for number, rounds in enumerate(ROUNDS):
                held[number, rows] = boosted.scores(features, rounds)
            watch()
        for number, rounds in enumerate(ROUNDS):
            figure = mean_ndcg(K, outcome, held[number][outcome_rows])
            tried.append((figure, replace(settings, rounds=rounds), held[number]))
    _, best, scores = max(tried, key=lambda each: each[0])
    return best, scores


def _fit(kind: Family, table: QueryTable, settings: BoostSettings, seed: int) -> Boosted:
    lessons = kind.lessons(table)
    return fit_boosted(lessons.features, kind.target(lessons), settings, seed)


def _held_out(table: QueryTable, folds: IntArray, scores: Callable[[QueryTable, QueryTable], FloatArray]) -> FloatArray:
    held = np.zeros(table.queries.rows)
    for fold in range(int(folds.max()) + 1):
        future = np.flatnonzero(folds == fold)
        held[table.queries.rows_of(future)] = scores(table.take(np.flatnonzero(folds != fold)), table.take(future))
    return held


def lacking(table: QueryTable, kinds: Sequence[Family], folds: IntArray) -> dict[str, str]:
    """Families that some inner fold would leave nothing to learn from, with the reason in words."""
    found = {}
    for kind in kinds:
        queries = table.with_grade(kind.least_grade)
        if any((folds[queries] != fold).sum() == 0 for fold in range(int(folds.max()) + 1)):
            found[kind.name] = f"{len(queries):,} queries have a grade of {kind.least_grade} or more"
    return found
