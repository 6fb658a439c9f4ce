"""The families of purchase processes and of spend models: what fitting and storing need of each, one entry a family.

A customer-value model is a pair of them, fitted apart: the two posteriors are independent. How a family is scored is in
`ltv.tables`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from farview.core.errors import InvalidInput
from ltv import bg_bb_likelihood, bg_nbd_likelihood, first_spend, gamma_gamma, pareto_nbd_likelihood
from ltv.opportunities import OpportunityRows, check_opportunities, opportunity_rows
from ltv.priors import BETA_DROPOUT, FIRST_SPENDS, GAMMA_LIFE, OPPORTUNITIES, SPEND, Prior
from ltv.rows import FirstSpendRows, PurchaseRows, SpendRows, check, first_spend_rows, purchase_rows, spend_rows

FloatArray = npt.NDArray[np.float64]
Rows = PurchaseRows | OpportunityRows | SpendRows | FirstSpendRows

BG_NBD, MBG_NBD, PARETO_NBD, BG_BB = "bg_nbd", "mbg_nbd", "pareto_nbd", "bg_bb"
GAMMA_GAMMA, FIRST_SPEND = "gamma_gamma", "first_spend"


@dataclass(frozen=True, slots=True)
class Family:
    """One likelihood and what surrounds it. Rows are in units of the prior: mean ages, or mean spends."""

    name: str
    parameters: tuple[str, ...]  # natural, as stored: times in days, amounts in the reporting currency
    in_units: tuple[bool, ...]  # which parameters are times (BG/BB: numbers of opportunities) or amounts (spend)
    floor: tuple[float, ...]  # lower bounds of the natural parameters
    start: tuple[float, ...]  # u where the search for the mode starts; natural parameters are floor + exp(u)
    prior: Prior  # on u
    rows: Callable[[pa.Table], Any]
    log_likelihood: Callable[[FloatArray, Any], FloatArray]  # (S, k) natural, rows -> (S,)
    log_likelihood_and_gradient: Callable[[FloatArray, Any], tuple[float, FloatArray]]  # (k,), rows -> value, (k,)
    check: Callable[[pa.Table], None] = check  # refuses histories that cannot be

    def units(self, unit: float) -> FloatArray:
        """Natural parameters in units of the prior times this, shape (k,), are in days or in the currency."""
        return np.where(self.in_units, unit, 1.0)


PURCHASES = {
    BG_NBD: Family(
        name=BG_NBD,
        parameters=("r", "alpha_days", "a", "b"),
        in_units=(False, True, False, False),
        floor=(0.0, 0.0, 0.0, 0.0),
        start=(0.0, 0.0, 0.0, 0.0),
        prior=BETA_DROPOUT,
        rows=purchase_rows,
        log_likelihood=bg_nbd_likelihood.log_likelihood,
        log_likelihood_and_gradient=bg_nbd_likelihood.log_likelihood_and_gradient,
    ),
    MBG_NBD: Family(
        name=MBG_NBD,
        parameters=("r", "alpha_days", "a", "b"),
        in_units=(False, True, False, False),
        floor=(0.0, 0.0, 0.0, 0.0),
        start=(0.0, 0.0, 0.0, 0.0),
        prior=BETA_DROPOUT,
        rows=purchase_rows,
        log_likelihood=bg_nbd_likelihood.mbg_log_likelihood,
        log_likelihood_and_gradient=bg_nbd_likelihood.mbg_log_likelihood_and_gradient,
    ),
    PARETO_NBD: Family(
        name=PARETO_NBD,
        parameters=("r", "alpha_days", "s", "beta_days"),
        in_units=(False, True, False, True),
        floor=(0.0, 0.0, 0.0, 0.0),
        start=(0.0, 0.0, 0.0, 0.0),
        prior=GAMMA_LIFE,
        rows=purchase_rows,
        log_likelihood=pareto_nbd_likelihood.log_likelihood,
        log_likelihood_and_gradient=pareto_nbd_likelihood.log_likelihood_and_gradient,
    ),
    BG_BB: Family(
        name=BG_BB,
        parameters=("alpha", "beta", "gamma", "delta"),
        in_units=(False, True, False, True),
        floor=(0.0, 0.0, 0.0, 0.0),
        start=(0.0, 0.0, 0.0, 0.0),
        prior=OPPORTUNITIES,
        rows=opportunity_rows,
        log_likelihood=bg_bb_likelihood.log_likelihood,
        log_likelihood_and_gradient=bg_bb_likelihood.log_likelihood_and_gradient,
        check=check_opportunities,
    ),
}

SPENDS = {
    GAMMA_GAMMA: Family(
        name=GAMMA_GAMMA,
        parameters=("p", "q", "v"),
        in_units=(False, False, True),
        floor=(0.0, 1.0, 0.0),
        start=(1.0, 1.0, 0.0),
        prior=SPEND,
        rows=spend_rows,
        log_likelihood=gamma_gamma.log_likelihood,
        log_likelihood_and_gradient=gamma_gamma.log_likelihood_and_gradient,
    ),
    FIRST_SPEND: Family(
        name=FIRST_SPEND,
        parameters=("p", "q", "v", "first_shape", "first_ratio"),
        in_units=(False, False, True, False, False),
        floor=(0.0, 1.0, 0.0, 0.0, 0.0),
        start=(1.0, 1.0, 0.0, 1.0, 0.0),
        prior=FIRST_SPENDS,
        rows=first_spend_rows,
        log_likelihood=first_spend.log_likelihood,
        log_likelihood_and_gradient=first_spend.log_likelihood_and_gradient,
    ),
}


def name_of(purchases: str, spend: str) -> str:
    """The pair's name: that of the purchase family, and + the spend family unless it is the Gamma-Gamma."""
    return purchases if spend == GAMMA_GAMMA else f"{purchases}+{spend}"


MODELS = tuple(name_of(purchases, spend) for spend in SPENDS for purchases in PURCHASES)
"""Names of all pairs."""


def is_known(name: str) -> bool:
    """Whether it names a pair."""
    return name in MODELS


def families_of(name: str) -> tuple[Family, Family]:
    """The purchase and the spend family of a pair.

    Raises:
        InvalidInput: the name is not one of `MODELS`.
    """
    if not is_known(name):
        raise InvalidInput.of("model", f"{name!r} is not known; use one of {', '.join(MODELS)}")
    purchases, _, spend = name.partition("+")
    return PURCHASES[purchases], SPENDS[spend or GAMMA_GAMMA]
