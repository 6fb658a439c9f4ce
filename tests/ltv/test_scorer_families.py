"""Forecasts of every family against brute-force draws from its posterior predictive; BG/NBD: `test_scorer_draws`."""

from pathlib import Path

import numpy as np
import pytest

from farview.core import columns as c
from farview.core import quantile_grid as grid
from tests.ltv.cdnow import calibration
from tests.ltv.predictive import HORIZONS_DAYS, forecast, histories, known_model, simulate, some_customers
from tests.tiers import examples

DRAWS = 40_000
PAIRS = [("mbg_nbd", "gamma_gamma"), ("bg_nbd", "first_spend"), ("pareto_nbd", "first_spend"), ("bg_bb", "gamma_gamma")]


@pytest.mark.parametrize(("purchases", "spend"), PAIRS)
def test_forecasts_agree_with_draws(cdnow_full: Path, purchases: str, spend: str) -> None:
    """Means within 1 % and 4.5 standard errors, probabilities within .01: family-wise 1e-3 over all figures."""
    model = known_model(purchases=purchases, spend=spend)
    customers = some_customers(calibration(cdnow_full, model.period_days), examples(ci=12, soak=300))
    forecasts = forecast(model, customers)
    problems = []
    for i, history in enumerate(histories(customers)):
        h = i % len(HORIZONS_DAYS)
        row = forecasts.slice(i * len(HORIZONS_DAYS) + h, 1)
        said = row.to_pylist()[0]
        drawn = simulate(model, history, HORIZONS_DAYS[h], DRAWS, seed=i)
        for measure, outcomes in ((c.PURCHASES, drawn.purchases), (c.VALUE, drawn.value)):
            mean, error = outcomes.mean(), outcomes.std() / np.sqrt(DRAWS)
            if abs(said[f"{measure}_mean"] - mean) > 0.01 * mean + 4.5 * error:
                problems.append((history, measure, "mean", said[f"{measure}_mean"], mean, error))
            law = grid.law_of(row, measure)
            for y in (0.0, np.round(mean), np.quantile(outcomes, 0.9)):
                exceeds, seen = grid.exceedance(law, np.array([y]))[0], float((outcomes > y).mean())
                if abs(exceeds - seen) > 0.01:
                    problems.append((history, measure, f"exceedance of {y:g}", exceeds, seen))
        for suffix, level in zip(c.QUANTILE_SUFFIXES, c.QUANTILE_LEVELS, strict=True):
            value, slack = said[f"{c.EXPECTED_VALUE}_{suffix}"], 0.01 + 4.5 * np.sqrt(level * (1 - level) / DRAWS)
            if (
                not (drawn.expected_value < value).mean() - slack
                <= level
                <= (drawn.expected_value <= value).mean() + slack
            ):
                problems.append((history, f"quantile {level} of the expected value", value))
    assert not problems, "\n".join(map(str, problems[:10]))
