"""What the customers of a database are worth net, by the champion: each, each cohort, and all of them together."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from farview.core import columns as c
from farview.core import schemas
from farview.core.errors import FailedPrecondition
from farview.core.randomness import generator
from farview.features.attributes import with_attributes
from farview.features.rfm import Rfm, rfm_batch
from farview.features.window import GROSS_VALUE, window
from farview.store.store import Store
from farview.store.values import LTV_REVENUE
from jobs.fit_ltv import customers_of
from jobs.snapshot import cut_of
from ltv.model import BtydModel, differs_by
from ltv.net_value import GrossValue, Terms, gross_value
from ltv.registered import load
from ltv.returns import LEAST_KEPT, kept_share
from ltv.scenarios import summary

FloatArray = NDArray[np.float64]

HORIZONS_DAYS = (90, 365, 1095)
NEW = "new customer"

NET_VALUES = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field(c.COHORT, pa.string(), nullable=False),
        pa.field(c.HORIZON_DAYS, pa.int32(), nullable=False),
        pa.field("gross_value", pa.float64(), nullable=False),  # discounted, here and below
        pa.field("returned_value", pa.float64(), nullable=False),
        pa.field("contact_cost", pa.float64(), nullable=False),
        pa.field("net_value", pa.float64(), nullable=False),  # margin x (gross - returned) - contact cost
        pa.field("residual_value", pa.float64()),  # net, beyond the longest horizon; null at others or without discount
    ]
)
"""Expected parts of each customer's net value, reporting currency."""


@dataclass(frozen=True, slots=True)
class NetValueSpec:
    """What is asked."""

    terms: Terms
    horizons_days: tuple[int, ...] = HORIZONS_DAYS  # rising
    returned_share: float | None = None  # None: learnt from what has come back so far
    as_of: date | None = None  # default: the last event's day
    known_at: datetime | None = None  # default: now
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class NetValues:
    """The report for people and machines, and the rows of each customer."""

    report: dict[str, Any]
    customers: pa.Table  # schema NET_VALUES


def net_values(store: Store, spec: NetValueSpec) -> NetValues:
    """Discounted gross value, returns, contact costs and net value. Writes nothing.

    Totals' intervals hold what is unknown about the model, what the period to come shares for everybody, and the share
    that comes back, not the luck of single purchases.

    Raises:
        NotFound: there is no champion.
        FailedPrecondition: it is not a buy-till-you-die model, or there are no transactions.
        InvalidInput: terms or horizons that cannot be, or nobody had bought by then.
    """
    version = store.champion(LTV_REVENUE)
    model = load(store.artifact(version))
    if not isinstance(model, BtydModel):
        raise FailedPrecondition(f"{version.name} ({version.model}) has no purchase process (promote one that has)")
    cut = cut_of(store, spec.as_of, spec.known_at)
    customers = customers_of(store, cut, model)
    model.check(customers)  # also that there are any
    past = window(store.transactions(cut), None, cut.as_of, store.business().time_zone).read_all()
    share, error = kept_share(*(past.column(name).to_numpy() for name in (GROSS_VALUE, c.VALUE)))
    if spec.returned_share is not None:
        share, error = 1.0 - spec.returned_share, 0.0
    cohorts, group = np.unique(customers.column(c.COHORT).to_numpy(), return_inverse=True)
    asked, groups_asked = pa.concat_tables([customers, _newcomer(model, cut.as_of)]), np.append(group, len(cohorts))
    found = gross_value(model, asked, spec.terms, spec.horizons_days, groups_asked, spec.seed)
    luck = generator(spec.seed, "kept share").standard_normal(found.totals.shape[-1])
    kept = np.clip(share + error * luck, LEAST_KEPT, 1.0)
    groups = [
        _group("base", "", _Members(customers.num_rows, slice(len(cohorts))), found, spec, kept),
        _group("new", NEW, _Members(1, slice(len(cohorts), None)), found, spec, kept),
    ]
    for k, (name, members) in enumerate(zip(cohorts.tolist(), np.bincount(group).tolist(), strict=True)):
        groups.append(_group("cohort", name, _Members(members, slice(k, k + 1)), found, spec, kept))
    report = {
        "model": version.name,
        "as_of": cut.as_of.isoformat(),
        "currency": store.business().reporting_currency,
        "terms": asdict(spec.terms),
        "returned_share": 1.0 - share,
        "horizons_days": list(spec.horizons_days),
        "groups": groups,
    }
    return NetValues(report, _rows(customers, found, spec, share))


