"""Imports a file of any kind: every good row once, every bad row with its reason in a file beside it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from farview.core.errors import InvalidInput
from farview.store.store import Store
from farview.store.values import ImportedFile, ImportSource
from jobs import import_rejects, import_remembered
from jobs.import_kinds.description import Kind
from jobs.import_reading import FileOptions, FileReader
from jobs.import_rejects import Reject
from jobs.import_source import SourceFile
from jobs.progress import Progress, Silent

SHOWN = 5
REJECTS = ".rejects.csv"


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of a file."""

    kind: Kind
    file: str
    imported: ImportedFile
    rejects: tuple[Reject, ...]  # the first of them
    rejects_file: Path | None
    unit: str  # "line" or "row"
    taken_over: str  # options of the last import that this one began with, as they are written; "": none

    @property
    def rows(self) -> int:
        """Rows of the file, good and bad."""
        counts = self.imported.counts
        return counts.added + counts.unchanged + counts.corrected + self.imported.rejected

    def lines(self) -> list[str]:
        """For a person: the first bad rows, then the counts."""
        taken = [f"As in the last import of {self.kind.name}: {self.taken_over}"] if self.taken_over else []
        return [*taken, *self._outcome()]

    def _outcome(self) -> list[str]:
        rejected = self.imported.rejected
        if self.imported.before:
            also = f", {rejected:,} rejected" if rejected else ""
            return [
                f"{self.file} was imported before, at {self.imported.imported_at:%Y-%m-%d %H:%M} UTC, with the same "
                f"columns ({self._became()}{also}); nothing changed."
            ]
        if self.rows == 0:
            return [f"{self.file} has no rows below its header."]
        said = [f"{self.file}, {self.unit} {reject.line}: {reject}" for reject in self.rejects]
        if rejected > len(said):
            said.append(f"... and {rejected - len(said):,} more.")
        if rejected:
            said.append(
                f"{rejected:,} of {self.rows:,} rows rejected, written with reasons to {self.rejects_file}; "
                f"{self._became()}."
            )
        return said if rejected else [f"{self._became()}."]

    def _became(self) -> str:
        """What became of the good rows."""
        counts = self.imported.counts
        parts = [f"{counts.added:,} imported"]
        if counts.unchanged:
            parts.append(f"{counts.unchanged:,} known already")
        if counts.corrected:
            parts.append(f"{counts.corrected:,} {self.kind.changed}")
        return ", ".join(parts)

    @property
    def following(self) -> str:
        """What is useful next."""
        if self.rows == 0:
            return f"farview import {self.kind.name} FILE"
        if self.rejects_file is None:
            return self.kind.following
        mend = f"mend {self.rejects_file} and import it with the same options"
        return mend if self.rows == self.imported.rejected else f"{mend}, or {self.kind.following}"

    def as_data(self) -> dict[str, Any]:
        """For a program."""
        counts = self.imported.counts
        return {
            "kind": self.kind.name,
            "file": self.file,
            "import_id": self.imported.import_id,
            "imported_before": self.imported.before,
            "rows": self.rows,
            "imported": counts.added,
            "unchanged": counts.unchanged,
            "corrected": counts.corrected,
            "rejected": self.imported.rejected,
            "rejects_file": None if self.rejects_file is None else str(self.rejects_file),
            "taken_over": self.taken_over,
        }


def import_file(
    store: Store,
    kind: Kind,
    file: Path,
    options: FileOptions,
    *,
    who: str,
    progress: Progress | None = None,
    told_as: Path | None = None,
) -> ImportResult:
    """Reads a CSV, TSV or Parquet file, perhaps compressed, into the store, in one transaction.

    Options that are not given are those of the last import of the kind, where the file has the columns. `told_as` is
    what the file is called, and where its rejects go, if that is not its path.

    Raises:
        InvalidInput: the file cannot be read as a table, or a column is missing.
        Conflict: the database is busy with another write; retry.
    """
    called = told_as or file
    with store.operation("import", {"kind": kind.name, "file": called.name}, who=who) as operation:
        operation.start(f"importing {called.name}")
        # The rows are one transaction, in which SQLite lets nobody else write: the operation hears of its end only.
        reader, taken_over = reader_of(store, kind, file, options)
        job = _Import(store, reader, progress or Silent(), called, taken_over)
        result = job.run(who)
        store.keep_import_options(kind.name, import_remembered.to_remember(reader.options), who=who)
        operation.finish(result.as_data())
    return result


def reader_of(store: Store, kind: Kind, file: Path, options: FileOptions) -> tuple[FileReader, str]:
    """A reader with the options given and those taken over from the last import; and the latter as they are written.

    Raises:
        InvalidInput: the file cannot be read as a table, or a column is missing.
    """
    last, header = store.import_options(kind.name), SourceFile(file).header
    complete, taken_over = import_remembered.begun_with(last, kind, header, options)
    return FileReader(file, kind, complete, store.business(), store.rates()), taken_over


@dataclass(slots=True)
class _Import:
    store: Store
    reader: FileReader
    progress: Progress
    called: Path
    taken_over: str
    first: tuple[Reject, ...] = ()

    def run(self, who: str) -> ImportResult:
        kind, file = self.reader.kind, self.reader.file
        self.progress.start("checking whether the file was imported before")
        source = ImportSource(self.called.name, file.content_hash(), self.reader.mapping())
        imported = self.store.imported_before(kind.name, source)
        if imported is None:
            self.progress.start("importing rows")
            batches = map(self._counted, self.reader.batches())
            imported = self.store.import_file(kind.name, source, batches, self._rejected, who=who)
        self.progress.done()
        listed = self._rejects_file() if imported.rejected and not imported.before else None
        return ImportResult(kind, self.called.name, imported, self.first, listed, file.unit, self.taken_over)

    def _counted(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        self.progress.advance(batch.num_rows)
        return batch

    def _rejected(self) -> int:
        """Writes the rejects before the import is committed: their reasons cannot be lost to a crash after it."""
        if len(self.reader.rejects):
            try:
                first = import_rejects.write(
                    self._rejects_file(), self.reader.listed_rejects(), self.reader.names, keep=SHOWN
                )
            except OSError as error:
                raise InvalidInput.of(str(self._rejects_file()), f"cannot be written ({error})") from None
            self.first = tuple(first)
        return len(self.reader.rejects)

    def _rejects_file(self) -> Path:
        stem = self.called.name.removesuffix(".gz").rsplit(".", maxsplit=1)[0]
        return self.called.with_name(f"{stem}{REJECTS}")
