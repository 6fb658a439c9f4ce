"""Pictures of a forecast against what came: means by tenth, lift, and where actuals fell in their laws."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from farview.pictures.canvas import BASELINE, COLOURS, MARKERS, STYLES, canvas, plain_numbers, title

FloatArray = NDArray[np.float64]


def draw_calibration(by_model: Mapping[str, tuple[FloatArray, FloatArray, FloatArray]], unit: str) -> Figure:
    """Mean of what came over the mean forecast, a point for each tenth of the customers by forecast.

    Args:
        by_model: forecast mean, actual mean and its standard error, each shape (groups,).
        unit: of the forecast, such as "purchase days per customer".
    """
    picture, axes = canvas()
    seen = np.concatenate([np.concatenate([forecast, actual]) for forecast, actual, _ in by_model.values()])
    logarithmic = bool(seen.min() > 0)
    low, high = (seen.min() / 1.4, seen.max() * 1.4) if logarithmic else (min(seen.min(), 0.0), seen.max() * 1.05)
    axes.plot(
        [low, high], [low, high], color=BASELINE, linestyle=":", linewidth=1, label="what came is what was forecast"
    )
    for number, (name, (forecast, actual, error)) in enumerate(by_model.items()):
        axes.errorbar(
            forecast,
            actual,
            yerr=[np.minimum(1.96 * error, actual - low) if logarithmic else 1.96 * error, 1.96 * error],
            color=COLOURS[number],
            marker=MARKERS[number],
            linestyle="none",
            capsize=2,
            label=name,
        )
    scale = "log" if logarithmic else "linear"
    axes.set(
        xlim=(low, high), ylim=(low, high), xscale=scale, yscale=scale,
        xlabel=f"mean forecast, {unit}", ylabel=f"mean of what came, {unit}",
    )  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        plain_numbers(axis, logarithmic=logarithmic)
    title(axes, "Tenths of the customers by forecast; bars: 95 % intervals of the mean")
    axes.legend(frameon=False, loc="upper left", fontsize=9)
    return picture


def draw_lift(by_model: Mapping[str, FloatArray], unit: str) -> Figure:
    """What tenths of the customers brought, highest forecasts first, over the mean of all.

    Args:
        by_model: each shape (10,).
        unit: of what came, such as "value".
    """
    picture, axes = canvas()
    tenths = np.arange(1, 11)
    axes.axhline(1.0, color=BASELINE, linestyle=":", linewidth=1, label="random order")
    for number, (name, lift) in enumerate(by_model.items()):
        axes.plot(
            tenths,
            lift,
            color=COLOURS[number],
            linestyle=STYLES[number % len(STYLES)],
            marker=MARKERS[number],
            label=name,
        )
    axes.set(
        xticks=tenths, xlabel="tenth of the customers, highest forecasts first", ylabel=f"{unit} over the mean of all"
    )
    axes.set_ylim(bottom=min(0.0, *(float(lift.min()) for lift in by_model.values())))
    title(axes, "The better the order, the steeper the fall")
    axes.legend(frameon=False, loc="upper right", fontsize=9)
    return picture


def draw_pit(histogram: FloatArray, customers: int, name: str) -> Figure:
    """Share of customers by where what came fell in their law, beside the band of a perfect forecast.

    Args:
        histogram: shape (bins,), summing to 1.
        customers: how many there are, for the width of the band.
        name: of the model and what it forecasts.
    """
    picture, axes = canvas()
    bins = len(histogram)
    level, edges = 1.0 / bins, np.linspace(0.0, 1.0, bins + 1)
    half = 1.96 * np.sqrt(level * (1 - level) / customers)
    axes.bar(edges[:-1], histogram, width=1.0 / bins, align="edge", color=COLOURS[5], edgecolor="white", label=name)
    axes.axhspan(
        level - half, level + half, color=COLOURS[6], alpha=0.25, linewidth=0, label="perfect forecast, 95 % band"
    )
    axes.axhline(level, color=COLOURS[6], linestyle="--", linewidth=1)
    axes.set(xlim=(0, 1), ylim=(0, max(1.35 * float(histogram.max()), 2 * level)))
    axes.set(xlabel="place of what came in its forecast law (0 lowest, 1 highest)", ylabel="share of customers")
    title(axes, "Flat: the laws are right. A hump: too wide. Two horns: too narrow. A slope: biased")
    axes.legend(frameon=False, loc="upper right", fontsize=9)
    return picture
