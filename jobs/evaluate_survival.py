"""Evaluation of survival models on contracts: all on the same folds, delayed entry beside plain follow-up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t as students_t

from farview.core.errors import FarviewError, InvalidInput
from farview.core.randomness import generator
from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.kaplan_meier import SurvivalCurve, kaplan_meier
from farview.evaluation.spells import Spells
from farview.evaluation.survival_calibration import Decile, by_decile, integrated_calibration_index
from farview.evaluation.survival_scores import brier, concordance, integrated, outcome_at
from jobs.contract_file import Contracts
from jobs.progress import Progress
from ltv.survival import SurvivalModel, fit_step_hazard, goes_on
from ltv.survival_cox import Cox, fit_cox
from ltv.survival_design import Design, learn_design
from ltv.survival_weibull import WeibullAft, fit_weibull

PLAIN, DELAYED = "plain_follow_up", "delayed_entry"
BASELINE = "kaplan_meier"
RULE = (
    "the lowest mean integrated Brier score over folds, if its gain over kaplan_meier is above 0 at 95 % "
    "(t over folds); else kaplan_meier"
)


@dataclass(frozen=True, slots=True)
class SurvivalSpec:
    """What is asked. Times are in the unit of the durations."""

    watched_last: float | None = None  # each contract was watched for its last so much only
    time_step: float | None = None  # durations are rounded up to it; 0: exact; None: 1 if all are whole, else 0
    horizons: Sequence[float] = ()  # since entry; none: quartiles of how long contracts were watched
    folds: int = 5
    seed: int = 0


@dataclass(frozen=True, slots=True)
class FoldFigure:
    """A figure over folds: mean and 95 % limits of the mean by Student's t."""

    mean: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """How one model forecast contracts it had not seen."""

    fold_scores: Sequence[float]  # integrated Brier score of each fold
    integrated_brier: FoldFigure
    ici: FoldFigure  # at the main horizon
    concordance: FoldFigure | None
    forecast: float  # mean P(ends by the main horizon)
    deciles: Sequence[Decile]  # at the main horizon


@dataclass(frozen=True, slots=True)
class View:
    """One reading of how long contracts were watched."""

    name: str
    spells: Spells
    curves: Mapping[str, SurvivalCurve]  # by group; "" for all
    models: Mapping[str, ModelFigures]  # fitted on this view, judged on what was watched
    failures: Mapping[str, str]  # models that could not be fitted, and why
    cox: Cox | None  # of all contracts
    weibull: WeibullAft | None


