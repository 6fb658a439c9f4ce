"""Scoring's side of `benchmarks.fits`: `python -m benchmarks.scoring RFM.parquet MODEL` prints one JSON line.

Three horizons, the whole contract, one thread; kernels are warm, compilation is not timed.
"""

import json
import resource
import sys
import time
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq

from ltv.fit import fit
from ltv.scorer import Scorer

HORIZONS_DAYS = (91, 182, 273)


def main() -> None:
    path, name = sys.argv[1:]
    print(json.dumps(given(pq.read_table(path), name)))


def given(customers: pa.Table, name: str) -> dict[str, float]:
    """Seconds of one pass over rows in memory."""
    model = fit(customers, model=name, seed=1)
    as_of = date(1997, 9, 30)
    for _ in range(2):  # the first pass warms caches
        scorer = Scorer(model, HORIZONS_DAYS, as_of, seed=1)
        started = time.perf_counter()
        scored = sum(batch.num_rows for batch in scorer.forecast(iter(customers.to_batches(max_chunksize=8192))))
        scorer.totals()
        seconds = time.perf_counter() - started
    assert scored == customers.num_rows * len(HORIZONS_DAYS)
    return {
        "score_microseconds": 1e6 * seconds / customers.num_rows,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main()
