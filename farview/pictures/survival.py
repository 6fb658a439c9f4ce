"""Survival curves by group, with their intervals; one panel for each reading of how long contracts were watched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Okabe, Ito (2008): told apart by people with any kind of colour blindness. The line style tells them apart in grey.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("-", "--", "-.", ":")


@dataclass(frozen=True, slots=True)
class SurvivalLine:
    """A step function, 1 before its first age; each array has shape (ages,)."""

    name: str
    ages: FloatArray  # ascending
    survival: FloatArray  # just after each
    lower: FloatArray  # pointwise 95 %
    upper: FloatArray


def draw_survival(panels: Mapping[str, Sequence[SurvivalLine]], unit: str) -> Figure:
    """Share still there over age, panels side by side.

    Args:
        panels: lines by title of the panel.
        unit: of the ages.
    """
    picture = Figure(figsize=(7.0, 4.2), dpi=100, layout="constrained")
    grid = picture.subplots(1, len(panels), sharey=True, sharex=True, squeeze=False)[0]
    for axes, (title, lines) in zip(grid, panels.items(), strict=True):
        for number, line in enumerate(lines):
            _draw(axes, line, number)
        axes.set_title(title, loc="left", fontsize=10)
        axes.set(xlabel=f"age ({unit})", ylim=(0, 1.01))
        axes.set_xlim(left=0)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].set_ylabel("share still there")
    # Below the panels: inside, it would hide curves that stay high in one and fall in the other.
    handles, names = grid[0].get_legend_handles_labels()
    picture.legend(handles, names, loc="outside lower center", ncols=min(len(names), 4), frameon=False, fontsize=9)
    return picture


def _draw(axes: Axes, line: SurvivalLine, number: int) -> None:
    colour, style = _COLOURS[number % len(_COLOURS)], _STYLES[number % len(_STYLES)]
    ages = np.concatenate([[0.0], line.ages])
    steps = [np.concatenate([[1.0], figures]) for figures in (line.survival, line.lower, line.upper)]
    axes.fill_between(ages, steps[1], steps[2], step="post", color=colour, alpha=0.2, linewidth=0)
    axes.step(ages, steps[0], where="post", color=colour, linestyle=style, linewidth=1.6, label=line.name)
