"""The pictures of a backtest: its champion beside the baselines, as PNG files in a folder."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure
from numpy.typing import NDArray

from farview.core import columns as c
from farview.core import schemas
from farview.evaluation.coverage import decile_group
from farview.evaluation.pit import pit_histogram
from farview.evaluation.points import decile_lift
from farview.pictures.calibration import draw_calibration, draw_lift, draw_pit
from farview.pictures.canvas import write
from farview.pictures.matrices import draw_frequency_recency
from farview.pictures.tracking import Tracked, draw_cumulative, draw_incremental
from jobs.backtest import Backtest
from jobs.past import actuals_of
from jobs.progress import Progress

FloatArray = NDArray[np.float64]

BASELINES = ("past_spend", "past_rate")
PERIODS = 13
MOST_FREQUENCY = 14
ROWS = 40  # of the matrices
_UNITS = {c.PURCHASES: "purchase days per customer", c.VALUE: "currency units per customer"}


def write_pictures(result: Backtest, events: pa.Table, folder: Path, progress: Progress) -> list[Path]:
    """All pictures of a backtest, by name.

    Args:
        result: of `backtest`.
        events: that it was made from.
        folder: is made if it is not there.
        progress: is told of each picture.

    Returns:
        The files written. Of a model without a law, or without anything that came, what cannot be drawn is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    progress.start("pictures")
    written = []
    for name, picture in pictures(result, events):
        written.append(folder / f"{name}.png")
        write(picture, written[-1])
        progress.advance()
    progress.done()
    return written


def shown(result: Backtest) -> str | None:
    """The model that the pictures are of: the champion, or the first that could be fitted."""
    return result.champion or next(iter(result.forecasts), None)


def pictures(result: Backtest, events: pa.Table) -> Iterator[tuple[str, Figure]]:
    """Every picture that can be drawn, with its name."""
    name = shown(result)
    if name is None:
        return
    others = [other for other in BASELINES if other in result.forecasts and other != name]
    for quantity, unit in _UNITS.items():
        yield f"calibration_{quantity}", _calibration(result, (name, *others[:1]), quantity, unit)
        lifts = {
            model: lift
            for model in (name, *others)
            if (lift := decile_lift(_actual(result, quantity), _mean(result, model, quantity))) is not None
        }
        if lifts:
            yield f"lift_{quantity}", draw_lift(lifts, quantity)
        pit = getattr(result.forecasts[name], quantity).pit(_actual(result, quantity))
        if pit is not None:
            histogram = pit_histogram(pit.below, pit.upto)
            yield f"pit_{quantity}", draw_pit(histogram, len(pit.upto), f"{name}, {quantity}")
    for quantity, tracked in _tracked(result, events, (name, "past_rate")).items():
        unit = _UNITS[quantity].removesuffix(" per customer")
        yield f"tracking_cumulative_{quantity}", draw_cumulative(tracked, unit)
        yield f"tracking_incremental_{quantity}", draw_incremental(tracked, unit)
    yield from _matrices(result, name)


def _actual(result: Backtest, quantity: str) -> FloatArray:
    return np.asarray(getattr(result.actuals, quantity))


def _mean(result: Backtest, model: str, quantity: str) -> FloatArray:
    return np.asarray(getattr(result.forecasts[model], quantity).mean)


def _calibration(result: Backtest, names: tuple[str, ...], quantity: str, unit: str) -> Figure:
    actual = _actual(result, quantity)
    by_model = {}
    for name in names:
        forecast = _mean(result, name, quantity)
        group = decile_group(forecast)
        size = np.bincount(group, minlength=10)
        inside = size > 0

        def mean(values: FloatArray, group: NDArray[np.int64] = group, size: NDArray[np.int64] = size) -> FloatArray:
            return np.bincount(group, values, 10) / np.maximum(size, 1)

        spread = np.sqrt(np.maximum(mean(actual**2) - mean(actual) ** 2, 0.0) / np.maximum(size, 1))
        by_model[name] = (mean(forecast)[inside], mean(actual)[inside], spread[inside])
    return draw_calibration(by_model, unit)


