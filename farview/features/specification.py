"""What each feature is, once: both executors and the lineage of a model refer to it."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from farview.core import columns as c


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of a model's input."""

    name: str
    definition: str
    window: str
    unit: str
    null_rule: str


_NEVER_NULL = "never null: a customer without a purchase day is left out"
_WHOLE_HISTORY = "first event to the end of the as-of day, days of the business zone"

RFM_FEATURES: tuple[Feature, ...] = (
    Feature(c.COHORT, "month of the first purchase day", _WHOLE_HISTORY, "YYYY-MM", _NEVER_NULL),
    Feature(
        c.FIRST_PURCHASE_DATE,
        "first day with at least one amount >= 0; returns (amounts < 0) are never purchases",
        _WHOLE_HISTORY,
        "date",
        _NEVER_NULL,
    ),
    Feature(c.FREQUENCY, "purchase days after the first", _WHOLE_HISTORY, "count", _NEVER_NULL),
    Feature(c.RECENCY_DAYS, "first to last purchase day", _WHOLE_HISTORY, "days", _NEVER_NULL),
    Feature(c.AGE_DAYS, "first purchase day to the as-of day", _WHOLE_HISTORY, "days", _NEVER_NULL),
    Feature(
        c.REPEAT_SPEND_MEAN,
        "amounts >= 0 of purchase days after the first, each rounded to 1e-8, over frequency; returns not deducted",
        _WHOLE_HISTORY,
        "reporting currency per purchase day",
        "0 without a repeat purchase day",
    ),
    Feature(
        c.FIRST_SPEND,
        "amounts >= 0 of the first purchase day, each rounded to 1e-8; returns not deducted",
        _WHOLE_HISTORY,
        "reporting currency",
        _NEVER_NULL,
    ),
)


def feature_schema_hash(features: Iterable[Feature] = RFM_FEATURES) -> str:
    """sha256, as 64 hex digits, of the features' specifications in order; a model's lineage carries it."""
    canonical = json.dumps([asdict(feature) for feature in features], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
