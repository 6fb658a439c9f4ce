"""Evaluation of learned rankers: all on the same queries, settings and champion chosen on inner folds alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.queries import folds_of
from jobs.progress import Progress
from ranking.query_table import QueryTable
from ranking.relevance_choice import (
    INNER_FOLDS,
    POOLED,
    Choice,
    choose,
    fit_models,
    fits_of_a_choice,
    inner_folds,
    lacking,
)
from ranking.relevance_models import Family, families

CHOSEN = "chosen_by_inner_folds"


@dataclass(frozen=True, slots=True)
class RankingSpec:
    """What is asked."""

    folds: int = 5  # by query; not used with a test table
    repeats: int = 1  # of the cross-validation, each with other folds; not used with a test table
    purchase_grade: int | None = None  # from which on a row counts as a purchase; None: the highest grade there is
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class RankingEvaluation:
    """Everything a report is made from."""

    spec: RankingSpec
    purchase_grade: int
    train: QueryTable
    judged: QueryTable
    scores: Mapping[
        str, FloatArray
    ]  # by model, (repeats, rows): of each judged row, by models that never saw its query
    choices: tuple[Choice, ...]  # one with a test table, else repeats x folds
    champion: str
    left_out: Mapping[str, str]  # families that could not be fitted, with the reason


def evaluate_ranking(
    train: QueryTable, test: QueryTable | None, spec: RankingSpec, progress: Progress
) -> RankingEvaluation:
    """Fits every model and scores queries it has not seen: those of `test`, or of each fold by the other folds.

    Besides the models, CHOSEN stands for the whole procedure: each fold's scores by the model that the inner folds of
    the others chose. The champion is the model with the highest mean NDCG on inner folds, averaged over the choices.

    Raises:
        InvalidInput: the number of folds or repeats fits no split, or the queries are too few.
    """
    splits = _folded(train, spec) if test is None else [_Split(0, train, test, np.arange(test.queries.rows))]
    grade = int(train.grades.max()) if spec.purchase_grade is None else spec.purchase_grade
    kinds, left_out = _teachable(families(grade, prices=train.prices is not None), splits, spec.seed)
    judged = train if test is None else test
    scores: dict[str, FloatArray] = {}
    choices = []
    progress.start("fit", total=len(splits) * fits_of_a_choice(kinds))
    for split in splits:
        choice = choose(split.past, kinds, spec.seed, progress.advance)
        models = fit_models(split.past, kinds, choice, spec.seed)
        for name, model in {**models, CHOSEN: models[choice.champion]}.items():
            table = scores.setdefault(name, np.zeros((splits[-1].repeat + 1, judged.queries.rows)))
            table[split.repeat, split.rows] = model.scores(split.future)
        choices.append(choice)
    progress.done()
    return RankingEvaluation(spec, grade, train, judged, scores, tuple(choices), _champion(choices), left_out)


@dataclass(frozen=True, slots=True, eq=False)
class _Split:
    """What models learn from, and what they are judged by."""

    repeat: int
    past: QueryTable
    future: QueryTable
    rows: IntArray  # of the judged table: those of `future`


def _folded(train: QueryTable, spec: RankingSpec) -> list[_Split]:
    queries = len(train.queries)
    if not 2 <= spec.folds <= queries:
        raise InvalidInput.of("--folds", f"{spec.folds} folds of {queries:,} queries (at least 2, at most the queries)")
    if queries < 2 * INNER_FOLDS:
        raise InvalidInput.of("--train", f"holds {queries:,} queries; at least {2 * INNER_FOLDS} are needed")
    if spec.repeats < 1:
        raise InvalidInput.of("--repeats", f"{spec.repeats} is not a number of repeats; at least 1")
    splits = []
    for repeat in range(spec.repeats):
        folds = folds_of(queries, spec.folds, spec.seed, "outer", str(repeat))
        for fold in range(spec.folds):
            past, future = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            splits.append(_Split(repeat, train.take(past), train.take(future), train.queries.rows_of(future)))
    return splits


def _teachable(
    kinds: Sequence[Family], splits: Sequence[_Split], seed: int
) -> tuple[tuple[Family, ...], dict[str, str]]:
    """The families that every split has queries for, and why the others are left out.

    Raises:
        InvalidInput: one of those that are pooled is among the others.
    """
    left_out: dict[str, str] = {}
    for split in splits:
        left_out = {**lacking(split.past, kinds, inner_folds(split.past, seed)), **left_out}
    for name in POOLED:
        if name in left_out:
            raise InvalidInput.of("--train", f"is too small: in a fold {left_out[name]}")
    return tuple(kind for kind in kinds if kind.name not in left_out), left_out


def _champion(choices: Sequence[Choice]) -> str:
    means = {name: float(np.mean([c.inner_ndcg[name] for c in choices])) for name in choices[0].inner_ndcg}
    return max(means, key=lambda name: means[name])
