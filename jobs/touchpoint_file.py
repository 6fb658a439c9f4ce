"""A touchpoint file, and one of customers beside it, in memory and by the rules of the import."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from farview.core import columns as c
from farview.core import schemas
from farview.core.errors import InvalidInput
from farview.features.attributes import attribute_kinds, attribute_table
from farview.store.values import Business
from jobs.import_in_memory import last_of_each_id, read_whole
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions


@dataclass(frozen=True, slots=True)
class FileLog:
    """What a file held."""

    log: pa.Table  # schemas.TOUCHPOINTS, in the order of the file
    rejected_rows: int
    first_reject: str | None  # where and why


def read_touchpoints(path: Path, columns: Mapping[str, str], zone: str) -> FileLog:
    """All good rows of a file. Of rows with the same touchpoint id the last one counts, being a correction.

    Args:
        path: CSV, TSV or Parquet, perhaps compressed.
        columns: what the file calls its columns, by our names.
        zone: IANA zone of times that name no offset.

    Raises:
        InvalidInput: no such file, not a table, a column is missing, the zone is unknown, or no row is good.
    """
    options = FileOptions(columns, unread=["currency"])  # values are compared with nothing outside the file
    file = read_whole(path, KINDS["touchpoints"], options, _business(zone))
    log = last_of_each_id(file.rows, "touchpoint_id").select(schemas.TOUCHPOINTS.names).cast(schemas.TOUCHPOINTS)
    return FileLog(log, file.rejected_rows, file.first_problem)


def read_attributes(path: Path, customer_column: str, names: Sequence[str] | None) -> tuple[pa.Table, list[str]]:
    """Attributes of customers, one row each, as customer_id and those columns, or all: numbers, booleans or texts.

    Raises:
        InvalidInput: no such file, not a table, a column is missing, or a row is bad.
    """
    # The time zone is unread, and may be an attribute like any other column.
    options = FileOptions({c.CUSTOMER_ID: customer_column}, attributes=names or (), unread=["time_zone"])
    file = read_whole(path, KINDS["customers"], options, _business("UTC"))
    if file.first_problem is not None:
        raise InvalidInput.of(str(path), file.first_problem)
    kinds = attribute_kinds(file.rows, names or None)
    return attribute_table(file.rows, kinds), list(kinds)


def _business(zone: str) -> Business:
    """For files that no database takes: there the currency has no part."""
    return Business(zone, "", consent_required=False)
