"""A whole file in memory, by the rules of the import: the same rows are taken, the same refused."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core.clock import zone as zone_of
from farview.core.errors import InvalidInput
from farview.store.batches import BATCHES
from farview.store.values import Business
from jobs.import_kinds.description import Kind
from jobs.import_reading import FileOptions, FileReader
from jobs.import_rejects import Reject


@dataclass(frozen=True, slots=True)
class WholeFile:
    """What a file held."""

    rows: pa.Table  # the kind's schema of farview.store.batches, in the order of the file
    rejected_rows: int
    first_reject: Reject | None
    unit: str  # "line" or "row"

    @property
    def first_problem(self) -> str | None:
        """Where the first bad row is, and what is wrong with it."""
        first = self.first_reject
        return None if first is None else f"{self.unit} {first.line}: {first}"


def read_whole(path: Path, kind: Kind, options: FileOptions, business: Business) -> WholeFile:
    """All good rows of a file.

    Raises:
        InvalidInput: no such file, not a table, a column is missing, the zone is unknown, or no row is good.
    """
    zone_of(business.time_zone)
    reader = FileReader(path, kind, options, business)
    rows = pa.Table.from_batches(reader.batches(), schema=BATCHES[kind.name])
    rejected = len(reader.rejects)
    first = next(islice(reader.listed_rejects(), 1), None) if rejected else None
    whole = WholeFile(rows, rejected, first, reader.file.unit)
    if rows.num_rows == 0:
        why = f"; rejected rows: {rejected:,}, the first at {whole.first_problem}" if rejected else ""
        raise InvalidInput.of(str(path), f"holds no usable {kind.name.removesuffix('s')}{why}")
    return whole


def last_of_each_id(rows: pa.Table, name: str) -> pa.Table:
    """Of rows with the same id the last one, being a correction; all rows without an id.

    Args:
        rows: in the order of the file.
        name: of the column of ids.
    """
    ids = rows.column(name)
    if ids.null_count == len(ids):
        return rows
    codes = pc.fill_null(pc.dictionary_encode(ids.combine_chunks()).indices, -1).to_numpy()
    last = np.zeros(codes.max() + 1, dtype=np.int64)
    np.maximum.at(last, codes[codes >= 0], np.flatnonzero(codes >= 0))
    return rows.take(np.sort(np.concatenate([np.flatnonzero(codes < 0), last])))
