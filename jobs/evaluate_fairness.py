"""The fairness report of a published run whose horizon is over: cohorts, segments, and who was never exposed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import FailedPrecondition
from farview.core.filters import FORECAST_FIELDS, compile_filter, field_names, mask
from farview.core.quantile_grid import law_of
from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.fairness import LEVEL, RULE, as_data, fairness, residuals
from farview.evaluation.marginals import GridMarginal
from farview.evaluation.measures import measures_by_group
from farview.features.window import window
from farview.store.store import Store
from farview.store.values import ForecastRun

BY_COHORT, BY_SEGMENT, BY_EXPOSURE = "cohort", "segment", "exposure"
NEVER, EXPOSED = "never exposed", "exposed"


def evaluate_fairness(store: Store, *, run_id: int | None = None, horizon_days: int | None = None) -> dict[str, Any]:
    """Holds what a run forecast against what came since, group by group, beside how often each group was exposed.

    Args:
        store: where runs, transactions, segments and exposures are.
        run_id: of a published run; default: the newest with a horizon that is over.
        horizon_days: of the run; default: its longest that is over.

    Raises:
        NotFound: no such run.
        FailedPrecondition: no horizon of the run is over by the last event's day.
    """
    run, horizon = _judged(store, run_id, horizon_days)
    zone, known_at = store.business().time_zone, datetime.now(UTC)
    end = run.spec.as_of + timedelta(days=horizon)
    names = [f"{c.VALUE}_{part}" for part in ("p_zero", "mean", "grid")]
    forecasts = store.run_table(run.run_id, horizon, [c.CUSTOMER_ID, c.COHORT, *names])
    came = window(store.transactions(Cut(end, known_at)), run.spec.as_of, end, zone).read_all()
    customers = forecasts[c.CUSTOMER_ID].combine_chunks()
    actual = _aligned(customers, came[c.CUSTOMER_ID], came[c.VALUE])
    shown = store.exposure_counts(Cut(run.spec.as_of, known_at))
    ids, counts = pa.array(shown.keys(), pa.string()), pa.array(shown.values(), pa.float64())
    exposures = _aligned(customers, ids, counts).astype(np.int64)
    marginal = GridMarginal(forecasts[f"{c.VALUE}_mean"].to_numpy(), law_of(forecasts, c.VALUE))
    kinds, groups = [], []
    for kind, name, rows in _groups(store, run, horizon, forecasts[c.COHORT], exposures):
        (measured,) = measures_by_group(actual[rows], _of(marginal, rows), np.zeros(len(rows), np.int64), (name,))
        kinds.append(kind)
        groups.append((measured, rows))
    told = fairness(groups, residuals(actual, marginal.mean), exposures)
    return {
        "protocol": _protocol(store, run, horizon, actual, marginal.mean, exposures),
        "groups": [{"by": kind, **as_data(one)} for kind, one in zip(kinds, told, strict=True)],
    }


def _judged(store: Store, run_id: int | None, horizon_days: int | None) -> tuple[ForecastRun, int]:
    last = store.last_event_day()
    runs = store.runs() if run_id is None else [store.run(run_id)]
    for run in sorted(runs, key=lambda one: (one.spec.as_of, one.run_id), reverse=True):
        over = [h for h in run.spec.horizons_days if last is not None and run.spec.as_of + timedelta(days=h) <= last]
        wanted = [h for h in over if horizon_days in (None, h)]
        if wanted:
            return run, max(wanted)
    asked = "no horizon" if horizon_days is None else f"no horizon of {horizon_days} days"
    mend = "farview score --as-of an earlier day forecasts what has come since"
    raise FailedPrecondition(f"{asked} of a published run is over by {last} ({mend})")


def _groups(
    store: Store, run: ForecastRun, horizon: int, cohort: pa.ChunkedArray, exposures: IntArray
) -> Iterator[tuple[str, str, IntArray]]:
    """Kind, name and members of every group that has some."""
    labels = np.array(cohort.to_pylist(), dtype=object)
    for name in sorted(set(labels)):
        yield BY_COHORT, name, np.flatnonzero(labels == name)
    for stored in store.segments():
        tree = compile_filter(stored.segment.filter, FORECAST_FIELDS)
        table = store.run_table(run.run_id, horizon, sorted(field_names(tree)) or [c.COHORT])
        columns = {name: table[name].to_numpy() for name in table.column_names}
        rows = np.flatnonzero(mask(tree, columns, len(labels)))
        if len(rows):
            yield BY_SEGMENT, stored.segment.segment_id, rows
    for name, rows in ((NEVER, np.flatnonzero(exposures == 0)), (EXPOSED, np.flatnonzero(exposures > 0))):
        if len(rows):
            yield BY_EXPOSURE, name, rows


def _aligned(customers: pa.Array, ids: pa.Array | pa.ChunkedArray, values: pa.Array | pa.ChunkedArray) -> FloatArray:
    """The value of each customer, 0 of those without, shape (customers,)."""
    place = pc.index_in(customers, value_set=pa.array(ids.to_pylist(), pa.string()))
    found = pc.fill_null(pa.array(values.to_pylist(), pa.float64()).take(place), 0.0)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.float64)


def _of(marginal: GridMarginal, rows: IntArray) -> GridMarginal:
    law = marginal.law
    return GridMarginal(marginal.mean[rows], type(law)(law.p_zero[rows], law.points[rows], law.counts))


def _protocol(
    store: Store, run: ForecastRun, horizon: int, actual: FloatArray, forecast: FloatArray, exposures: IntArray
) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "model": run.model_name,
        "as_of": run.spec.as_of.isoformat(),
        "horizon_days": horizon,
        "currency": store.business().reporting_currency,
        "customers": len(actual),
        "forecast": float(forecast.sum()),
        "actual": float(actual.sum()),
        "exposures": int(exposures.sum()),
        "never_exposed": int((exposures == 0).sum()),
        "level": LEVEL,
        "rule": RULE,
    }
