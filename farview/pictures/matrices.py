"""Pictures of what a model makes of a history: a figure over frequency and recency."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from farview.pictures.canvas import canvas, title

FloatArray = NDArray[np.float64]


def draw_frequency_recency(
    frequency: FloatArray, since_days: FloatArray, figure: FloatArray, names: tuple[str, str]
) -> Figure:
    """A figure of customers of one age, by repeat purchases and days since the last purchase.

    Args:
        frequency: whole numbers in steps of 1, shape (columns,).
        since_days: days since the last purchase, evenly spaced, shape (rows,).
        figure: shape (rows, columns), NaN where there can be no such customer.
        names: of the figure with its unit, and the title.
    """
    picture, axes = canvas()
    mesh = axes.pcolormesh(frequency, since_days, np.ma.masked_invalid(figure), cmap="viridis", shading="nearest")
    axes.set_facecolor("#DDDDDD")
    known = figure[~np.isnan(figure)]
    if known.size and np.ptp(known) > 0:
        lines = axes.contour(frequency, since_days, np.ma.masked_invalid(figure), colors="white", linewidths=0.8)
        axes.clabel(lines, fontsize=8, fmt="%.3g")
    picture.colorbar(mesh, ax=axes, label=names[0])
    axes.set(xlabel="repeat purchases", ylabel="days since the last purchase")
    axes.set_xticks(frequency[:: max(1, len(frequency) // 12)])
    axes.invert_yaxis()
    title(axes, names[1])
    return picture
