"""What the configuration of a customer-value model says: which model, how it is fitted, how customers differ."""

from collections.abc import Mapping, Sequence

from farview.core.errors import InvalidInput
from ltv.combination_model import NAME as COMBINATION
from ltv.effects import Kinds
from ltv.families import BG_BB
from ltv.opportunities import PERIOD_DAYS

LONGEST_PERIOD_DAYS = 366
PERIOD, COVARIATES, POOL_BY = "period_days", "covariates", "pool_by"
"""Keys of a configuration whose model reads purchases merged by periods, or whose customers differ by kinds."""
HORIZON_DAYS, POOLED = "horizon_days", "members"
"""Keys of a combination's configuration."""
DEFAULT_HORIZON_DAYS = 90
MEMBERS = ("boost", "gru")
"""Of a combination, unless others are named; ties go to the one that stands first."""
_MEMBERS_UNSAID = ("bg_nbd+first_spend", "pareto_nbd+first_spend", "boost")
"""Of configurations from when the usual members went without saying."""


def period_days(configuration: Mapping[str, str]) -> int:
    """By which periods the histories of a configuration's model are merged."""
    return int(configuration.get(PERIOD, "1"))


def configured(model: str, method: str, period: int | None) -> dict[str, str]:
    """The configuration that fits a model anew; `period` None is that of the model: a week for bg_bb, else a day.

    Raises:
        InvalidInput: the period is not 1 to 366 days, or of a model without opportunities.
    """
    discrete = model.partition("+")[0] == BG_BB
    if period is not None and not discrete:
        raise InvalidInput.of("--period-days", f"is of bg_bb alone; {model} reads days")
    if period is not None and not 1 <= period <= LONGEST_PERIOD_DAYS:
        raise InvalidInput.of("--period-days", f"must be 1 to {LONGEST_PERIOD_DAYS}; got {period}")
    told = {PERIOD: str(period or PERIOD_DAYS)} if discrete else {}
    if model == COMBINATION:
        told = pooling(DEFAULT_HORIZON_DAYS, MEMBERS)
    return {"model": model, "method": method} | told


def pooling(horizon_days: int, members: Sequence[str]) -> dict[str, str]:
    """What a combination's configuration says beside model and method."""
    return {HORIZON_DAYS: str(horizon_days), POOLED: ",".join(members)}


def members_of(configuration: Mapping[str, str]) -> tuple[str, ...]:
    """Whom a combination's configuration pools."""
    return tuple(configuration[POOLED].split(",")) if POOLED in configuration else _MEMBERS_UNSAID


def kinds_of(configuration: Mapping[str, str]) -> Kinds:
    """By what customers differ in a configuration's model."""
    covariates = tuple(name for name in configuration.get(COVARIATES, "").split(",") if name)
    return Kinds(covariates, configuration.get(POOL_BY))


def differing(kinds: Kinds) -> dict[str, str]:
    """What a configuration says of them; nothing where they do not differ."""
    said = {COVARIATES: ",".join(kinds.covariates), POOL_BY: kinds.pool_by or ""}
    return {key: value for key, value in said.items() if value}
