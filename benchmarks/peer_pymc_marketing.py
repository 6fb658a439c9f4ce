"""pymc-marketing's side, run in the peers' environment: a fit by NUTS, then expected purchases of one horizon.

Usage: python peer_pymc_marketing.py RFM.parquet bg_nbd|pareto_nbd; prints one JSON line. Imports are not timed,
compilation is.
"""

import json
import resource
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import arviz  # noqa: E402
import pandas  # noqa: E402
from pymc_marketing import clv  # noqa: E402

HORIZON_WEEKS = 39
MODELS = {
    "bg_nbd": (clv.BetaGeoModel, ("r", "alpha", "a", "b")),
    "pareto_nbd": (clv.ParetoNBDModel, ("r", "alpha", "s", "beta")),
}


def main() -> None:
    path, name = sys.argv[1:]
    kind, parameters = MODELS[name]
    frame = pandas.read_parquet(path)
    rows = pandas.DataFrame(
        {
            "customer_id": frame["customer_id"],
            "frequency": frame["frequency"],
            "recency": frame["recency_days"] / 7,
            "T": frame["age_days"] / 7,
        }
    )
    model = kind(data=rows)
    started = time.perf_counter()
    model.fit(method="mcmc", random_seed=1, progressbar=False)
    fit_seconds = time.perf_counter() - started
    ess = arviz.ess(model.idata, var_names=list(parameters))
    started = time.perf_counter()
    model.expected_purchases(future_t=HORIZON_WEEKS)
    score_seconds = time.perf_counter() - started
    print(
        json.dumps(
            {
                "fit_seconds": fit_seconds,
                "ess": min(float(ess[parameter]) for parameter in parameters),
                "score_microseconds": 1e6 * score_seconds / len(rows),
                "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
