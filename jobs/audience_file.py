"""A stored audience as a file, for a system that takes no calls."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq

from farview.core.errors import InvalidInput
from farview.store.audiences import MEMBERS
from farview.store.store import Store

_WRITERS = {".csv": pv.CSVWriter, ".parquet": pq.ParquetWriter}


def check_format(path: Path) -> None:
    """Refuses what no file could be written to, before the work is done.

    Raises:
        InvalidInput: the file has another ending, or no folder, or is one.
    """
    if path.suffix not in _WRITERS:
        raise InvalidInput.of("--out", f"{path.name!r} ends with neither {' nor '.join(_WRITERS)}")
    if not path.parent.is_dir():
        raise InvalidInput.of("--out", f"{str(path.parent)!r} is no folder (make it first)")
    if path.is_dir():
        raise InvalidInput.of("--out", f"{str(path)!r} is a folder (name a file in it)")


def write_audience(store: Store, audience_id: int, path: Path) -> int:
    """Writes the members, first place first, in pieces; how many. A file that is there is replaced once it is whole.

    Columns: place, customer_id, cohort, score, expected_value_mean, forced (the place was needed by a due placement).

    Raises:
        NotFound: there is no such audience.
        InvalidInput: as `check_format`.
    """
    check_format(path)
    store.audience(audience_id)
    rows, unfinished = 0, path.with_name(f".{path.name}.part")
    try:
        with _WRITERS[path.suffix](unfinished, MEMBERS) as writer:
            for batch in store.audience_members(audience_id):
                writer.write_table(pa.Table.from_batches([batch]))
                rows += batch.num_rows
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return rows
