"""What the command line says of segments and guarantees, checked."""

import re
from dataclasses import dataclass
from datetime import datetime

from farview.core.errors import InvalidInput
from farview.core.filters import FORECAST_FIELDS, compile_filter
from farview.store.promises import GuaranteeTerms, Segment
from ranking.floors import exact_share

_NAME = re.compile(r"[a-z0-9-]{1,63}")
_MOST_DAYS = 3_650


@dataclass(frozen=True, slots=True)
class Cohort:
    """Who a promise is for: a filter or a segment, the other one empty."""

    where: str
    segment: str


def segment_of(name: str, where: str, description: str) -> Segment:
    """A segment.

    Raises:
        InvalidInput: NAME or FILTER.
    """
    _check_name("NAME", name)
    _check_filter("FILTER", where)
    return Segment(name, where, description)


def guarantee_of(
    name: str, share: float, cohort: Cohort, ledger: str, window_days: int, end_time: datetime | None
) -> GuaranteeTerms:
    """A guarantee.

    Raises:
        InvalidInput: NAME or an option.
    """
    _check_name("NAME", name)
    _check_name("--ledger", ledger)
    if bool(cohort.where) == bool(cohort.segment):
        raise InvalidInput.of("--filter", "a cohort is a filter or a segment (give --filter or --segment, one of them)")
    if cohort.where:
        _check_filter("--filter", cohort.where)
    if not 0 < share <= 1:
        raise InvalidInput.of("--share", f"{share:g} is not a share (above 0 and at most 1; 0.2 is a fifth)")
    if not 1 <= window_days <= _MOST_DAYS:
        raise InvalidInput.of("--window-days", f"{window_days} is not from 1 to {_MOST_DAYS:,}")
    exact = exact_share(share).limit_denominator(10**6)
    return GuaranteeTerms(name, ledger, exact, cohort.where or None, cohort.segment or None, window_days, end_time)


def _check_name(field: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInput.of(field, f"{name!r} is not 1 to 63 lower-case letters, digits and hyphens")


def _check_filter(field: str, where: str) -> None:
    if not where.strip():
        raise InvalidInput.of(field, "is empty (everyone would belong)")
    compile_filter(where, FORECAST_FIELDS, field)
