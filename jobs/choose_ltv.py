"""Choosing among value models: each fitted at origins inside the past and judged there by the one rule.

The pool of some of them is judged beside them without another fit: its forecasts at an origin are those of weights
learnt at others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np

from farview.core import quantile_grid as grid
from farview.evaluation.arrays import FloatArray
from farview.evaluation.champion import AS_GOOD, RULE, InnerScore, choose, contenders, mean_gini, mean_loss
from farview.evaluation.conformal import TimeSplit, time_split
from farview.evaluation.gini import normalized_gini
from farview.evaluation.marginals import GridMarginal, Marginal, Pit
from farview.evaluation.origins import Origin, longest_target_days
from jobs.backtest_fits import Failure
from jobs.backtest_models import BTYD, Candidate, Forecasts
from jobs.fit_combination import Pool, PoolTerms, apart, origins_of, trial
from jobs.forecast_apart import forecast_apart
from jobs.past import Actuals, Past, actuals_of, past_of
from jobs.progress import Progress
from ltv.combination import Trial, Weights, fit_weights, pooled
from ltv.combination_model import NAME as COMBINATION

COVERAGE_LEVELS = (0.8, 0.95)
COMPARED = (*BTYD, "boost")
"""Models that are fitted at every origin, in the order in which ties are broken; the combination comes last."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How models did inside a past."""

    origins: tuple[Origin, ...]
    scores: Mapping[str, Sequence[InnerScore]]  # by name, each as long as origins; of the pool where there are several
    failures: Mapping[str, Failure]  # of the models without scores
    pool: tuple[str, ...]  # members of the combination that could be fitted at every origin
    weights: Weights | None  # of the pool, as it would be registered; None where there is nothing to learn from
    winner: str | None  # by champion.RULE; None without an origin that says anything
    intervals: tuple[TimeSplit, ...]  # of the winner's value, at COVERAGE_LEVELS; empty without two origins apart

    @property
    def combination(self) -> Pool | None:
        """What `fit_combination` finds: its fits were made here."""
        return None if self.weights is None else Pool(self.pool, apart(self.origins), self.weights)


@dataclass(frozen=True, slots=True, eq=False)
class _Tried:
    """One origin."""

    scores: Mapping[str, InnerScore]
    pits: Mapping[str, Pit]  # of value
    came: Actuals
    trial: Trial  # of the pool's members


def compare(past: Past, models: Mapping[str, Candidate], terms: PoolTerms, progress: Progress) -> Comparison:
    """Every model at every rolling origin of a past, and the combination of some of them.

    Args:
        past: origins and their targets lie inside it.
        models: by name, in the order in which ties are broken; the pool's members among them.
        terms: of the pool; its horizon is that of the comparison.
        progress: is told of each fit.
    """
    origins = origins_of(past, terms.horizon_days)
    progress.start("comparing models at earlier days", len(origins) * len(models))
    pasts = [past_of(past.events, origin.as_of, past.zone) for origin in origins]
    made = forecast_apart(pasts, models, longest_target_days(origins), progress)
    failures = {name: each for found in reversed(made) for name, each in found.items() if isinstance(each, Failure)}
    standing = [name for name in models if name not in failures]
    pool = tuple(name for name in terms.members if name in standing)
    tried = [
        _tried(past, then, origin, {name: cast(Forecasts, found[name]) for name in standing}, pool)
        for then, origin, found in zip(pasts, origins, made, strict=True)
    ]
    judged = {name: [each.scores[name] for each in tried] for name in standing}
    weights = None
    fell = {name: [each.pits.get(name) for each in tried] for name in standing}
    if pool and tried:
        trials = [each.trial for each in tried]
        weights = fit_weights([trials[number] for number in _apart(origins)])
    if pool and len(tried) > 1:  # of one origin the pool would be judged by what it learnt from
        mixed = [(_pooled(trials, number, origins), each.came.value) for number, each in enumerate(tried)]
        judged[COMBINATION] = [inner_score(forecast, value) for forecast, value in mixed]
        fell[COMBINATION] = [forecast.pit(value) for forecast, value in mixed]
    winner = choose(judged)
    seen = before_the_newest(origins, fell[winner]) if winner else []
    splits = [time_split(seen, level) for level in COVERAGE_LEVELS]
    intervals = tuple(split for split in splits if split is not None)
    return Comparison(origins, judged, failures, pool, weights, winner, intervals)


def inner_score(forecast: Marginal, value: FloatArray) -> InnerScore:
    """What the rule reads of a model at one origin, given what its customers were worth."""
    return InnerScore(
        value_crps=float(forecast.crps(value).mean()),
        zero_crps=float(np.abs(value).mean()),
        value_gini=normalized_gini(value, forecast.mean),
    )


