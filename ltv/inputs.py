"""What a customer-value model reads of a customer, by the two executors of the features room."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from farview.core import columns as c
from farview.core.clock import Cut
from farview.features.customer import customer_batch, customer_features, customer_features_of_one
from farview.features.customer_specification import CUSTOMER_FEATURES
from farview.features.rfm import rfm, rfm_batch, rfm_of_one
from farview.features.sequences import SEQUENCE_FEATURES, event_sequences, sequence_schema
from farview.features.sequences_single import event_sequence_of_one
from farview.features.specification import RFM_FEATURES, Feature
from ltv.sequence_inputs import LONGEST


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Events of one customer, any order."""

    customer_id: str
    times_utc: npt.NDArray[np.datetime64]  # (events,)
    amounts: npt.NDArray[np.float64]  # (events,) reporting currency, returns negative

    @classmethod
    def of(cls, customer_id: str, events: pa.Table) -> "History":
        """The history in schemas.EVENTS of one customer."""
        times = events.column(c.TIME).cast(pa.timestamp("us")).to_numpy()
        return cls(customer_id, times, events.column(c.AMOUNT).to_numpy())


@dataclass(frozen=True, slots=True)
class Inputs:
    """Events to a row a customer, of those with a purchase day by the as-of day; days after it are not seen."""

    features: tuple[Feature, ...]

    bulk: Callable[[pa.Table | pa.RecordBatchReader, Cut, str], pa.RecordBatchReader]
    """(schemas.EVENTS, cut, zone) to rows by customer id."""

    of_some: Callable[[Sequence[History], Cut, str], pa.RecordBatch]
    """(histories, cut, zone) to the same rows in the order of the histories, without a query engine."""


@cache
def rfm_inputs(period_days: int = 1) -> Inputs:
    """`schemas.rfm_schema(period_days)`."""

    def of_some(histories: Sequence[History], cut: Cut, zone: str) -> pa.RecordBatch:
        found = {
            each.customer_id: rfm_of_one(each.times_utc, each.amounts, cut, zone, period_days=period_days)
            for each in histories
        }
        known = {customer: row for customer, row in found.items() if row is not None}
        return rfm_batch(list(known), list(known.values()), period_days)

    return Inputs(RFM_FEATURES, partial(rfm, period_days=period_days), of_some)


def _features_of_some(histories: Sequence[History], cut: Cut, zone: str) -> pa.RecordBatch:
    found = {
        each.customer_id: customer_features_of_one(each.customer_id, each.times_utc, each.amounts, cut, zone)
        for each in histories
    }
    known = {customer: row for customer, row in found.items() if row is not None}
    return customer_batch(list(known), list(known.values()))


def _sequences(events: pa.Table | pa.RecordBatchReader, cut: Cut, zone: str) -> pa.RecordBatchReader:
    return event_sequences(events, cut, zone, LONGEST)


def _sequences_of_some(histories: Sequence[History], cut: Cut, zone: str) -> pa.RecordBatch:
    rows = [
        event_sequence_of_one(each.customer_id, each.times_utc, each.amounts, cut, zone, LONGEST) for each in histories
    ]
    table = pa.Table.from_batches(rows, sequence_schema(LONGEST))
    return pa.RecordBatch.from_arrays([column.combine_chunks() for column in table.columns], schema=table.schema)


CUSTOMER = Inputs(CUSTOMER_FEATURES, customer_features, _features_of_some)
"""Rows of `customer_features`."""

SEQUENCES = Inputs(SEQUENCE_FEATURES, _sequences, _sequences_of_some)
"""Rows of `event_sequences`, the last LONGEST events kept."""


def joined(parts: Sequence[Inputs]) -> Inputs:
    """What several models read of the same customers, side by side: a struct column each, which `part_of` takes out.

    What two of them read alike is computed once.
    """

    def bulk(events: pa.Table | pa.RecordBatchReader, cut: Cut, zone: str) -> pa.RecordBatchReader:
        known = events if isinstance(events, pa.Table) else events.read_all()
        found = {part: part.bulk(known, cut, zone).read_all() for part in dict.fromkeys(parts)}
        rows = _side_by_side([found[part] for part in parts])
        return pa.RecordBatchReader.from_batches(rows.schema, [rows])

    def of_some(histories: Sequence[History], cut: Cut, zone: str) -> pa.RecordBatch:
        found = {part: pa.Table.from_batches([part.of_some(histories, cut, zone)]) for part in dict.fromkeys(parts)}
        return _side_by_side([found[part] for part in parts])

    features = {feature.name: feature for part in parts for feature in part.features}
    return Inputs(tuple(features.values()), bulk, of_some)


def part_of(inputs: pa.RecordBatch, number: int) -> pa.RecordBatch:
    """The rows that one of the models reads."""
    return pa.RecordBatch.from_struct_array(inputs.column(f"part_{number}"))


def _side_by_side(tables: Sequence[pa.Table]) -> pa.RecordBatch:
    """Tables of the same customers in the same order."""
    structs = [table.combine_chunks().to_struct_array() for table in tables]
    flat = [struct.combine_chunks() if isinstance(struct, pa.ChunkedArray) else struct for struct in structs]
    who = pa.chunked_array(tables[0].column(c.CUSTOMER_ID).chunks, pa.string()).combine_chunks()
    names = [c.CUSTOMER_ID, *(f"part_{number}" for number in range(len(flat)))]
    return pa.RecordBatch.from_arrays([who, *flat], names=names)
