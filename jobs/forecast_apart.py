"""Models fitted at several days at once, each in the next process that is free."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

from farview.core.errors import Unavailable
from jobs.backtest_fits import Failure, fit_each
from jobs.backtest_models import Candidate, Forecasts
from jobs.past import Past
from jobs.processes import pool
from jobs.progress import Progress, Silent

FEWEST_CUSTOMERS = 5_000  # of the newest past, for which processes pay: each begins for some seconds


def forecast_apart(
    pasts: Sequence[Past], models: Mapping[str, Candidate], horizon_days: int, progress: Progress
) -> list[Mapping[str, Forecasts | Failure]]:
    """Every model's forecasts from every past, or why it has none; without totals. One mapping a past.

    Args:
        pasts: what they see, by rising day.
        models: by name.
        horizon_days: days after each past's end.
        progress: is told of each fit.

    Raises:
        Unavailable: a process was killed.
    """
    cores = len(os.sched_getaffinity(0))
    several = cores > 1 and len(pasts) > 0 and pasts[-1].rfm.num_rows >= FEWEST_CUSTOMERS
    found: list[dict[str, Forecasts | Failure]] = [{} for _ in pasts]
    executor = pool(min(cores, len(pasts) * len(models)) if several else 0)
    try:
        asked: dict[Future[Forecasts | Failure], tuple[int, str]] = {
            executor.submit(_forecast, name, model, past, horizon_days): (number, name)
            for number, past in enumerate(pasts)
            for name, model in models.items()
        }
        for done in as_completed(asked):
            number, name = asked[done]
            found[number][name] = done.result()
            progress.advance()
    except BrokenProcessPool:
        raise Unavailable("a process that fits models was killed (out of memory?); start the job again") from None
    finally:
        executor.shutdown(cancel_futures=True)
    return [{name: each[name] for name in models} for each in found]


def _forecast(name: str, model: Candidate, past: Past, horizon_days: int) -> Forecasts | Failure:
    fits = fit_each(past, {name: model}, horizon_days, Silent())
    return fits.failures[name] if name in fits.failures else replace(fits.forecasts[name], totals=None)
