"""What every purchase process says of one customer's future: its arguments and results, whatever the process.

A process (`kernel_beta_dropout`, ...) is a named tuple of parameter draws, S of them, and four kernels over it
that `kernel_process` finds by that type.
"""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

LARGEST_COUNT = 4096  # survival beyond it is left to the method for large counts
TOLERANCE = 1e-7  # of the mean: what the survival function may leave out

LARGE, TABLE_SHORT = -1, -2  # instead of a length: why a survival function is not there


class History(NamedTuple):
    """One customer as the models see it."""

    x: int  # repeat purchases
    recency: float  # days from the first purchase to the last
    age: float  # T, days from the first purchase to now
    spent: float  # total of the repeat purchases
    first: float = 0.0  # amount of the first purchase; 0 where it was nothing or the spend model does not read it


class State(NamedTuple):
    """What the history says under each draw, (S,)."""

    log_age: FloatArray  # log(alpha + T), alpha the scale of purchase rates
    alive: FloatArray  # P(alive at T)


class Levels(NamedTuple):
    """Which quantiles are asked for; both rising."""

    some: FloatArray  # given that it is not 0
    whole: FloatArray  # of the whole law


class Survival(NamedTuple):
    """Scratch and results of one customer and horizon."""

    at_least: FloatArray  # (LARGEST_COUNT + 2,) P(N >= n) at index n, averaged over draws; index 0 is 1
    first: FloatArray  # (S,) E N given the draw
    second: FloatArray  # (S,) E N^2 given the draw
    pmf: FloatArray  # (S,) scratch of the process, and the next three
    more: FloatArray  # (S,)
    z: FloatArray  # (S,)
    tilt: FloatArray  # (S,)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def count_quantiles(at_least: FloatArray, length: int, levels: FloatArray, columns: FloatArray) -> None:
    """Quantiles of N at rising levels, into columns."""
    n = 0
    for i in range(len(levels)):
        while at_least[n + 1] > 1.0 - levels[i] and n < length:
            n += 1
        columns[i] = n
