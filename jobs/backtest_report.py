"""What a backtest says: the JSON document and the predictions file."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from farview.core import columns as c
from farview.core.quantile_grid import LEVELS
from farview.evaluation import champion
from farview.evaluation.coverage import FREQUENCY_GROUPS, decile_group, frequency_group, total_coverage
from farview.evaluation.marginals import GridMarginal, Marginal
from farview.evaluation.measures import LEVELS as COVERAGE_LEVELS
from farview.evaluation.measures import measures, measures_by_group, shape
from farview.evaluation.origins import longest_target_days
from farview.features.window import GROSS_VALUE
from jobs.backtest import Backtest
from jobs.backtest_differences import differences
from jobs.backtest_fairness import by_cohort
from jobs.backtest_models import Candidate, Forecasts

QUANTITIES = (c.PURCHASES, c.VALUE, GROSS_VALUE)
DECILES = tuple(f"decile {k}" for k in range(1, 11))

_GRID = pa.list_(pa.float64())


def _means(text: str) -> dict[str, str]:
    """A column's note, which the Parquet file carries."""
    return {"description": text}


PREDICTIONS = pa.schema(
    [
        pa.field(c.CUSTOMER_ID, pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("mean_purchases", pa.float64(), nullable=False),
        pa.field(
            "mean_value", pa.float64(), nullable=False, metadata=_means("net of returns, if the model knows them")
        ),
        pa.field(
            "p_zero", pa.float64(), metadata=_means("P(no purchase); null from point forecasts, as are the grids")
        ),
        pa.field("purchases_levels", _GRID),
        pa.field("purchases_quantiles", _GRID, metadata=_means("of N + U given N > 0, U uniform on [-1/2, 1/2]")),
        pa.field("value_levels", _GRID),
        pa.field("value_quantiles", _GRID, metadata=_means("of value given that it is not 0")),
    ]
)


def document(result: Backtest, models: Mapping[str, Candidate]) -> dict[str, Any]:
    """The JSON document: protocol, cohorts, figures of every model, champion, and details behind the figures."""
    gaps = differences(result, models)
    return {
        "protocol": protocol(result, models),
        "fairness": by_cohort(result),
        "models": {
            name: {
                quantity: asdict(measures(getattr(result.actuals, quantity), getattr(forecasts, quantity)))
                for quantity in QUANTITIES
            }
            for name, forecasts in result.forecasts.items()
        },
        "champion": result.champion,
        "failures": {
            name: {"as_of": failure.as_of.isoformat(), "reason": failure.reason}
            for name, failure in result.failures.items()
        },
        "details": {name: _details(result, name) | {"differences": gaps[name]} for name in result.forecasts},
    }


def protocol(result: Backtest, models: Mapping[str, Candidate]) -> dict[str, Any]:
    """What was asked, of whom, and how the champion was chosen. Units: days, purchase days, the file's currency."""
    spec, rfm = result.spec, result.past.rfm
    longest = longest_target_days(result.origins)
    return {
        "calibration_end": spec.calibration_end.isoformat(),
        "holdout_end": spec.holdout_end.isoformat(),
        "horizon_days": spec.horizon_days,
        "time_zone": spec.zone,
        "zero_amounts": "dropped" if spec.drop_zero else "purchases",
        "seed": spec.seed,
        "last_event_day": result.last_event_day.isoformat(),
        "customers": rfm.num_rows,
        "calibration_repeat_purchases": pc.sum(rfm.column(c.FREQUENCY)).as_py(),
        "holdout_purchases": round(float(result.actuals.purchases.sum())),
        "holdout_value": float(result.actuals.value.sum()),
        "holdout_gross_value": float(result.actuals.gross_value.sum()),
        "champion_rule": champion.RULE,
        "inner_origins": [
            {
                "as_of": origin.as_of.isoformat(),
                "target_end": origin.target_end.isoformat(),
                "relative_value_crps": {name: scores[k].relative_value_crps for name, scores in result.inner.items()},
                "value_gini": {name: scores[k].value_gini for name, scores in result.inner.items()},
            }
            for k, origin in enumerate(result.origins)
        ],
        "longest_inner_target_days": longest,
        "extrapolation": (
            {name: models[name].extrapolation for name in result.forecasts} if spec.horizon_days > longest else None
        ),
    }


def predictions(result: Backtest) -> pa.Table:
    """`PREDICTIONS` rows, model by model, customers in order of their ids. Holds nothing that was observed later."""
    ids = result.past.rfm.column(c.CUSTOMER_ID).combine_chunks()
    return pa.concat_tables(_prediction_rows(name, forecasts, ids) for name, forecasts in result.forecasts.items())


def write_predictions(result: Backtest, path: Path) -> None:
    """The predictions as a Parquet file; equal forecasts give equal bytes."""
    pq.write_table(predictions(result), path, compression="zstd")


def _prediction_rows(name: str, forecasts: Forecasts, ids: pa.Array) -> pa.Table:
    purchases, value = forecasts.purchases, forecasts.value
    p_zero = purchases.law.p_zero if isinstance(purchases, GridMarginal) else None
    columns = [
        ids,
        pa.array([name]).take(pa.array(np.zeros(len(ids), dtype=np.int64))),
        pa.array(purchases.mean),
        pa.array(value.mean),
        pa.nulls(len(ids), pa.float64()) if p_zero is None else pa.array(p_zero),
        *_grid_columns(purchases, len(ids)),
        *_grid_columns(value, len(ids)),
    ]
    return pa.Table.from_arrays(columns, schema=PREDICTIONS)


def _grid_columns(marginal: Marginal, rows: int) -> tuple[pa.Array, pa.Array]:
    """Levels and quantiles, each a list per row."""
    if not isinstance(marginal, GridMarginal):
        nothing = pa.nulls(rows, _GRID)
        return nothing, nothing
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * len(LEVELS))
    levels, quantiles = (pa.array(v) for v in (np.tile(LEVELS, rows), marginal.law.points.ravel()))
    return pa.ListArray.from_arrays(offsets, levels), pa.ListArray.from_arrays(offsets, quantiles)


