"""Pictures of one customer: how forecasts fan out with the horizon, and what moves them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from farview.pictures.canvas import BASELINE, COLOURS, canvas, canvases, plain_numbers, title

FloatArray = NDArray[np.float64]

_WIDEST = 32  # letters of a line of a driver's words
_BEHIND = {"facecolor": "white", "edgecolor": "none", "pad": 2.0}  # figures stay legible on hatched bars


@dataclass(frozen=True, slots=True, eq=False)
class Fan:
    """One quantity by horizon, each array of shape (horizons,)."""

    mean: FloatArray
    q05: FloatArray
    q10: FloatArray
    q50: FloatArray
    q90: FloatArray
    q95: FloatArray


def draw_fan(fans: Mapping[str, Fan], horizon_days: FloatArray, unit: str, text: str) -> Figure:
    """Means, medians and intervals over the horizon, panels side by side on one scale.

    Args:
        fans: by title of the panel.
        horizon_days: ascending, shape (horizons,); between them lines are straight, at 0 everything is 0.
        unit: of the quantities.
        text: what is to be seen.
    """
    picture, panels = canvases(len(fans))
    days = np.append(0.0, horizon_days)
    for axes, (name, fan) in zip(panels, fans.items(), strict=True):
        low, ten, middle, ninety, high, mean = (
            np.append(0.0, part) for part in (fan.q05, fan.q10, fan.q50, fan.q90, fan.q95, fan.mean)
        )
        axes.fill_between(days, low, high, color=COLOURS[0], alpha=0.15, linewidth=0, label="90 % interval")
        axes.fill_between(days, ten, ninety, color=COLOURS[0], alpha=0.2, linewidth=0, label="80 % interval")
        axes.plot(days, mean, color=COLOURS[0], marker="o", markevery=slice(1, None), label="mean")
        axes.plot(days, middle, color=COLOURS[1], linestyle="--", label="median")
        axes.set(xlim=(0, days[-1]), xlabel="days after the as-of day")
        axes.set_ylim(bottom=0)
        plain_numbers(axes.yaxis)
        title(axes, name)
    panels[0].set_ylabel(unit)
    handles, names = panels[0].get_legend_handles_labels()
    picture.legend(handles, names, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    picture.suptitle(text, fontsize=10, x=0.01, ha="left")
    return picture


def draw_drivers(words: Sequence[str], factors: FloatArray, text: str) -> Figure:
    """Factors on expected value, strongest on top, on a logarithmic axis: twice and half are as far from 1.

    Args:
        words: what is known of the customer, plainly.
        factors: positive, shape (drivers,).
        text: what is to be seen.
    """
    picture, axes = canvas()
    place = np.arange(len(words))[::-1]
    more = factors >= 1.0
    for chosen, colour, hatch, label in (
        (more, COLOURS[0], "", "raises the forecast"),
        (~more, COLOURS[1], "//", "lowers it"),
    ):
        if chosen.any():
            axes.barh(place[chosen], np.log(factors[chosen]), color=colour, hatch=hatch, edgecolor="white", label=label)
    reach = 1.25 * max(float(np.abs(np.log(factors)).max()), 0.05)
    for k, factor in zip(place, factors, strict=True):
        side = "left" if factor >= 1 else "right"
        axes.text(np.log(factor) + 0.01 * reach * np.sign(factor - 1), k, f"x {factor:.2f}", va="center", ha=side)
    ticks = np.array([t for t in (0.1, 0.2, 0.5, 0.8, 1.0, 1.25, 2.0, 5.0, 10.0) if abs(np.log(t)) <= reach])
    axes.set_xticks(np.log(ticks), [f"{tick:g}" for tick in ticks])
    axes.set_yticks(place, [fill(text, _WIDEST) for text in words])
    axes.set(xlim=(-reach, reach), xlabel="factor on expected value")
    axes.axvline(0.0, color=BASELINE, linewidth=0.8)
    title(axes, text)
    axes.legend(frameon=False, loc="lower right", fontsize=9)
    return picture


def draw_weights(by_segment: Mapping[str, FloatArray], members: Sequence[str], text: str) -> Figure:
    """Weights of a pool's members, a bar for each segment.

    Args:
        by_segment: shape (members,) each, adding up to 1; by name of the segment.
        members: their names, in that order.
        text: what is to be seen.
    """
    picture, axes = canvas()
    place = np.arange(len(by_segment))[::-1]
    weights = np.array(list(by_segment.values()))
    left = np.zeros(len(place))
    hatches = ("", "//", "..", "xx", "\\\\", "--", "oo")
    for number, name in enumerate(members):
        share = weights[:, number]
        colour, hatch = COLOURS[number % len(COLOURS)], hatches[number % len(hatches)]
        axes.barh(place, share, 0.6, left, edgecolor="white", label=name, color=colour, hatch=hatch)
        for k, at, part in zip(place, left, share, strict=True):
            if part >= 0.06:
                axes.text(at + part / 2, k, f"{part:.0%}", va="center", ha="center", bbox=_BEHIND)
        left = left + share
    axes.set_yticks(place, [fill(name, _WIDEST // 2) for name in by_segment])
    axes.set(xlim=(0, 1), xlabel="weight in the pool")
    title(axes, text)
    picture.legend(loc="outside lower center", ncols=min(len(members), 4), frameon=False, fontsize=9)
    return picture
