"""A process that imports sales by the 1,000 rows, stops after some and says so, to be killed: URL FILE BATCHES."""

import sys
from dataclasses import dataclass
from pathlib import Path

from farview.store.store import Store
from jobs import import_reading
from jobs.import_file import import_file
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions


@dataclass
class StopAfter:
    """Progress that never returns from a batch: those before it are in the database's open transaction."""

    batches: int

    def start(self, step: str, total: int | None = None) -> None:
        """Nothing to do."""

    def advance(self, units: int = 1) -> None:
        self.batches -= 1
        if self.batches < 0:
            print("here", flush=True)
            sys.stdin.read()

    def done(self) -> None:
        """Nothing to do."""


if __name__ == "__main__":
    import_reading.BATCH_ROWS = 1_000
    url, file, batches = sys.argv[1:]
    progress = StopAfter(int(batches))
    import_file(Store.open(url), KINDS["transactions"], Path(file), FileOptions(), who="ada", progress=progress)
