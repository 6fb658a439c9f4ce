"""Training rows of the boosted model: customers at past days, what the anchor said of them there, and what came.

A day in the past with a target after it is an origin. At each one the anchor is fitted to what was known by then, so
the trees learn to correct forecasts, not fits. Rows of all origins are stacked; what came to all customers of one
alike (a good season, an anchor that is wrong as a whole) is left out of what the trees learn: see `boost_heads.level`.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from farview.core import columns as c
from farview.core.clock import Cut
from farview.evaluation.origins import Origin
from farview.features.customer import customer_features
from farview.features.customer_rfm import rfm_of_features
from farview.features.through import through
from ltv.boost_anchor import anchor_figures, anchor_margins
from ltv.boost_inputs import Units, input_matrix
from ltv.fit import fit
from ltv.past_days import of_some_customers, reference_days, what_came
from ltv.scorer import Scorer

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FOLDS = 3
MOST_CUSTOMERS = 100_000  # more would teach trees of these sizes nothing


@dataclass(frozen=True, slots=True, eq=False)
class TargetRows:
    """Customers of one origin and target, each array (rows,) but the inputs."""

    inputs: FloatArray  # (rows, len(INPUTS))
    fold: IntArray  # of the customer, the same at every origin
    hazard: FloatArray  # anchor: -log P(no purchase within the target)
    more: FloatArray  # anchor: expected purchases beyond the first, given one
    spend: FloatArray  # anchor: expected value given a purchase, reporting currency
    purchases: FloatArray  # what came
    gross_value: FloatArray
    returned: FloatArray  # amount, 0 or more


def training_origins(first_day: date, last_day: date) -> tuple[Origin, ...]:
    """Origins, newest first, each with a target of the reference length and, where it is longer, one to the last day.

    The reference is a third of the span, at most a year; origins step by half of it, three of them, so a third of the
    span or more lies before the oldest. Spans shorter than six days have no origin.
    """
    reference = reference_days(first_day, last_day)
    if reference < 2:
        return ()
    origins = []
    for step in (2, 3, 4):
        as_of = last_day - timedelta(days=step * reference // 2)
        origins.append(Origin(as_of, as_of + timedelta(days=reference)))
        if origins[-1].target_end < last_day:
            origins.append(Origin(as_of, last_day))
    return tuple(origins)


def training_rows(
    events: pa.Table, origins: tuple[Origin, ...], zone: str, units: Units, anchor: str, seed: int
) -> Iterator[TargetRows]:
    """The rows of every origin and target.

    Args:
        events: schemas.EVENTS, none after the last target's end.
        origins: of `training_origins`; those of one day stand together.
        zone: of the business.
        units: of the model.
        anchor: family that is fitted at every origin.
        seed: of its draws.
    """
    events = of_some_customers(events, MOST_CUSTOMERS, "boost")
    for as_of in dict.fromkeys(origin.as_of for origin in origins):
        ends = [origin.target_end for origin in origins if origin.as_of == as_of]
        yield from _rows_of_day(events, as_of, ends, (zone, units, anchor, seed))


def _rows_of_day(
    events: pa.Table, as_of: date, ends: list[date], terms: tuple[str, Units, str, int]
) -> Iterator[TargetRows]:
    zone, units, anchor, seed = terms
    known = through(events, as_of, zone)
    features = customer_features(known, Cut(as_of, datetime.now(UTC)), zone).read_all().combine_chunks()
    customers = rfm_of_features(features, as_of)
    horizons = sorted({units.reference_days, *((end - as_of).days for end in ends)})
    scorer = Scorer(fit(customers, model=anchor, seed=seed), horizons, as_of, seed)
    forecast = pa.Table.from_batches(scorer.forecast(customers.to_batches()))
    by_horizon = {
        days: forecast.take(pa.array(np.arange(k, forecast.num_rows, len(horizons)))) for k, days in enumerate(horizons)
    }
    inputs = input_matrix(features, anchor_figures(by_horizon[units.reference_days]), units)
    fold = np.array([zlib.crc32(who.encode()) % FOLDS for who in features.column(c.CUSTOMER_ID).to_pylist()])
    for end in ends:
        said = by_horizon[(end - as_of).days]
        purchases, net, gross = what_came(events, features.column(c.CUSTOMER_ID), as_of, end, zone)
        yield TargetRows(inputs, fold, *anchor_margins(said), purchases, gross, gross - net)