@dataclass(frozen=True, slots=True)
class SurvivalEvaluation:
    """Everything a report is made from."""

    spec: SurvivalSpec
    contracts: Contracts
    design: Design
    time_step: float
    horizons: Sequence[float]
    views: Sequence[View]  # plain follow-up, then delayed entry where it is known
    champion: str  # of the last view
    plain_by_itself: Mapping[str, ModelFigures]  # plain follow-up judged on itself; empty where it is the last view
    plain_horizons: Sequence[float]  # at which that was done

    @property
    def main_horizon(self) -> float:
        """The one in the middle: calibration is shown at it."""
        return self.horizons[len(self.horizons) // 2]

    @property
    def watched(self) -> Spells:
        """What was watched as far as is known: all models are judged on it."""
        return self.views[-1].spells


def evaluate_survival(contracts: Contracts, spec: SurvivalSpec, progress: Progress) -> SurvivalEvaluation:
    """Fits every model on every view, fold by fold, and judges each on what was watched of contracts it has not seen.

    Args:
        contracts: of `read_contracts`.
        spec: how they were watched, horizons, folds.
        progress: is told of each fit.

    Raises:
        InvalidInput: too few ends for the folds, a horizon beyond all that was watched, or both an entry column and
            `watched_last`.
    """
    views = _views(contracts, spec)
    watched = views[-1][1]
    folds = _folds(watched, spec)
    horizons = _horizons(watched, spec)
    step = _time_step(contracts, spec)
    design = learn_design(contracts.covariates, contracts.covariates.column_names)
    covariates = design.matrix(contracts.covariates) if design.columns else np.zeros((len(watched), 0))
    task = _Task(covariates, watched, folds, horizons, step, progress)
    progress.start("fit", len(views) * len(task.fits()) * (spec.folds + 1))
    judged = [_view(name, spells, contracts.group, task) for name, spells in views]
    by_itself: dict[str, ModelFigures] = {}
    own = replace(task, watched=views[0][1], horizons=_horizons(views[0][1], replace(spec, horizons=())))
    if len(views) > 1:
        progress.start("plain follow-up by itself", len(judged[0].models) * spec.folds)
        by_itself = {name: _judge(task.fits()[name], own.watched, own) for name in judged[0].models}
    progress.done()
    best = champion(judged[-1].models)
    return SurvivalEvaluation(spec, contracts, design, step, horizons, judged, best, by_itself, own.horizons)


@dataclass(frozen=True, slots=True)
class _Task:
    """What is the same for every view and model."""

    covariates: FloatArray
    watched: Spells
    folds: IntArray  # of each contract
    horizons: Sequence[float]
    step: float
    progress: Progress

    def fits(self) -> dict[str, Callable[[Spells, FloatArray], SurvivalModel]]:
        """The models by name, simplest first."""
        step = self.step
        models: dict[str, Callable[[Spells, FloatArray], SurvivalModel]] = {
            BASELINE: lambda spells, _: fit_step_hazard(spells),
            "weibull_aft": lambda spells, x: fit_weibull(spells, x, step=step),
            "cox": fit_cox,
        }
        return models if self.covariates.shape[1] else {BASELINE: models[BASELINE]}


def _views(contracts: Contracts, spec: SurvivalSpec) -> list[tuple[str, Spells]]:
    entry = contracts.entry
    if spec.watched_last is not None:
        if entry is not None:
            raise InvalidInput.of("--watched-last", "and --entry-column say the same in two ways (give one)")
        if not spec.watched_last > 0:
            raise InvalidInput.of("--watched-last", f"{spec.watched_last:g} is not above 0")
        entry = np.maximum(contracts.duration - spec.watched_last, 0.0)
    plain = (PLAIN, Spells.watched_from_the_beginning(contracts.duration, contracts.ended))
    return [plain] if entry is None else [plain, (DELAYED, Spells(entry, contracts.duration, contracts.ended))]


def _folds(spells: Spells, spec: SurvivalSpec) -> IntArray:
    """The fold of each contract; ends are spread evenly."""
    if min(spells.ended.sum(), (~spells.ended).sum()) < 2 * spec.folds:
        raise InvalidInput.of(
            "--folds", f"{spec.folds} folds need {2 * spec.folds} contracts that ended and as many that go on"
        )
    order = generator(spec.seed, "survival folds").permutation(len(spells))
    shuffled = np.argsort(spells.ended[order], kind="stable")
    folds = np.empty(len(spells), np.int64)
    folds[order[shuffled]] = np.arange(len(spells)) % spec.folds
    return folds


def _horizons(spells: Spells, spec: SurvivalSpec) -> list[float]:
    length = spells.exit - spells.entry
    horizons = sorted(set(spec.horizons)) or np.unique(np.quantile(length, [0.25, 0.5, 0.75], method="higher")).tolist()
    for horizon in horizons:
        if not 0 < horizon <= length[~spells.ended].max():
            raise InvalidInput.of(
                "--horizons", f"{horizon:g} is not within what was watched, 0 to {length[~spells.ended].max():g}"
            )
    return [float(horizon) for horizon in horizons]


def _time_step(contracts: Contracts, spec: SurvivalSpec) -> float:
    """Ages that are all whole cannot be exact: a contract that ended at 5 did so between 4 and 5."""
    if spec.time_step is not None:
        return spec.time_step
    return 1.0 if (contracts.duration == np.round(contracts.duration)).all() else 0.0


def _view(name: str, spells: Spells, group: Sequence[str] | None, task: _Task) -> View:
    curves = {"": kaplan_meier(spells)}
    if group is not None:
        of_each = np.array(group)
        curves |= {value: kaplan_meier(spells.take(of_each == value)) for value in sorted(set(group))}
    models: dict[str, ModelFigures] = {}
    failures: dict[str, str] = {}
    whole: dict[str, SurvivalModel] = {}
    for model, fit in task.fits().items():
        try:
            models[model] = _judge(fit, spells, task)
            whole[model] = fit(spells, task.covariates)
            task.progress.advance()
        except FarviewError as error:
            models.pop(model, None)
            failures[model] = str(error)
    cox, weibull = whole.get("cox"), whole.get("weibull_aft")
    return View(
        name,
        spells,
        curves,
        models,
        failures,
        cox if isinstance(cox, Cox) else None,
        weibull if isinstance(weibull, WeibullAft) else None,
    )


def _judge(fit: Callable[[Spells, FloatArray], SurvivalModel], spells: Spells, task: _Task) -> ModelFigures:
    """Fitted on each view's spells of the other folds, judged on what was watched of this one."""
    ends = _held_out(fit, spells, task)
    main = len(task.horizons) // 2
    scores, index, order = [], [], []
    for fold in range(task.folds.max() + 1):
        own = task.folds == fold
        seen = task.watched.take(own)
        outcomes = [outcome_at(seen, horizon) for horizon in task.horizons]
        briers = [brier(1 - ends[own, k], outcome) for k, outcome in enumerate(outcomes)]
        scores.append(integrated(briers, task.horizons))
        index.append(integrated_calibration_index(ends[own, main], outcomes[main]))
        order.append(concordance(ends[own, main], seen))
    ordered = [figure for figure in order if figure is not None]
    return ModelFigures(
        fold_scores=scores,
        integrated_brier=over_folds(scores),
        ici=over_folds(index),
        concordance=over_folds(ordered) if len(ordered) == len(order) else None,
        forecast=float(ends[:, main].mean()),
        deciles=by_decile(ends[:, main], task.watched, task.horizons[main]),
    )


def _held_out(fit: Callable[[Spells, FloatArray], SurvivalModel], spells: Spells, task: _Task) -> FloatArray:
    """P(ends by each horizon since entry) by models that have not seen the contract, shape (contracts, horizons)."""
    ends = np.empty((len(spells), len(task.horizons)))
    for fold in range(task.folds.max() + 1):
        own = task.folds == fold
        model = fit(spells.take(~own), task.covariates[~own])
        for k, horizon in enumerate(task.horizons):
            ends[own, k] = 1 - goes_on(model, task.covariates[own], task.watched.entry[own], horizon)
        task.progress.advance()
    return ends


def over_folds(figures: Sequence[float]) -> FoldFigure:
    """Mean of a figure over folds with its 95 % limits; folds share contracts, so the limits are a little narrow."""
    mean = float(np.mean(figures))
    reach = float(students_t.ppf(0.975, len(figures) - 1) * np.std(figures, ddof=1) / np.sqrt(len(figures)))
    return FoldFigure(mean, mean - reach, mean + reach)


def champion(models: Mapping[str, ModelFigures]) -> str:
    """See RULE; every model has its figures on the same folds."""
    best = min(models, key=lambda name: models[name].integrated_brier.mean)
    simple = np.array(models[BASELINE].fold_scores)
    gain = over_folds((simple - np.array(models[best].fold_scores)).tolist())
    return best if gain.lower > 0 else BASELINE
