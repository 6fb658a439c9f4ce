"""A transaction file as events in memory, by the rules of the import: the same rows are taken, the same refused."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from farview.core import schemas
from farview.store.values import Business
from jobs.import_in_memory import last_of_each_id, read_whole
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions
from jobs.import_rejects import Reject


@dataclass(frozen=True, slots=True)
class FileEvents:
    """What a file held."""

    events: pa.Table  # schemas.EVENTS, file order
    rejected_rows: int
    first_reject: Reject | None


def read_events(path: Path, options: FileOptions, zone: str, currency: str) -> FileEvents:
    """All good rows of a file. Of rows with the same transaction id the last one counts, being a correction.

    Args:
        path: CSV, TSV or Parquet, perhaps compressed.
        options: what the file calls its columns, and its decimal mark.
        zone: IANA zone of dates, and of times that name no offset.
        currency: ISO 4217; rows in another one are rejected where the file has a currency column.

    Raises:
        InvalidInput: no such file, not a table, a column is missing, the zone is unknown, or no row is good.
    """
    file = read_whole(path, KINDS["transactions"], options, Business(zone, currency, consent_required=False))
    events = last_of_each_id(file.rows, "transaction_id").select(schemas.EVENTS.names).cast(schemas.EVENTS)
    return FileEvents(events, file.rejected_rows, file.first_reject)