def before_the_newest(origins: Sequence[Origin], pits: Sequence[Pit | None]) -> list[Pit]:
    """Where outcomes fell at the newest origin, and before it at those whose targets had ended by its day."""
    newest = origins[-1].as_of
    earlier = [pit for origin, pit in zip(origins, pits, strict=True) if origin.target_end <= newest]
    return [pit for pit in (*earlier, pits[-1]) if pit is not None]


def _tried(past: Past, then: Past, origin: Origin, forecasts: Mapping[str, Forecasts], pool: Sequence[str]) -> _Tried:
    came = actuals_of(past.events, then, origin.target_end)
    scores = {name: inner_score(made.value, came.value) for name, made in forecasts.items()}
    pits = {name: pit for name, made in forecasts.items() if (pit := made.value.pit(came.value)) is not None}
    return _Tried(scores, pits, came, trial(then, came, [forecasts[name] for name in pool], origin.target_days))


def _apart(origins: Sequence[Origin]) -> list[int]:
    return [number for number, origin in enumerate(origins) if origin in apart(origins)]


def _pooled(trials: Sequence[Trial], number: int, origins: Sequence[Origin]) -> GridMarginal:
    """Value by the pool at one origin, weighed by those whose targets do not overlap its own; by all others where all
    do."""
    here = origins[number]
    others = [k for k in range(len(trials)) if k != number]
    clear = [k for k in others if origins[k].as_of >= here.target_end or origins[k].target_end <= here.as_of]
    weights = fit_weights([trials[k] for k in clear or others])
    own = trials[number]
    each = weights.of(own.segment)
    laws = [member.value for member in own.members]
    mean = np.stack([grid.mean(law) for law in laws], axis=1)
    return GridMarginal((mean * each).sum(axis=1), pooled(laws, each, weights.power))


def in_words(found: Comparison) -> str:
    """One paragraph: who won, by how much, over whom, and where; of a past too short to tell, that."""
    if found.winner is None:
        return "No model could be judged: the history is too short for an earlier day with a target after it."
    losses = contenders(found.scores)
    won, rest = found.winner, sorted((name for name in losses if name != found.winner), key=losses.__getitem__)
    days = found.origins[0].target_days
    told = [
        f"{won} won: fitted as of each of {len(found.origins)} earlier days and judged by the {days} days after, "
        f"its value CRPS was {_percent(losses[won])} of what forecasting nothing costs"
    ]
    if rest and losses[rest[0]] < losses[won]:
        told.append(
            f"{rest[0]} came to {_percent(losses[rest[0]])}, and of those within {100 * AS_GOOD:.0f} % of that {won} "
            f"puts customers in the best order (value Gini {mean_gini(found.scores[won]):.3f})"
        )
    elif rest:
        told.append(f"the next best, {rest[0]}, came to {_percent(losses[rest[0]])}")
    best = next((name for name in rest if name in BTYD), None)
    if best is not None and best != rest[0]:
        told.append(f"the best plain buy-till-you-die model, {best}, to {_percent(losses[best])}")
    if no_order := [name for name in found.scores if name not in losses]:
        told.append(f"{', '.join(no_order)} put customers in no order and did not compete")
    said = "; ".join(told) + "."
    if COMBINATION in found.scores and len(found.pool) > 1:
        said += " " + _pool_in_words(found)
    said += "".join(f" {_interval_in_words(split)}" for split in found.intervals)
    if found.failures:
        reasons = "; ".join(f"{name}: {failure.reason}" for name, failure in found.failures.items())
        said += f" Not judged ({reasons})."
    return said


def _percent(loss: float) -> str:
    return f"{100 * loss:.1f} %"


def _interval_in_words(split: TimeSplit) -> str:
    level, take = 100 * split.level, 100 * split.take
    return (
        f"To hold {level:.0f} % of customers' values take its {take:.0f} % interval: as learnt on earlier days, "
        f"it held {100 * split.covered:.1f} % on the newest, where its {level:.0f} % interval held "
        f"{100 * split.covered_as_is:.1f} %."
    )


def _pool_in_words(found: Comparison) -> str:
    assert found.weights is not None
    if found.winner != COMBINATION:
        return "Pooling the members did not do better on days left out."
    rows = np.mean(found.weights.by_segment, axis=0)
    shares = ", ".join(f"{100 * share:.0f} % {name}" for name, share in zip(found.pool, rows, strict=True) if share > 0)
    return f"It pools {shares}."


def as_data(found: Comparison) -> dict[str, Any]:
    """The comparison for the registry: JSON data."""
    return {
        "rule": RULE,
        "said": in_words(found),
        "origins": [f"{origin.as_of} to {origin.target_end}" for origin in found.origins],
        "relative_value_crps": {name: mean_loss(scores) for name, scores in found.scores.items()},
        "value_gini": {name: mean_gini(scores) for name, scores in found.scores.items()},
        "intervals": [asdict(split) for split in found.intervals],
        "not_judged": {name: failure.reason for name, failure in found.failures.items()},
    }
