"""A what-if on the champion: totals as they are forecast and as they would be, for a segment of the customers."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from farview.core import schemas
from farview.core.clock import Cut
from farview.core.errors import FailedPrecondition
from farview.core.filters import compile_filter
from farview.core.filters.fields import fields_of
from farview.store.store import Store
from farview.store.values import LTV_REVENUE
from jobs.fit_ltv import customers_of
from jobs.snapshot import cut_of
from ltv.model import BtydModel
from ltv.registered import load
from ltv.scenarios import MEASURES, Change, concerned, effect, summary


@dataclass(frozen=True, slots=True)
class ScenarioSpec:
    """What is asked."""

    change: Change
    segment: str = ""  # a filter over schemas.RFM; empty: everybody
    horizon_days: int = 365
    as_of: date | None = None  # default: the last event's day
    known_at: datetime | None = None  # default: now


def scenario(store: Store, spec: ScenarioSpec) -> dict[str, Any]:
    """Before, after and change of purchases and value, each with mean and 90 % interval. Writes nothing.

    Raises:
        NotFound: there is no champion.
        FailedPrecondition: it is not a buy-till-you-die model, or there are no transactions.
        InvalidInput: a segment, lever or horizon that cannot be.
    """
    segment = compile_filter(spec.segment, fields_of(schemas.RFM), "--segment") if spec.segment.strip() else None
    version = store.champion(LTV_REVENUE)
    model = load(store.artifact(version))
    if not isinstance(model, BtydModel):
        raise FailedPrecondition(
            f"{version.name} ({version.model}) has no purchase process to scale (promote one that has)"
        )
    cut: Cut = cut_of(store, spec.as_of, spec.known_at)
    customers = customers_of(store, cut, model)
    chosen = concerned(customers, segment)
    found = effect(model, customers, spec.change, chosen, spec.horizon_days)
    return {
        "model": version.name,
        "as_of": cut.as_of.isoformat(),
        "horizon_days": spec.horizon_days,
        "currency": store.business().reporting_currency,
        "segment": spec.segment,
        "customers": customers.num_rows,
        "customers_changed": int(chosen.sum()),
        "change": asdict(spec.change),
        **{
            measure: {
                "before": summary(found.before[k]),
                "after": summary(found.after[k]),
                "difference": summary(found.after[k] - found.before[k]),
            }
            for k, measure in enumerate(MEASURES)
        },
    }
