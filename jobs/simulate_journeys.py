"""Ways of choosing touches side by side on customers of the store: what each would bring by the champion's hazards."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import zone
from farview.core.errors import FailedPrecondition
from farview.core.randomness import generator
from farview.features.attributes import attribute_table
from farview.features.journey_log import CONVERSION
from farview.store.store import Store
from farview.store.values import JOURNEYS
from jobs.plan import chosen_customers
from jobs.plan_terms import PlanOptions, Terms
from jobs.progress import Progress
from jobs.snapshot import touch_cut_of
from journeys.comparison import WhatIf, compare
from journeys.model import load
from journeys.planning import plan_journeys, trip


@dataclass(frozen=True, slots=True)
class SimulateSpec:
    """What is asked."""

    options: PlanOptions = field(default_factory=PlanOptions)  # for whom, and what journeys must keep to
    customers: int = 500  # at most so many, drawn by the seed
    what_if: WhatIf = field(default_factory=WhatIf)
    as_of: date | None = None
    seed: int = 0


def simulate_journeys(store: Store, spec: SimulateSpec, progress: Progress) -> dict[str, Any]:
    """The report of `journeys.comparison.compare` with its protocol, as JSON data. Nothing is stored.

    Args:
        store: where the log, attributes, consent and the champion come from.
        spec: for whom and how.
        progress: who watches.

    Raises:
        FailedPrecondition: there is nobody to roll out.
        NotFound: there is no journey model yet.
        InvalidInput: an option makes no sense.
        Infeasible: no journey keeps to the constraints.
    """
    champion, cut = store.champion(JOURNEYS), touch_cut_of(store, spec.as_of, None)
    model = load(store.artifact(champion))
    terms = Terms.of(spec.options, champion, model, cut.before(zone(store.business().time_zone)))
    progress.start("reading customers and their touches")
    log = store.touchpoints(cut).read_all()
    names = _drawn(store, spec, log)
    if not names:
        raise FailedPrecondition("nobody is chosen (is --as-of before the log, or the filter too narrow?)")
    stored = store.attributes(names)
    denied = store.denied_channels(names, terms.channels, purpose=spec.options.consent_purpose, at=cut.known_at)
    requests = terms.requests(stored, denied, names)
    past = terms.histories(log.filter(pc.is_in(log[c.CUSTOMER_ID], value_set=pa.array(names))))
    attributes = attribute_table(stored, model.about.context.kinds)
    progress.start(f"planning and rolling out for {len(names):,} customers")
    plans = plan_journeys(model, past, attributes, requests)
    report = compare(model, trip(model, past, attributes, requests), plans, spec.what_if, spec.seed)
    progress.done()
    protocol = {
        "model": champion.name,
        "evidence": model.about.evidence,
        "as_of": cut.as_of.isoformat(),
        "customers": len(names),
        "max_touches": spec.options.max_touches,
        "conversion_margin": terms.margin,
        "gap_hours": terms.gap_hours,
        "currency": store.business().reporting_currency,
        "seed": spec.seed,
        "interval": [0.05, 0.95],
    }
    return {"protocol": protocol, **report}


def _drawn(store: Store, spec: SimulateSpec, log: pa.Table) -> list[str]:
    """At most so many of the customers asked for, in the order of their ids, drawn by id and seed."""
    chosen = chosen_customers(store, spec.options.where)
    if chosen is None:
        chosen = pc.unique(log.filter(pc.not_equal(log[c.INTERACTION], CONVERSION))[c.CUSTOMER_ID])
    names: list[str] = chosen.to_pylist()
    if len(names) > spec.customers:
        names = sorted(names, key=lambda name: float(generator(spec.seed, "simulated", name).random()))
    return sorted(names[: spec.customers])
