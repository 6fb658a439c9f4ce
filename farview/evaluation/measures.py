"""The figures that every backtest reports of every model, by their published names."""

from dataclasses import asdict, dataclass

from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.coverage import coverage, coverage_by_group
from farview.evaluation.gini import normalized_gini
from farview.evaluation.marginals import Marginal
from farview.evaluation.pit import pit_histogram
from farview.evaluation.points import correlation, decile_lift, mae, ratio, rmse, spearman

LEVELS = (0.80, 0.95)


@dataclass(frozen=True, slots=True)
class Measures:
    """Figures of one quantity; None where undefined. mae, rmse and crps in the quantity's unit."""

    ratio: float | None  # forecast total over actual total
    mae: float
    rmse: float
    corr: float | None
    normalized_gini: float | None
    spearman: float | None
    crps: float
    coverage_80: float | None  # PIT coverage
    coverage_95: float | None


def measures(actual: FloatArray, forecast: Marginal) -> Measures:
    """All figures of one quantity's forecast; `actual` has shape (customers,), at least one customer."""
    pit = forecast.pit(actual)
    covered = [None if pit is None else coverage(pit.below, pit.upto, level) for level in LEVELS]
    return Measures(
        ratio=ratio(actual, forecast.mean),
        mae=mae(actual, forecast.mean),
        rmse=rmse(actual, forecast.mean),
        corr=correlation(actual, forecast.mean),
        normalized_gini=normalized_gini(actual, forecast.mean),
        spearman=spearman(actual, forecast.mean),
        crps=float(forecast.crps(actual).mean()),
        coverage_80=covered[0],
        coverage_95=covered[1],
    )


@dataclass(frozen=True, slots=True)
class GroupMeasures:
    """Calibration inside one group of customers."""

    group: str
    customers: int
    actual_mean: float
    forecast_mean: float
    ratio: float | None
    coverage_80: float | None
    coverage_95: float | None


def measures_by_group(
    actual: FloatArray, forecast: Marginal, group: IntArray, names: tuple[str, ...]
) -> list[GroupMeasures]:
    """Calibration of each group that has customers; `group` holds positions in `names`, shape (customers,)."""
    pit = forecast.pit(actual)
    covered = [{} if pit is None else coverage_by_group(pit.below, pit.upto, level, group) for level in LEVELS]
    return [
        GroupMeasures(
            group=name,
            customers=int(inside.sum()),
            actual_mean=float(actual[inside].mean()),
            forecast_mean=float(forecast.mean[inside].mean()),
            ratio=ratio(actual[inside], forecast.mean[inside]),
            coverage_80=covered[0].get(g),
            coverage_95=covered[1].get(g),
        )
        for g, name in enumerate(names)
        if (inside := group == g).any()
    ]


def shape(actual: FloatArray, forecast: Marginal) -> dict[str, object]:
    """What does not fit into one figure: PIT histogram, decile lift, and the naive interval beside its expectation."""
    pit = forecast.pit(actual)
    lift = decile_lift(actual, forecast.mean)
    naive = {f"naive_coverage_{round(100 * level)}": forecast.naive_coverage(actual, level) for level in LEVELS}
    return {
        "pit_histogram": None if pit is None else pit_histogram(pit.below, pit.upto).tolist(),
        "decile_lift": None if lift is None else lift.tolist(),
        **{name: None if figures is None else asdict(figures) for name, figures in naive.items()},
    }
