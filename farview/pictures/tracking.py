"""Pictures of totals as time passes: forecast beside what came, summed up and period by period."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from farview.pictures.canvas import COLOURS, STYLES, canvas, plain_numbers, title

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Tracked:
    """Sums since the forecast was made, each array of shape (periods,)."""

    days: FloatArray  # after the forecast was made
    actual: FloatArray
    means: Mapping[str, FloatArray]  # by model; the first is the one whose interval is drawn
    low: FloatArray | None  # 10 % point of the first model's sum; None where it has no law of totals
    high: FloatArray | None  # 90 % point


def draw_cumulative(tracked: Tracked, unit: str) -> Figure:
    """Sums since the forecast was made, with the first model's 80 % interval."""
    picture, axes = canvas()
    days = np.concatenate([[0.0], tracked.days])
    axes.plot(days, _from_zero(tracked.actual), color=COLOURS[6], linewidth=2, marker=".", label="what came")
    for number, (name, mean) in enumerate(tracked.means.items()):
        axes.plot(days, _from_zero(mean), color=COLOURS[number], linestyle=STYLES[(number + 1) % 4], label=name)
    if tracked.low is not None and tracked.high is not None:
        name = next(iter(tracked.means))
        band = _from_zero(tracked.low), _from_zero(tracked.high)
        axes.fill_between(days, *band, color=COLOURS[0], alpha=0.2, linewidth=0, label=f"{name}, 80 % interval")
    axes.set(xlim=(0, days[-1]), xlabel="days after the forecast", ylabel=f"{unit}, sum since the forecast")
    axes.set_ylim(bottom=min(0.0, float(tracked.actual.min())))
    plain_numbers(axes.yaxis)
    title(axes, "All customers together, as time passes")
    axes.legend(frameon=False, loc="upper left", fontsize=9)
    return picture


def draw_incremental(tracked: Tracked, unit: str) -> Figure:
    """The same period by period, a day's worth of each, so that periods of unequal length compare."""
    picture, axes = canvas()
    width = np.diff(np.concatenate([[0.0], tracked.days]))
    middle = tracked.days - width / 2
    axes.plot(
        middle,
        np.diff(_from_zero(tracked.actual)) / width,
        color=COLOURS[6],
        linewidth=2,
        marker=".",
        label="what came",
    )
    for number, (name, mean) in enumerate(tracked.means.items()):
        per_day = np.diff(_from_zero(mean)) / width
        axes.plot(middle, per_day, color=COLOURS[number], linestyle=STYLES[(number + 1) % 4], label=name)
    axes.set(xlim=(0, tracked.days[-1]), xlabel="days after the forecast", ylabel=f"{unit} a day")
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    plain_numbers(axes.yaxis)
    title(axes, "All customers together, period by period")
    axes.legend(frameon=False, loc="best", fontsize=9)
    return picture


def _from_zero(sums: FloatArray) -> FloatArray:
    return np.concatenate([[0.0], sums])
