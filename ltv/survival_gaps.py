"""The next purchase of customers without contracts, as the end of the gap that is open now.

Gaps of one customer are recurrent: each begins with a purchase, the last is censored, and all are fitted together with
errors robust to what a customer's gaps have in common. Whether a customer has left for ever is not asked.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.errors import InvalidInput
from farview.evaluation.spells import Spells
from ltv.survival import FloatArray, SurvivalModel, goes_on
from ltv.survival_cox import Cox, fit_cox
from ltv.survival_design import Design, learn_design
from ltv.survival_weibull import IntArray, WeibullAft, fit_weibull

COVARIATES = ("after_first", "log_number", "log_previous_gap", "log_amount")
ENDS_PER_COVARIATE = 10  # Peduzzi et al. (1995), J. Clinical Epidemiology 48: with fewer, hazard models run away
_DAY = 1.0  # purchases are known to the day


@dataclass(frozen=True, slots=True)
class GapModel:
    """Weibull AFT of gaps in days."""

    weibull: WeibullAft
    design: Design


@dataclass(frozen=True, slots=True)
class NextPurchase:
    """Of each open gap, in the order given; each array has shape (customers,)."""

    p_none: FloatArray  # P(no purchase by the horizon)
    median_days: FloatArray  # from the as-of day to the next purchase, given one within the horizon


def fit_gaps(gaps: pa.Table) -> GapModel:
    """Maximum likelihood; errors are robust by customer. Few gaps that ended carry few of COVARIATES, the first ones.

    Args:
        gaps: farview.features.gaps.GAPS, all gaps of customers; open ones of 0 days say nothing yet and are left out.

    Raises:
        InvalidInput: no gap has ended, so nobody has bought twice.
        FailedPrecondition: no maximum was found.

    Source: gap times with marginal inference, Cook, Lawless (2007), The Statistical Analysis of Recurrent Events,
    section 4.4; see fit_weibull.
    """
    spells, covariates, clusters = gap_spells(gaps)
    design = learn_design(covariates, COVARIATES[: int(spells.ended.sum()) // ENDS_PER_COVARIATE])
    weibull = fit_weibull(spells, design.matrix(covariates), step=_DAY, clusters=clusters)
    return GapModel(weibull, design)


@dataclass(frozen=True, slots=True)
class GapCox:
    """Cox regression of gaps in days: covariates multiply a hazard of any course."""

    cox: Cox
    design: Design


def fit_gap_cox(gaps: pa.Table) -> GapCox:
    """Partial likelihood on the clock of gap times, each customer a cluster; covariates as in `fit_gaps`.

    Raises:
        InvalidInput: no gap has ended, or too few have for a covariate.
        FailedPrecondition: no maximum was found.

    Source: Prentice, Williams, Peterson (1981), Biometrika 68(2), gap-time form with a common baseline; see fit_cox.
    """
    spells, covariates, clusters = gap_spells(gaps)
    design = learn_design(covariates, COVARIATES[: int(spells.ended.sum()) // ENDS_PER_COVARIATE])
    return GapCox(fit_cox(spells, design.matrix(covariates), clusters=clusters), design)


def gap_goes_on(model: SurvivalModel, design: Design, open_gaps: pa.Table, horizon_days: int) -> FloatArray:
    """P(no purchase by the horizon) of open gaps; level beyond the longest gap seen where a hazard grows in steps."""
    since = open_gaps["gap_days"].to_numpy().astype(np.float64)
    return goes_on(model, design.matrix(_covariates(open_gaps)), since, float(horizon_days))


def gap_spells(gaps: pa.Table) -> tuple[Spells, pa.Table, IntArray]:
    """Gaps as spells in days, their covariates, and the code of each one's customer.

    Raises:
        InvalidInput: no gap has ended.
    """
    watched = gaps.filter(pc.greater(gaps["gap_days"], 0))
    if not pc.any(watched["ended"]).as_py():
        raise InvalidInput.of("gaps", "none has ended: nobody has bought twice")
    duration = watched["gap_days"].to_numpy().astype(np.float64)
    codes = pc.dictionary_encode(watched[c.CUSTOMER_ID]).combine_chunks().indices.to_numpy().astype(np.int64)
    ended = watched["ended"].to_numpy()
    return Spells.watched_from_the_beginning(duration, ended), _covariates(watched), codes


def next_purchase(model: GapModel, open_gaps: pa.Table, horizon_days: int) -> NextPurchase:
    """When customers buy next, given that they have not since their gap began.

    Args:
        model: of `fit_gaps`.
        open_gaps: rows of GAPS with `ended` false, one a customer.
        horizon_days: above 0.

    Raises:
        InvalidInput: the horizon is not above 0.
    """
    if horizon_days <= 0:
        raise InvalidInput.of("horizon_days", f"{horizon_days} is not above 0")
    covariates = model.design.matrix(_covariates(open_gaps))
    since = open_gaps["gap_days"].to_numpy().astype(np.float64)
    before = model.weibull.cumulative_hazard(covariates, since)
    more = model.weibull.cumulative_hazard(covariates, since + horizon_days) - before
    # Half of the probability of a purchase within the horizon lies before the median.
    half = -np.log1p(0.5 * np.expm1(-more))
    median = model.weibull.age_at(covariates, before + half) - since
    return NextPurchase(np.exp(-more), np.clip(median, 0.0, float(horizon_days)))


def _covariates(gaps: pa.Table) -> pa.Table:
    """COVARIATES, null where a gap has none before it."""
    number = gaps["number"].to_numpy()
    previous = pc.fill_null(pc.cast(gaps["previous_gap_days"], pa.float64()), np.nan).to_numpy()
    columns = [number == 1, np.log(number), np.log(previous), np.log1p(gaps["amount"].to_numpy())]
    return pa.table([pa.array(column.astype(np.float64), from_pandas=True) for column in columns], list(COVARIATES))
