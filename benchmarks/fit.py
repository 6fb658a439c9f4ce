"""Our side of a fit in a fresh process: python -m benchmarks.fit RFM.parquet METHOD MODEL; prints one JSON line.

Imports are not timed, compilation is.
"""

import json
import resource
import sys
import time

import numba  # noqa: F401 - its import is not part of the fit
import pyarrow.parquet as pq

from ltv.fit import fit


def main() -> None:
    path, method, name = sys.argv[1:]
    if method == "nuts":
        import nutpie  # noqa: F401
        import pymc  # noqa: F401
    rfm = pq.read_table(path)
    started = time.perf_counter()
    model = fit(rfm, model=name, method=method, seed=1)
    seconds = time.perf_counter() - started
    print(
        json.dumps(
            {
                "fit_seconds": seconds,
                "ess": model.diagnostics.purchases.effective_size,
                "k_hat": model.diagnostics.purchases.k_hat,
                "used": model.diagnostics.purchases.method,
                "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
