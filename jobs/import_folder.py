"""Imports the files of a folder, each by itself: begun again, it goes on after those that are in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from farview.core.errors import InvalidInput
from farview.store.store import Store
from jobs.import_file import REJECTS, ImportResult, import_file, reader_of
from jobs.import_kinds.description import Kind
from jobs.import_reading import FileOptions
from jobs.import_source import ENDINGS
from jobs.progress import Progress


@dataclass(frozen=True, slots=True)
class FolderResult:
    """What became of the files of a folder."""

    kind: Kind
    folder: str
    results: tuple[ImportResult, ...]
    left_out: tuple[str, ...]  # files that are not of the kind, and why
    failed: tuple[str, ...]  # files that cannot be read to their end, and why

    def lines(self) -> list[str]:
        """For a person: a line or more a file, then the sum."""
        told = [f"{result.file}: {line}" for result in self.results for line in result.lines()]
        told += [f"Left out: {reason}" for reason in self.left_out]
        told += [f"Not imported: {reason}" for reason in self.failed]
        new = [result for result in self.results if not result.imported.before]
        added = sum(result.imported.counts.added for result in new)
        rejected = sum(result.imported.rejected for result in new)
        return [
            *told,
            f"{self.folder}: {len(new):,} of {len(self.results) + len(self.failed):,} files imported now, "
            f"{added:,} new {self.kind.name}, {rejected:,} rejected; {len(self.results) - len(new):,} were in before.",
        ]

    @property
    def following(self) -> str:
        """What is useful next."""
        return self.kind.following

    def as_data(self) -> dict[str, Any]:
        """For a program."""
        return {
            "kind": self.kind.name,
            "folder": self.folder,
            "files": [result.as_data() for result in self.results],
            "left_out": list(self.left_out),
            "failed": list(self.failed),
        }


def import_folder(
    store: Store, kind: Kind, folder: Path, options: FileOptions, *, who: str, progress: Progress | None = None
) -> FolderResult:
    """Reads every file of the kind in a folder, not in those below it, in the order of their names.

    A file is of the kind if it has the columns; rejects of earlier imports are not read.

    Raises:
        InvalidInput: there is no file of the kind.
        Conflict: the database is busy with another write; begun again, the import goes on.
    """
    results, left_out, failed = [], [], []
    for file in sorted(folder.iterdir()):
        name = file.name.lower()
        if not file.is_file() or not name.endswith(ENDINGS) or name.endswith(REJECTS) or name.startswith("."):
            continue
        try:
            reader_of(store, kind, file, options)
        except InvalidInput as error:
            left_out.append(str(error))
            continue
        try:
            results.append(import_file(store, kind, file, options, who=who, progress=progress))
        except InvalidInput as error:
            failed.append(str(error))
    if not results and not failed:
        why = f"; {left_out[0]}" if left_out else f" (it holds none that ends in {', '.join(ENDINGS)})"
        raise InvalidInput.of(str(folder), f"has no file of {kind.name}{why}")
    return FolderResult(kind, str(folder), tuple(results), tuple(left_out), tuple(failed))
