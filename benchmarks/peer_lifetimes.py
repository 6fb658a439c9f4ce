"""lifetimes' side, run in the peers' environment: a fit by maximum likelihood, which has no posterior.

Usage: python peer_lifetimes.py RFM.parquet bg_nbd|pareto_nbd; prints one JSON line. Imports are not timed.
"""

import json
import resource
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import lifetimes  # noqa: E402
import pandas  # noqa: E402

MODELS = {"bg_nbd": lifetimes.BetaGeoFitter, "pareto_nbd": lifetimes.ParetoNBDFitter}


def main() -> None:
    path, name = sys.argv[1:]
    frame = pandas.read_parquet(path)
    weeks = frame["frequency"], frame["recency_days"] / 7, frame["age_days"] / 7
    model = MODELS[name]()
    started = time.perf_counter()
    try:
        model.fit(*weeks)
        failed = ""
    except Exception as error:  # a fit that does not converge is a figure too
        failed = f"{type(error).__name__}: {error}"
    print(
        json.dumps(
            {
                "fit_seconds": time.perf_counter() - started,
                "failed": failed,
                "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