def _details(result: Backtest, name: str) -> dict[str, Any]:
    forecasts = result.forecasts[name]
    groups = frequency_group(result.past.rfm.column(c.FREQUENCY).to_numpy())
    details: dict[str, Any] = {"warnings": list(forecasts.warnings), "totals": None}
    for quantity in QUANTITIES:
        actual, marginal = getattr(result.actuals, quantity), getattr(forecasts, quantity)
        by_decile = measures_by_group(actual, marginal, decile_group(marginal.mean), DECILES)
        by_frequency = measures_by_group(actual, marginal, groups, FREQUENCY_GROUPS)
        details[quantity] = shape(actual, marginal) | {
            "by_calibration_frequency": [asdict(row) for row in by_frequency],
            "by_forecast_decile": [asdict(row) for row in by_decile],
        }
    if forecasts.totals is not None:
        details["totals"] = _totals(forecasts.totals, result)
    return details


def _totals(totals: pa.Table, result: Backtest) -> dict[str, Any]:
    """The base's totals from joint draws beside what came."""
    base = totals.filter(pc.equal(totals.column("group_kind"), "base"))
    out = {}
    for row in base.to_pylist():
        actual, draws = float(getattr(result.actuals, row["measure"]).sum()), np.array(row["draws"])
        covered = {f"inside_{round(100 * level)}": total_coverage(actual, draws, level) for level in COVERAGE_LEVELS}
        low, high = np.quantile(draws, [0.1, 0.9]).tolist()
        out[row["measure"]] = {"actual": actual, "mean": row["mean"], "q10": low, "q90": high, **covered}
    return out
