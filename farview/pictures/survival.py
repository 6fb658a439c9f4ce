"""Survival curves by group, with their intervals; one panel for each reading of how long contracts were watched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from farview.pictures.canvas import COLOURS, STYLES, canvases, title

FloatArray = NDArray[np.float64]
Line = TypeVar("Line")


@dataclass(frozen=True, slots=True)
class SurvivalLine:
    """A step function, 1 before its first age; each array has shape (ages,)."""

    name: str
    ages: FloatArray  # ascending
    survival: FloatArray  # just after each
    lower: FloatArray  # pointwise 95 %
    upper: FloatArray


def some_of(lines: Mapping[str, Line]) -> dict[str, Line]:
    """As many as a picture has colours for: all, or first, last and evenly between."""
    names = list(lines)
    chosen = np.unique(np.linspace(0, len(names) - 1, min(len(names), len(COLOURS))).round().astype(np.int64))
    return {names[k]: lines[names[k]] for k in chosen.tolist()}


def draw_survival(panels: Mapping[str, Sequence[SurvivalLine]], ages: str, share: str = "share still there") -> Figure:
    """A share over age, panels side by side.

    Args:
        panels: lines by title of the panel.
        ages: name of the axis, with its unit.
        share: name of the other one.
    """
    picture, grid = canvases(len(panels))
    for axes, (text, lines) in zip(grid, panels.items(), strict=True):
        for number, line in enumerate(lines):
            _draw(axes, line, number)
        title(axes, text)
        axes.set(xlabel=ages, ylim=(0, 1.01))
        axes.set_xlim(left=0)
    grid[0].set_ylabel(share)
    # Below the panels: inside, it would hide curves that stay high in one and fall in the other.
    handles, names = grid[0].get_legend_handles_labels()
    picture.legend(handles, names, loc="outside lower center", ncols=min(len(names), 4), frameon=False, fontsize=9)
    return picture


def _draw(axes: Axes, line: SurvivalLine, number: int) -> None:
    colour, style = COLOURS[number % len(COLOURS)], STYLES[number % len(STYLES)]
    ages = np.concatenate([[0.0], line.ages])
    steps = [np.concatenate([[1.0], figures]) for figures in (line.survival, line.lower, line.upper)]
    axes.fill_between(ages, steps[1], steps[2], step="post", color=colour, alpha=0.2, linewidth=0)
    axes.step(ages, steps[0], where="post", color=colour, linestyle=style, linewidth=1.6, label=line.name)
