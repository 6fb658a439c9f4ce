"""Fits that nobody looked at: each model forecasts everybody of any business and says what it fell back on."""

import numpy as np
import pytest

from jobs.known import Known
from jobs.ltv_configuration import configured
from jobs.past import past_of
from jobs.value_models import fit_configured, predict_by
from tests.jobs.unseen_businesses import KINDS, business
from tests.tiers import examples

MODELS = ("bg_nbd", "mbg_nbd+first_spend", "pareto_nbd", "bg_bb+first_spend")
"""Each purchase process and each spend model; the two posteriors of a pair have nothing to do with each other."""

NUMBERS = examples(ci=(1, 2, 3), soak=tuple(range(30)))
CUSTOMERS = examples(ci=(60, 150), soak=(600, 4_400))


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: f"{number}-{KINDS[number % len(KINDS)]}")
def test_every_model_forecasts_everybody_and_says_what_it_fell_back_on(number: int) -> None:
    found = business(number, CUSTOMERS)
    past = past_of(found.events, found.calibration_end, "UTC")
    for name in MODELS:
        model = fit_configured(Known.of(past), configured(name, "laplace", None), 0)
        made = predict_by(model, past, 0)((found.holdout_end - found.calibration_end).days)
        for marginal in (made.purchases, made.value, made.gross_value):
            assert marginal.mean.shape == (past.rfm.num_rows,)
            assert np.all(np.isfinite(marginal.mean) & (marginal.mean >= 0.0))
        for part, inference in model.inference.items():
            if inference.method != "laplace":
                assert any(
                    warning.startswith(f"the {part} posterior is too far from normal") for warning in made.warnings
                )
            few = inference.effective_size is not None and inference.effective_size < 400
            assert not few or any("effective draws" in warning for warning in made.warnings)
