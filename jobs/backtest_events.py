"""A transaction file as events in memory, by the rules of the import: the same rows are taken, the same refused."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import schemas
from farview.core.clock import zone as zone_of
from farview.core.errors import InvalidInput
from farview.store.batches import TRANSACTION_BATCH
from farview.store.values import Business
from jobs.import_reading import TransactionColumns, TransactionReader
from jobs.import_rejects import Reject

TRANSACTION_ID = "transaction_id"


@dataclass(frozen=True, slots=True)
class FileEvents:
    """What a file held."""

    events: pa.Table  # schemas.EVENTS, file order
    rejected_rows: int
    first_reject: Reject | None


def read_events(path: Path, columns: TransactionColumns, zone: str, currency: str) -> FileEvents:
    """All good rows of a file. Of rows with the same transaction id the last one counts, being a correction.

    Args:
        path: CSV, CSV.gz or Parquet.
        columns: what the file calls its columns, and its decimal mark.
        zone: IANA zone of dates, and of times that name no offset.
        currency: ISO 4217; rows in another one are rejected where the file has a currency column.

    Raises:
        InvalidInput: no such file, not a table, a column is missing, the zone is unknown, or no row is good.
    """
    zone_of(zone)
    reader = TransactionReader(path, columns, Business(zone, currency, consent_required=False))
    rows = pa.Table.from_batches(reader.batches(), schema=TRANSACTION_BATCH)
    first = next(islice(reader.listed_rejects(), 1), None) if len(reader.rejects) else None
    if rows.num_rows == 0:
        why = f"; rejected rows: {len(reader.rejects):,}, the first at line {first.line}: {first}" if first else ""
        raise InvalidInput.of(str(path), f"holds no usable transaction{why}")
    events = _last_of_each_id(rows).select(schemas.EVENTS.names).cast(schemas.EVENTS)
    return FileEvents(events, len(reader.rejects), first)


def _last_of_each_id(rows: pa.Table) -> pa.Table:
    ids = rows.column(TRANSACTION_ID)
    if ids.null_count == len(ids):
        return rows
    codes = pc.fill_null(pc.dictionary_encode(ids.combine_chunks()).indices, -1).to_numpy()
    last = np.zeros(codes.max() + 1, dtype=np.int64)
    np.maximum.at(last, codes[codes >= 0], np.flatnonzero(codes >= 0))
    return rows.take(np.sort(np.concatenate([np.flatnonzero(codes < 0), last])))
