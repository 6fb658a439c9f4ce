"""A whole synthetic business through the import: six files, as CSV, as Parquet and as a careless export."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from farview.simulation.files import SCHEMAS, Format, write_world
from farview.simulation.world import make_world
from farview.store.store import Store
from jobs.import_file import ImportResult, import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions

CUSTOMERS = 2000
FOLDERS: dict[str, tuple[Format, bool]] = {
    "csv": ("csv", False),
    "parquet": ("parquet", False),
    "messy": ("csv", True),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same world in each form."""
    where = tmp_path_factory.mktemp("worlds")
    for name, (file_format, messy) in FOLDERS.items():
        write_world(make_world(1), CUSTOMERS, where / name, file_format=file_format, messy=messy)
    return {name: where / name for name in FOLDERS}


def run(store: Store, folder: Path, kind: str) -> ImportResult:
    (file,) = folder.glob(f"{kind}.*")
    return import_file(store, KINDS[kind], file, FileOptions(), who="ada")


def rows_of(folder: Path, kind: str) -> int:
    (file,) = folder.glob(f"{kind}.*")
    if file.suffix == ".parquet":
        return int(pq.read_metadata(file).num_rows)
    return len(file.read_text().splitlines()) - 1


def test_every_file_of_a_world_has_a_kind() -> None:
    assert set(SCHEMAS) <= set(KINDS)


@pytest.mark.parametrize("form", FOLDERS)
def test_every_row_of_a_world_is_imported_once(store: Store, folders: dict[str, Path], form: str) -> None:
    first = {kind: run(store, folders[form], kind) for kind in SCHEMAS}
    for kind, result in first.items():
        assert result.lines() == [f"{rows_of(folders[form], kind):,} imported."], kind
    again = [run(store, folders[form], kind) for kind in SCHEMAS]
    assert [result.imported.import_id for result in again] == [result.imported.import_id for result in first.values()]
    assert all("nothing changed" in result.lines()[0] for result in again)
    assert store.customers() == CUSTOMERS


def test_csv_and_parquet_say_the_same(sqlite_store: Store, folders: dict[str, Path]) -> None:
    for kind in SCHEMAS:
        run(sqlite_store, folders["csv"], kind)
    known = {kind: run(sqlite_store, folders["parquet"], kind).imported.counts for kind in SCHEMAS}
    # Touchpoints have no ids, so nothing can tell that they are the same.
    changed = {kind for kind, counts in known.items() if counts.added or counts.corrected}
    assert changed == {"touchpoints"}


def test_attributes_have_the_types_of_the_world(sqlite_store: Store, folders: dict[str, Path]) -> None:
    run(sqlite_store, folders["csv"], "customers")
    told = pq.read_table(folders["parquet"] / "customers.parquet").to_pylist()
    stored = sqlite_store.attributes().to_pylist()
    assert [
        {"customer_id": row["customer_id"], "time_zone": row["time_zone"], **json.loads(row["attributes"])}
        for row in stored
    ] == told
