"""kill -9 in the middle of an import: nothing of it stays, and the next one is whole."""

import csv
import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from farview.store.store import Store
from tests.jobs.test_import_transactions import events, run
from tests.tiers import examples

MOMENTS = examples(ci=(3,), soak=tuple(range(7)))  # of the sample's 7 batches, how many were in


@pytest.mark.parametrize("batches", MOMENTS)
def test_a_killed_import_leaves_nothing_and_the_next_is_whole(
    store: Store, url: str, cdnow_sample: Path, batches: int
) -> None:
    command = [sys.executable, "-m", "tests.jobs.interrupted_import", url, str(cdnow_sample), str(batches)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.kill()
    assert (store.customers(), store.last_event_day()) == (0, None)
    assert run(store, cdnow_sample).lines() == ["6,919 imported."]
    with gzip.open(cdnow_sample, "rt") as file:
        bought = sorted((row["customer_id"], float(row["amount"])) for row in csv.DictReader(file))
    assert sorted((customer, amount) for customer, _, amount in events(store)) == bought
    assert run(store, cdnow_sample).imported.before
