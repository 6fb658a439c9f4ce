"""Array moves inside compiled loops."""

from typing import Any

from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def copy_into(target: NDArray[Any], source: NDArray[Any]) -> None:
    """target[:] = source, of equal length; a slice assignment would take seconds longer to compile."""
    for entry in range(len(target)):
        target[entry] = source[entry]
