"""Where names stand among others."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def places_among(known: NDArray[np.str_], asked: Sequence[str] | NDArray[Any]) -> NDArray[np.int64]:
    """Where each name stands among those that are known, -1 for one that is not; shape (len(asked),).

    Args:
        known: increasing, fixed-width strings.
        asked: in any order.
    """
    if len(known) == 0 or len(asked) == 0:
        return np.full(len(asked), -1)
    names = np.asarray(asked, dtype=np.str_)
    width = known.dtype.itemsize // np.dtype("U1").itemsize
    narrow = names.astype(known.dtype)  # of another width, numpy would copy all that are known
    places = np.minimum(np.searchsorted(known, narrow), len(known) - 1)
    found = known[places] == narrow
    if names.dtype.itemsize > known.dtype.itemsize:
        found &= np.char.str_len(names) <= width
    return np.where(found, places, -1)
