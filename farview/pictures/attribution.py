"""Pictures of attribution: what each channel is credited with by several methods, and what is lost by position."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from farview.pictures.canvas import BASELINE, COLOURS, MARKERS, canvas, plain_numbers, title

FloatArray = NDArray[np.float64]
Credit = tuple[FloatArray, FloatArray, FloatArray]
"""Conversions credited, with the lower and upper end of their interval, (groups,) each."""


def draw_credit(channels: Sequence[str], by_method: Mapping[str, Credit], interval: str) -> Figure:
    """Conversions by channel, a mark for each method; channels in the order of the last method's credit.

    Args:
        channels: names.
        by_method: at most seven.
        interval: what the bars are, such as "5 - 95 %".
    """
    picture, axes = canvas()
    order = np.argsort(list(by_method.values())[-1][0])
    places = np.arange(len(channels))
    offsets = np.linspace(0.3, -0.3, len(by_method)) if len(by_method) > 1 else np.zeros(1)
    for number, ((name, (mean, low, high)), offset) in enumerate(zip(by_method.items(), offsets, strict=True)):
        axes.errorbar(
            mean[order],
            places + offset,
            xerr=np.maximum([mean[order] - low[order], high[order] - mean[order]], 0.0),
            color=COLOURS[number],
            marker=MARKERS[number],
            markersize=5,
            linestyle="none",
            capsize=2,
            label=name,
        )
    for place in places[:-1] + 0.5:
        axes.axhline(place, color=BASELINE, linewidth=0.4, alpha=0.5)
    axes.axvline(0.0, color=BASELINE, linewidth=0.8, linestyle=":")
    axes.set_yticks(places, [channels[place] for place in order])
    axes.set(xlabel="conversions credited", ylabel="channel", ylim=(-0.6, len(channels) - 0.4))
    plain_numbers(axes.xaxis)
    title(axes, f"Which channels conversions owe something to; bars: {interval}, customers drawn anew")
    picture.legend(loc="outside lower center", ncols=min(len(by_method), 5), frameon=False, fontsize=9)
    return picture


def draw_positions(places: Sequence[str], lost: Credit, interval: str) -> Figure:
    """Conversions lost without the touch at each position of a path."""
    picture, axes = canvas()
    mean, low, high = lost
    axes.bar(np.arange(len(places)), mean, color=COLOURS[5], width=0.6)
    axes.errorbar(
        np.arange(len(places)),
        mean,
        yerr=np.maximum([mean - low, high - mean], 0.0),
        color=COLOURS[6],
        linestyle="none",
        capsize=3,
    )
    axes.axhline(0.0, color=BASELINE, linewidth=0.8)
    axes.set_xticks(np.arange(len(places)), places)
    axes.set(xlabel="position of the touch on its path", ylabel="conversions lost without it")
    plain_numbers(axes.yaxis)
    title(axes, f"What the touch at a position is worth to the model; bars: {interval}, customers drawn anew")
    return picture
