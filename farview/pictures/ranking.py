"""Pictures of rankings: the distribution of a figure over queries, and the frontier between relevance and price."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from farview.pictures.canvas import COLOURS, STYLES, canvas

FloatArray = NDArray[np.float64]


def draw_distributions(figure_name: str, by_model: Mapping[str, FloatArray], most: float = 1.0) -> Figure:
    """Share of queries with at most a figure, one curve a model; the legend names the area under each.

    Args:
        figure_name: with its unit, such as "NDCG at 10".
        by_model: one figure per query, shape (queries,), NaN where a query has none.
        most: the figure's largest possible value.
    """
    picture, axes = canvas()
    for number, (name, figures) in enumerate(by_model.items()):
        known = np.sort(figures[~np.isnan(figures)])
        area = most - known.mean()
        axes.step(
            np.concatenate([[0.0], known, [most]]),
            np.concatenate([[0.0], np.arange(1, len(known) + 1) / len(known), [1.0]]),
            where="post",
            color=COLOURS[number % len(COLOURS)],
            linestyle=STYLES[number % len(STYLES)],
            label=f"{name} (area {area:.3g})",
        )
    axes.set(xlim=(0, most), ylim=(0, 1), xlabel=figure_name, ylabel="share of queries with at most that")
    axes.set_title("The more a ranking gives, the lower its curve and the smaller the area", loc="left", fontsize=10)
    axes.legend(frameon=False, loc="best", fontsize=9)
    return picture


def draw_frontier(
    labels: Sequence[str],
    price: tuple[FloatArray, FloatArray, FloatArray],
    relevance: tuple[FloatArray, FloatArray, FloatArray],
    *,
    along: int,
    chosen: int,
) -> Figure:
    """NDCG over NDCP, a point for each blend with 95 % intervals both ways.

    Args:
        labels: of the points.
        price: mean, lower and upper NDCP, each shape (points,).
        relevance: mean, lower and upper NDCG, likewise.
        along: how many of the points, from the first, lie along the weight and are joined.
        chosen: position of the operating point.
    """
    picture, axes = canvas()
    (x, x_lower, x_upper), (y, y_lower, y_upper) = price, relevance
    axes.errorbar(
        x, y, xerr=[x - x_lower, x_upper - x], yerr=[y - y_lower, y_upper - y], fmt="none", ecolor="#BBBBBB", capsize=2
    )
    axes.plot(x[:along], y[:along], color=COLOURS[0], marker="o", label="rank product, by weight of relevance")
    if along < len(labels):
        axes.plot(x[along:], y[along:], color=COLOURS[1], marker="s", linestyle="none", label="other blends")
    axes.plot(
        x[chosen],
        y[chosen],
        marker="o",
        markersize=13,
        fillstyle="none",
        color=COLOURS[6],
        linestyle="none",
        label="operating point",
    )
    for position, label in enumerate(labels):
        axes.annotate(label, (x[position], y[position]), xytext=(6, 5), textcoords="offset points", fontsize=8)
    axes.axhline(y[0], color="#888888", linewidth=0.8, linestyle=":")
    axes.set(xlabel="NDCP at the first places (price as gain, 1 is dearest first)", ylabel="NDCG at the first places")
    axes.set_title(
        "What relevance costs and price gains; bars: 95 % intervals, point by point", loc="left", fontsize=10
    )
    axes.legend(frameon=False, loc="lower left", fontsize=9)
    return picture
