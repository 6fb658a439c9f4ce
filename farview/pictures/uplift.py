"""Picture of uplift: what contacting the first customers of each order adds."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from farview.pictures.canvas import BASELINE, COLOURS, STYLES, canvas, title

FloatArray = NDArray[np.float64]


def draw_uplift(
    shares: FloatArray,
    added: Mapping[str, FloatArray],
    baseline: str,
    *,
    shaded: str,
    unit: str = "units of the outcome",
) -> Figure:
    """Outcome added a customer of all, over the share contacted.

    Args:
        shares: of customers contacted, shape (steps,).
        added: by order, estimate, lower and upper, shape (3, steps).
        baseline: the order that is none; drawn as a grey straight line.
        shaded: the order whose interval is shown.
        unit: of the outcome.
    """
    picture, axes = canvas()
    at = np.concatenate([[0.0], 100 * shares])
    for number, (name, (estimate, lower, upper)) in enumerate(added.items()):
        if name == baseline:
            axes.plot([0, 100], [0, estimate[-1]], color=BASELINE, linewidth=3.0, alpha=0.5, label="in any order")
            continue
        colour, style = COLOURS[number % len(COLOURS)], STYLES[number % len(STYLES)]
        label = name.replace("_", " ")
        axes.plot(at, np.concatenate([[0.0], estimate]), color=colour, linestyle=style, label=f"by {label}")
        if name == shaded:
            low, high = np.concatenate([[0.0], lower]), np.concatenate([[0.0], upper])
            axes.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0, label=f"95 % interval, {label}")
    axes.axhline(0.0, color="#BBBBBB", linewidth=0.8)
    axes.set(xlim=(0, 100), xlabel="customers contacted (% of all, best first)", ylabel=f"added a customer ({unit})")
    title(axes, "What contacting the first customers of each order adds, averaged over all customers")
    axes.legend(frameon=False, loc="upper left", fontsize=9)
    return picture
