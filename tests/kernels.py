"""Compiles the kernels that most tests need: `python -m tests.kernels`, before the tests' workers would each do it.

A minute of one core for the value kernels, half a minute for the journeys'; side by side in two processes. What is
compiled is kept in .numba_cache.
"""

from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

from cli.compiled import keep_compiled

ROOT = Path(__file__).resolve().parents[1]


def use_cache() -> None:
    """Kernels of the tests stay with the sources, whatever the machine's user has compiled."""
    keep_compiled(ROOT / ".numba_cache")


def main() -> None:
    use_cache()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for done in [pool.submit(_value), pool.submit(_journeys)]:
            done.result()


def _value() -> None:
    """Fits and forecasts of each process; both spend models share their kernels."""
    from ltv.fit import fit
    from ltv.scorer import Scorer
    from tests.ltv.cdnow import rfm_table

    rfm = rfm_table([(x, 20.0 * x, 200.0 + x) for x in range(9)])
    for name in ("bg_nbd+first_spend", "pareto_nbd", "bg_bb"):
        model = fit(rfm, model=name)
        list(Scorer(model, [30, 90], date(2026, 1, 1), seed=0).forecast(rfm.to_batches()))


def _journeys() -> None:
    """Plans of each kind of network, from histories."""
    from journeys.constraints import Constraints
    from journeys.plan import PlanRequest
    from journeys.planning import plan_journey
    from tests.journeys.models import attributes, random_model, random_steps

    steps = random_steps(seed=1, customers=4, channels=4)
    for kind in ("lstm", "gru", "transformer"):
        asked = PlanRequest("c1", Constraints(max_touches=3))
        plan_journey(random_model(kind), steps, attributes(4), asked)


if __name__ == "__main__":
    main()
