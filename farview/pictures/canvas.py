"""What all pictures share: size, colours, and how they are written. No pyplot: nothing is kept between pictures."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

# Okabe, Ito (2008): told apart by people with any kind of colour blindness. The line style tells them apart in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
BASELINE = "#888888"
_SIZE = (7.0, 4.6)  # inches, 100 dots each


def canvas() -> tuple[Figure, Axes]:
    """An empty picture 700 dots wide."""
    picture, (axes,) = canvases(1)
    return picture, axes


def canvases(panels: int) -> tuple[Figure, list[Axes]]:
    """An empty picture of that width with panels side by side that share their scales."""
    picture = Figure(figsize=_SIZE, dpi=100, layout="constrained")
    grid = list(picture.subplots(1, panels, sharey=True, sharex=True, squeeze=False)[0])
    for axes in grid:
        axes.spines[["top", "right"]].set_visible(False)
    return picture, grid


def title(axes: Axes, text: str) -> None:
    """One sentence that says what is to be seen."""
    axes.set_title(text, loc="left", fontsize=10)


def plain_numbers(axis: Axis, *, logarithmic: bool = False) -> None:
    """Ticks as 1,000 and .2 rather than powers of ten; on a logarithmic axis at 1, 2 and 5 of each power."""
    if logarithmic:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def write(picture: Figure, path: Path) -> None:
    """A PNG file; equal pictures give equal bytes."""
    picture.savefig(path, format="png", metadata={"Software": None})
