"""Forecasts against brute-force draws of the posterior predictive, on CDNOW customers: 10^5 draws each."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from farview.core import columns as c
from farview.core import quantile_grid as grid
from farview.core.quantile_grid import GridLaw
from farview.evaluation.crps import crps_of_draws
from ltv.model import BtydModel
from tests.ltv.cdnow import calibration
from tests.ltv.predictive import (
    HORIZONS_DAYS,
    History,
    Outcomes,
    forecast,
    histories,
    known_model,
    simulate,
    some_customers,
)
from tests.tiers import examples

FloatArray = npt.NDArray[np.float64]

DRAWS = 100_000
TAILS = (0.05, 0.25)


class Case:
    """One customer and horizon: its forecast beside draws."""

    def __init__(self, number: int, history: History, forecasts: pa.Table, model: BtydModel) -> None:
        h = number % len(HORIZONS_DAYS)  # horizons in turn
        self.where = (history, HORIZONS_DAYS[h])
        self._forecast = forecasts.slice(number * len(HORIZONS_DAYS) + h, 1)
        self._model, self._seed = model, number

    @property
    def drawn(self) -> dict[str, FloatArray]:
        """By measure; drawn again rather than kept, for 1,000 customers would fill the memory."""
        outcomes = self._simulate(self._seed)
        return {c.PURCHASES: outcomes.purchases, c.VALUE: outcomes.value, c.EXPECTED_VALUE: outcomes.expected_value}

    @lru_cache(maxsize=100)  # noqa: B019 - of the few cases of a test run
    def _simulate(self, seed: int) -> Outcomes:
        return simulate(self._model, *self.where, DRAWS, seed)

    def column(self, name: str) -> float:
        return float(self._forecast[name][0].as_py())

    def law(self, measure: str) -> GridLaw:
        return grid.law_of(self._forecast, measure)


@pytest.fixture(scope="module")
def cases(cdnow_full: Path) -> list[Case]:
    model = known_model()
    customers = some_customers(calibration(cdnow_full), examples(ci=60, soak=1000))
    forecasts = forecast(model, customers)
    return [Case(i, history, forecasts, model) for i, history in enumerate(histories(customers))]


def close(case: Case, what: str, seen: float, drawn: float, error: float, share: float = 0.01) -> str | None:
    """None, or how `seen` differs from what was drawn by more than `share` of it and 3 standard errors."""
    if abs(seen - drawn) <= share * abs(drawn) + 3.0 * error + 1e-12:
        return None
    return f"{what} of {case.where}: {seen:.6g}, drawn {drawn:.6g} +- {error:.2g}"


def report(problems: list[str | None], allowed: int = 0) -> None:
    """Three standard errors are exceeded by chance once in 370: of the many figures compared some may be."""
    found = [problem for problem in problems if problem]
    assert len(found) <= allowed, "\n".join(found[:10])


def test_mean_and_crps_from_the_grid_agree_with_draws(cases: list[Case]) -> None:
    problems = []
    for case in cases:
        for measure in (c.PURCHASES, c.VALUE):
            drawn, law = case.drawn[measure], case.law(measure)
            error = drawn.std() / np.sqrt(DRAWS)
            problems.append(close(case, f"mean {measure}", grid.mean(law)[0], drawn.mean(), error))
            for y in (0.0, np.round(drawn.mean()), np.quantile(drawn, 0.95)):
                score = crps_of_draws(np.array([y]), drawn[None, :])[0]
                noise = 1.5 * np.abs(drawn - y).std() / np.sqrt(DRAWS)
                problems.append(
                    close(case, f"CRPS of {measure} at {y:g}", grid.crps(law, np.array([y]))[0], score, noise)
                )
    report(problems, allowed=len(problems) // 200)


def test_exceedance_from_the_grid_is_within_a_hundredth(cases: list[Case]) -> None:
    for case in cases:
        for measure in (c.PURCHASES, c.VALUE):
            drawn, law = case.drawn[measure], case.law(measure)
            for y in (0.0, np.round(drawn.mean()), np.quantile(drawn, 0.8), np.quantile(drawn, 0.98)):
                assert abs(grid.exceedance(law, np.array([y]))[0] - (drawn > y).mean()) < 0.01, (case.where, measure)


def test_cvar_from_the_grid_agrees_with_draws(cases: list[Case]) -> None:
    problems = []
    for case in cases:
        for measure in (c.PURCHASES, c.VALUE):
            ordered, law = np.sort(case.drawn[measure]), case.law(measure)
            for tail in TAILS:
                k = int(DRAWS * tail)
                for upper, part in ((True, ordered[-k:]), (False, ordered[:k])):
                    cut = part[0] if upper else part[-1]
                    error = np.sqrt((part.var() + (1 - tail) * (part.mean() - cut) ** 2) / k)
                    what = f"{'upper' if upper else 'lower'} CVaR {tail} of {measure}"
                    problems.append(close(case, what, grid.cvar(law, tail, upper=upper)[0], part.mean(), error))
    report(problems, allowed=len(problems) // 200)


def test_quantile_columns_split_the_draws_at_their_levels(cases: list[Case]) -> None:
    """Within .01 of the level plus three standard errors; atoms may hold any level between P(Y < q) and P(Y <= q)."""
    for case in cases:
        for measure, drawn in case.drawn.items():
            for suffix, level in zip(c.QUANTILE_SUFFIXES, c.QUANTILE_LEVELS, strict=True):
                value = case.column(f"{measure}_{suffix}")
                slack = 0.01 + 3.0 * np.sqrt(level * (1 - level) / DRAWS)
                assert (drawn < value).mean() - slack <= level <= (drawn <= value).mean() + slack, (case.where, measure)


def test_standard_deviations_agree_with_draws(cases: list[Case]) -> None:
    """Of customers with a repeat purchase: without one the squared value has no variance to compare by."""
    problems = []
    for case in cases:
        if case.where[0][0] == 0:
            continue
        for measure, drawn in case.drawn.items():
            squares = (drawn - drawn.mean()) ** 2
            error = squares.std() / np.sqrt(DRAWS) / (2.0 * drawn.std())
            problems.append(close(case, f"sd of {measure}", case.column(f"{measure}_sd"), drawn.std(), error, 0.02))
    report(problems, allowed=len(problems) // 100)


def test_quantiles_of_the_expected_value_agree_with_draws(cases: list[Case]) -> None:
    """Within 2 % of the value plus a thousandth of the mean, and three standard errors by order statistics."""
    problems = []
    for case in cases:
        ordered = np.sort(case.drawn[c.EXPECTED_VALUE])
        for suffix, level in zip(c.QUANTILE_SUFFIXES, c.QUANTILE_LEVELS, strict=True):
            width = np.sqrt(level * (1 - level) / DRAWS)
            low, at, high = (ordered[int(DRAWS * (level + k * width))] for k in (-1.0, 0.0, 1.0))
            error = (high - low) / 2 + 0.001 * ordered.mean() / 3
            seen = case.column(f"{c.EXPECTED_VALUE}_{suffix}")
            problems.append(close(case, f"quantile {level} of the expected value", seen, at, error, 0.02))
    report(problems, allowed=len(problems) // 100)