def write_net_values(found: NetValues, path: Path) -> None:
    """Each customer's rows as a Parquet file."""
    pq.write_table(found.customers, path, compression="zstd")


def _newcomer(model: BtydModel, day: date) -> pa.Table:
    """A customer whose first purchase is of today and of an amount that tells nothing, and without attributes."""
    row = Rfm(f"{day:%Y-%m}", day, 0, 0.0, 0.0, 0.0, 0.0)
    table = pa.Table.from_batches([rfm_batch([NEW], [row], model.period_days)])
    return with_attributes(table, schemas.ATTRIBUTES.empty_table(), differs_by(model))


@dataclass(frozen=True, slots=True)
class _Members:
    """Which of the groups in a `GrossValue` are meant together."""

    count: int  # customers
    groups: slice


def _group(
    kind: str, name: str, of: _Members, found: GrossValue, spec: NetValueSpec, kept: FloatArray
) -> dict[str, Any]:
    """One group's totals by horizon, with intervals."""
    chosen, members = of.groups, of.count
    gross = found.totals[chosen].sum(axis=0)
    out: dict[str, Any] = {"group_kind": kind, "group_name": name, "customers": members}
    out["horizons"] = [
        {
            "horizon_days": days,
            "gross": summary(gross[h]),
            "returned": summary((1.0 - kept) * gross[h]),
            "contact_cost": members * spec.terms.contacts_cost(days),
            "net": summary(_net(spec.terms, gross[h], kept, members, days)),
        }
        for h, days in enumerate(found.horizons_days)
    ]
    out["residual"] = out["beyond_span_share"] = None
    if found.residual_totals is not None and found.beyond_span is not None:
        later, beyond = found.residual_totals[chosen].sum(axis=0), found.beyond_span[chosen].sum(axis=0)
        out["residual"] = summary(spec.terms.net(later, kept, None))
        out["beyond_span_share"] = float(beyond.sum() / later.sum()) if later.sum() > 0 else None
    return out


def _net(terms: Terms, gross: FloatArray, kept: FloatArray, members: int, days: int) -> FloatArray:
    return members * terms.net(gross / max(members, 1), kept, days)


def _rows(customers: pa.Table, found: GrossValue, spec: NetValueSpec, share: float) -> pa.Table:
    return pa.concat_tables(_of_horizons(customers, found, spec.terms, share), promote_options="none")


def _of_horizons(customers: pa.Table, found: GrossValue, terms: Terms, share: float) -> Iterator[pa.Table]:
    rows = customers.num_rows  # those that `found` begins with
    for h, days in enumerate(found.horizons_days):
        gross, last = found.expected[:rows, h], h == len(found.horizons_days) - 1
        residual = pa.nulls(rows, pa.float64())
        if last and found.residual is not None:
            residual = pa.array(terms.net(found.residual[:rows], share, None))
        columns = [
            customers.column(c.CUSTOMER_ID),
            customers.column(c.COHORT),
            pa.array(np.full(rows, days, dtype=np.int32)),
            pa.array(gross),
            pa.array((1.0 - share) * gross),
            pa.array(np.full(rows, terms.contacts_cost(days))),
            pa.array(terms.net(gross, share, days)),
            residual,
        ]
        yield pa.Table.from_arrays(columns, schema=NET_VALUES)