def _tracked(result: Backtest, events: pa.Table, names: tuple[str, ...]) -> dict[str, Tracked]:
    """Totals at up to 13 days of the holdout, as far as the file goes."""
    spec, past = result.spec, result.past
    observed = min(spec.holdout_end, result.last_event_day)
    days = np.unique(np.linspace(0, (observed - spec.calibration_end).days, PERIODS + 1).round())[1:].astype(np.int64)
    if len(days) < 2:
        return {}
    if spec.drop_zero:
        events = events.filter(pc.not_equal(events.column(c.AMOUNT), 0.0))
    actuals = [actuals_of(events, past, spec.calibration_end + timedelta(days=int(day))) for day in days]
    means: dict[str, dict[str, list[float]]] = {quantity: {} for quantity in _UNITS}
    bounds: dict[str, list[tuple[float, float]]] = {quantity: [] for quantity in _UNITS}
    for name in dict.fromkeys(names):
        if name not in result.forecasts:
            continue
        predict = result.predict[name]
        for day in days:
            forecasts = predict(int(day))
            for quantity in _UNITS:
                means[quantity].setdefault(name, []).append(float(getattr(forecasts, quantity).mean.sum()))
                if name == names[0] and forecasts.totals is not None:
                    bounds[quantity].append(_interval(forecasts.totals, quantity))
    return {
        quantity: Tracked(
            days.astype(np.float64),
            np.array([_total(actual, quantity) for actual in actuals]),
            {name: np.array(sums) for name, sums in means[quantity].items()},
            *(np.array(bounds[quantity]).T if bounds[quantity] else (None, None)),
        )
        for quantity in _UNITS
    }


def _total(actuals: object, quantity: str) -> float:
    return float(getattr(actuals, quantity).sum())


def _interval(totals: pa.Table, quantity: str) -> tuple[float, float]:
    base = totals.filter(
        pc.and_(pc.equal(totals.column("group_kind"), "base"), pc.equal(totals.column("measure"), quantity))
    )
    low, high = np.quantile(np.array(base.column("draws")[0].as_py()), [0.1, 0.9])
    return float(low), float(high)


def _matrices(result: Backtest, name: str) -> Iterator[tuple[str, Figure]]:
    """Only of a buy-till-you-die model in days: others read periods, or more of a history."""
    from ltv.families import BG_BB, MODELS
    from ltv.fit import fit
    from ltv.scorer import Scorer

    known = [model for model in (name, *result.forecasts) if model in MODELS and not model.startswith(BG_BB)]
    family = known[0] if known else None
    rfm = result.past.rfm
    if family is None or not pc.max(rfm.column(c.FREQUENCY)).as_py():
        return
    age = float(np.round(np.quantile(rfm.column(c.AGE_DAYS).to_numpy(), 0.5)))
    table, frequency, since = _customers_of_one_age(rfm, age)
    scorer = Scorer(fit(rfm, model=family, seed=result.spec.seed), [result.spec.horizon_days], result.past.as_of, 0)
    scored = pa.Table.from_batches(scorer.forecast(table.to_batches()))
    shape = len(since), len(frequency)
    place = np.array([int(number) for number in scored.column(c.CUSTOMER_ID).to_pylist()])
    figures = {
        "p_alive": (c.P_ALIVE, "probability of being alive", "Who is still a customer"),
        "expected_purchases": (
            f"{c.PURCHASES}_mean",
            f"expected purchase days within {result.spec.horizon_days} days",
            "Who will buy",
        ),
    }
    for file, (column, unit, says) in figures.items():
        figure = np.full(shape[0] * shape[1], np.nan)
        figure[place] = scored.column(column).to_numpy()
        titled = f"{says}: {family}, customers {age:,.0f} days after their first purchase"
        yield f"matrix_{file}", draw_frequency_recency(frequency, since, figure.reshape(shape), (unit, titled))


def _customers_of_one_age(rfm: pa.Table, age: float) -> tuple[pa.Table, FloatArray, FloatArray]:
    """RFM of every possible history on the grid, its place in the grid as its id, with the axes."""
    most = min(int(pc.max(rfm.column(c.FREQUENCY)).as_py()), MOST_FREQUENCY)
    frequency, since = np.arange(most + 1.0), np.linspace(0.0, age, ROWS)
    x, gap = (axis.ravel() for axis in np.meshgrid(frequency, since))
    recency = age - gap
    possible = np.where(x == 0, recency == 0, recency >= x)
    spend = rfm.column(c.REPEAT_SPEND_MEAN).to_numpy()
    typical = float(spend[spend > 0].mean()) if (spend > 0).any() else 1.0
    count = int(possible.sum())
    columns = {
        c.CUSTOMER_ID: pa.array([str(place) for place in np.flatnonzero(possible)]),
        c.COHORT: pa.array(["all"] * count),
        c.FIRST_PURCHASE_DATE: pa.array([rfm.column(c.FIRST_PURCHASE_DATE)[0].as_py()] * count, pa.date32()),
        c.FREQUENCY: pa.array(x[possible].astype(np.int32)),
        c.RECENCY_DAYS: pa.array(recency[possible]),
        c.AGE_DAYS: pa.array(np.full(count, age)),
        c.REPEAT_SPEND_MEAN: pa.array(np.where(x[possible] > 0, typical, 0.0)),
        c.FIRST_SPEND: pa.array(np.full(count, typical)),
    }
    return pa.table(columns, schema=schemas.RFM), frequency, since
