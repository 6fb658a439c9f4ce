"""Features of a customer for learning value models: history, windows, intervals, momentum, season, first order.

One specification (`customer_specification.CUSTOMER_FEATURES`), two executors: `customer_features` for bulk, an Ibis
expression that DuckDB runs and streams, and `customer_features_of_one` for one request. Each finds whole numbers
(`customer_counts.COUNTS`), which one function turns into features: the executors are equal to the last bit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.clock import zone as zone_of
from farview.core.errors import InvalidInput
from farview.features.bulk import AS_OF, Query, run
from farview.features.customer_bulk import counts_expression
from farview.features.customer_columns import FloatArray, feature_columns
from farview.features.customer_counts import COUNTS
from farview.features.customer_single import counts_of_one
from farview.features.customer_specification import CUSTOMER_COLUMNS
from farview.features.journey_context import ContextEncoding
from farview.features.single import local_ordinals


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is known of customers beside their events, as of the same cut, and how it becomes columns."""

    customers: pa.Table  # customer_id and a column an attribute; see attributes.attribute_table
    encoding: ContextEncoding  # learnt where the model was trained

    @property
    def columns(self) -> tuple[str, ...]:
        """`attribute:NAME` of numbers, scaled, null as their mean 0; `attribute:NAME=VALUE` of texts and truths."""
        encoding = self.encoding
        return (
            *(f"attribute:{attribute.name}" for attribute in encoding.numeric),
            *(f"attribute:{each.name}={value}" for each in encoding.categorical for value in each.values),
        )

    def matrix(self, customer_ids: Sequence[str]) -> FloatArray:
        """Those columns, shape (len(customer_ids), len(columns)); a customer without attributes is all null."""
        return self.encoding.encode(self.customers, customer_ids).astype(np.float64)


def customer_columns(attributes: Attributes | None = None) -> tuple[str, ...]:
    """The feature columns in order: CUSTOMER_COLUMNS, then those of the attributes."""
    return CUSTOMER_COLUMNS + (attributes.columns if attributes else ())


def customer_features(
    events: pa.Table | pa.RecordBatchReader,
    cut: Cut,
    zone: str,
    *,
    attributes: Attributes | None = None,
    batch_rows: int = 65_536,
    memory: str = "1GB",
) -> pa.RecordBatchReader:
    """The features of every customer with a purchase day on or before the as-of day: those of `rfm`, in its order.

    Args:
        events: `schemas.EVENTS`, any order; a reader is read once, as a stream. Which rows were known at `cut.known_at`
            is decided where `ingested_at` is stored; this room cuts by the as-of day.
        cut: days after `cut.as_of` (business zone) are not seen.
        zone: IANA name of the business zone, which decides what a day is.
        attributes: adds their columns; a customer they do not know is as one without any.
        batch_rows: most rows of a batch that comes out.
        memory: most memory the aggregation takes before it spills to a temporary folder.

    Returns:
        `customer_id`, then `customer_columns(attributes)` as float64, null where the specification says so; streamed,
        ordered by customer_id.

    Raises:
        InvalidInput: `zone` is not an IANA time zone.
    """
    zone_of(zone)
    schema = _schema(attributes)
    query = Query(counts_expression, (zone,), {AS_OF: cut.as_of})
    counts = run(query, events, COUNTS, batch_rows=batch_rows, memory=memory)

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in counts:
            matrix = feature_columns(batch, cut.as_of)
            if attributes:
                known = attributes.matrix(batch.column(c.CUSTOMER_ID).to_pylist())
                matrix = np.column_stack([matrix, known])
            columns = [pa.array(column, from_pandas=True) for column in matrix.T]  # NaN becomes null
            yield pa.RecordBatch.from_arrays([batch.column(c.CUSTOMER_ID), *columns], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def customer_features_of_one(
    customer_id: str,
    times_utc: NDArray[np.datetime64],
    amounts: NDArray[np.float64],
    cut: Cut,
    zone: str,
    *,
    attributes: Attributes | None = None,
) -> FloatArray | None:
    """The same features of one customer.

    Args:
        customer_id: whose attributes are looked up.
        times_utc: shape (events,), UTC instants, any order.
        amounts: shape (events,), reporting currency, returns negative.
        cut: days after `cut.as_of` (business zone) are not seen.
        zone: IANA name of the business zone.
        attributes: as in `customer_features`.

    Returns:
        Shape (len(customer_columns(attributes)),), NaN for null; None when no purchase day is on or before the as-of
        day.

    Raises:
        InvalidInput: `zone` is not an IANA time zone, or the arrays differ in length.
    """
    if len(times_utc) != len(amounts):
        raise InvalidInput.of("amounts", f"{len(amounts)} amounts for {len(times_utc)} times (send one each)")
    days = local_ordinals(times_utc, zone)
    counts = counts_of_one(customer_id, days, np.asarray(amounts, dtype=np.float64), cut.as_of)
    if counts.num_rows == 0:
        return None
    row: FloatArray = feature_columns(counts, cut.as_of)[0]
    return np.concatenate([row, attributes.matrix([customer_id])[0]]) if attributes else row


def customer_batch(customer_ids: Sequence[str], rows: Sequence[FloatArray]) -> pa.RecordBatch:
    """Rows of `customer_features_of_one` without attributes as `customer_features` gives them, in the order given."""
    matrix = np.array(rows, dtype=np.float64).reshape(len(rows), len(CUSTOMER_COLUMNS))
    columns = [pa.array(column, from_pandas=True) for column in matrix.T]  # NaN becomes null
    return pa.RecordBatch.from_arrays([pa.array(customer_ids, pa.string()), *columns], schema=_schema(None))


def _schema(attributes: Attributes | None) -> pa.Schema:
    floats = [pa.field(name, pa.float64()) for name in customer_columns(attributes)]
    return pa.schema([pa.field(c.CUSTOMER_ID, pa.string(), nullable=False), *floats])


def feature_matrix(features: pa.Table | pa.RecordBatch) -> FloatArray:
    """Rows of `customer_features` as shape (rows, columns without customer_id), NaN for null."""
    names = [name for name in features.schema.names if name != c.CUSTOMER_ID]
    return np.column_stack([pc.fill_null(features.column(name), np.nan).to_numpy() for name in names])
