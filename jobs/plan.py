"""Plans a journey for every customer with the champion and publishes the plans."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core import schemas
from farview.core.clock import Cut, zone
from farview.core.errors import FailedPrecondition
from farview.core.filters import compile_filter, field_names, fields_of, mask
from farview.features.journey_log import CONVERSION
from farview.store.store import Store
from farview.store.values import JOURNEYS, PlanRun, PlanRunSpec
from jobs.journey_histories import by_customer
from jobs.plan_summary import PlanSummary
from jobs.plan_terms import Pair, PlanOptions, Terms
from jobs.progress import Both, Progress, Silent
from jobs.snapshot import configuration_hash, require_unchanged, touch_cut_of
from journeys.model import load

FILTER_FIELDS = {name: kind for name, kind in fields_of(schemas.FORECAST).items() if name != c.HORIZON_DAYS}
BATCH = 10_000  # customers whose consent is read, or who have no touch, at once


@dataclass(frozen=True, slots=True)
class Planned:
    """A published run, and what its plans come to; None when the run was there before."""

    run: PlanRun
    summary: PlanSummary | None


def plan_customers(
    store: Store,
    *,
    options: PlanOptions = PlanOptions(),  # noqa: B008 - frozen
    as_of: date | None = None,
    who: str,
    progress: Progress | None = None,
) -> Planned:
    """Plans for every customer asked for. A run with the same data and options is returned, not repeated.

    The present of the plans is the end of the as-of day. Attributes and consent are those of now: what a customer has
    withdrawn since is never planned.

    Args:
        store: where the log, attributes, consent and the champion come from and plans go to.
        options: for whom, and what the plans must keep to.
        as_of: last day whose touches are seen, business zone; by default the last one's day.
        who: for the audit log.
        progress: who watches.

    Raises:
        FailedPrecondition: there are no touches inside the cut, or a filter but no published forecast.
        NotFound: there is no journey model yet.
        InvalidInput: an option makes no sense.
        Conflict: another job plans the same at the same time, or a file was being imported meanwhile.
    """
    champion, cut = store.champion(JOURNEYS), touch_cut_of(store, as_of, None)
    present = cut.before(zone(store.business().time_zone))
    terms = Terms.of(options, champion, load(store.artifact(champion)), present)
    request = {"as_of": cut.as_of.isoformat(), "model": champion.name, **asdict(options)}
    with store.operation("plan", request, who=who) as operation:
        watch = Both(progress or Silent(), operation)
        watch.start("reading customers and their consent")
        people = _People.read(store, terms, cut.known_at)
        spec = PlanRunSpec(
            model_version=champion.version,
            as_of=cut.as_of,
            known_at=cut.known_at,
            snapshot_hash=store.touchpoints_hash(cut),
            config_hash=configuration_hash({**terms.as_data(), "people": people.digest()}),
        )
        run, summary = store.begin_plan_run(spec), None
        if run.status != "published":
            summary = PlanSummary()
            watch.start("planning customers")
            for pairs in _plans(store, cut, terms, people):
                store.stage_plans(run, [terms.to_store(pair) for pair in pairs])
                summary.add(plan for _, plan in pairs)
                watch.advance(len(pairs))
            everyone = people.chosen is None and options.after_purchase_days is None
            if summary.plans == 0 and everyone:
                raise FailedPrecondition("no touch lies before the end of the as-of day (is --as-of before the log?)")
            watch.start("publishing")
            require_unchanged(store.touchpoints_hash, cut, spec.snapshot_hash)
            run = store.publish_plans(run, who=who)
        watch.done()
        operation.finish({"plan_run_id": run.plan_run_id, "plans": run.plans})
    return Planned(run, summary)


@dataclass(frozen=True, slots=True, eq=False)
class _People:
    """What is known of customers beside their touches, and for whom to plan."""

    stored: pa.Table  # schemas.ATTRIBUTES, every customer
    denied: Mapping[str, frozenset[str]]  # channels by customer; absent: none
    chosen: pa.Array | None  # customer ids; None: everyone with a touch
    margins: Mapping[str, float]  # of a conversion by customer, where a forecast is to tell it

    @classmethod
    def read(cls, store: Store, terms: Terms, now: datetime) -> "_People":
        stored, chosen = store.attributes(), chosen_customers(store, terms.options.where)
        ids = stored[c.CUSTOMER_ID].to_pylist()
        denied: dict[str, frozenset[str]] = {}
        for first in range(0, len(ids), BATCH):
            some = ids[first : first + BATCH]
            denied |= store.denied_channels(some, terms.channels, purpose=terms.options.consent_purpose, at=now)
        margins = _worth_of_purchases(store) if terms.options.margin_by_forecast else {}
        return cls(stored, {name: channels for name, channels in denied.items() if channels}, chosen, margins)

    def digest(self) -> str:
        """Identity of all of it."""
        digest = hashlib.sha256()
        for batch in self.stored.to_batches(BATCH):
            for row in batch.to_pylist():
                digest.update(f"{row[c.CUSTOMER_ID]}\0{row['time_zone']}\0{row['attributes']}\0".encode())
        for name, channels in sorted(self.denied.items()):
            digest.update(f"{name}\0{sorted(channels)}\0".encode())
        for name, margin in sorted(self.margins.items()):
            digest.update(f"{name}\0{margin!r}\0".encode())
        for name in ["everyone"] if self.chosen is None else self.chosen.to_pylist():
            digest.update(f"{name}\0".encode())
        return digest.hexdigest()

    def of(self, customer_ids: pa.Array) -> pa.Table:
        """schemas.ATTRIBUTES of those customers."""
        return self.stored.filter(pc.is_in(self.stored[c.CUSTOMER_ID], value_set=customer_ids))


def chosen_customers(store: Store, where: str) -> pa.Array | None:
    """Ids of the customers that the filter selects from the latest forecast run; None without a filter."""
    if not where.strip():
        return None
    tree = compile_filter(where, FILTER_FIELDS, "--where")
    run = store.latest_run()
    if run is None:
        raise FailedPrecondition("a filter needs a published forecast (run `farview train ltv`, then `farview score`)")
    table = store.run_table(run.run_id, max(run.spec.horizons_days), [c.CUSTOMER_ID, *sorted(field_names(tree))])
    columns = {name: table.column(name).to_numpy() for name in table.column_names}
    return table[c.CUSTOMER_ID].combine_chunks().filter(pa.array(mask(tree, columns, len(table))))


def _worth_of_purchases(store: Store) -> dict[str, float]:
    """Value of a purchase by customer as the latest run foresees it at its longest horizon: value over purchases.

    Raises:
        FailedPrecondition: no forecast is published.
    """
    run = store.latest_run()
    if run is None:
        raise FailedPrecondition(
            "--margin-by-forecast needs a published forecast (run `farview train ltv`, then `farview score`)"
        )
    names = ("value_mean", "purchases_mean")
    table = store.run_table(run.run_id, max(run.spec.horizons_days), [c.CUSTOMER_ID, *names])
    value, purchases = (table[name].to_numpy() for name in names)
    worth = np.maximum(np.divide(value, purchases, out=np.zeros(len(table)), where=purchases > 0), 0.0)
    return dict(zip(table[c.CUSTOMER_ID].to_pylist(), worth.tolist(), strict=True))


def _just_bought(log: pa.Table, terms: Terms, customers: pa.Array) -> pa.Array:
    """Those of the customers who converted in the last days before the present, where that is asked for."""
    days = terms.options.after_purchase_days
    if days is None:
        return customers
    since = pa.scalar(terms.present - timedelta(days=days), log[c.TIME].type)
    recent = pc.and_(pc.equal(log[c.INTERACTION], CONVERSION), pc.greater_equal(log[c.TIME], since))
    return customers.filter(pc.is_in(customers, value_set=pc.unique(log.filter(recent)[c.CUSTOMER_ID])))


def _plans(store: Store, cut: Cut, terms: Terms, people: _People) -> Iterator[list[Pair]]:
    """Plans of everyone asked for, batch by batch: those in the log by id, then those without a touch."""
    seen = [pa.array([], pa.string())]
    for log in by_customer(store.touchpoints(cut)):
        touched = pc.unique(log.filter(pc.not_equal(log[c.INTERACTION], CONVERSION))[c.CUSTOMER_ID])
        if people.chosen is not None:
            touched = touched.filter(pc.is_in(touched, value_set=people.chosen))
            seen.append(touched)
        touched = _just_bought(log, terms, touched)
        histories = log.filter(pc.is_in(log[c.CUSTOMER_ID], value_set=touched))
        yield terms.plan(histories, people.of(touched), people.denied, touched.to_pylist(), people.margins)
    if people.chosen is not None and terms.options.after_purchase_days is None:
        rest = people.chosen.filter(pc.invert(pc.is_in(people.chosen, value_set=pa.concat_arrays(seen))))
        for first in range(0, len(rest), BATCH):
            some = rest.slice(first, BATCH)
            nothing = schemas.TOUCHPOINTS.empty_table()
            yield terms.plan(nothing, people.of(some), people.denied, some.to_pylist(), people.margins)
