"""The horizons that a scorer is asked for."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from farview.core.errors import InvalidInput

LONGEST_DAYS = 100_000


def rising_days(horizons_days: Sequence[float]) -> npt.NDArray[np.int32]:
    """Horizons as whole days, (horizons,).

    Raises:
        InvalidInput: there is none, or they are not whole, rising and from 1 to LONGEST_DAYS.
    """
    days = np.array(horizons_days, dtype=np.float64)
    fit = len(days) and np.all((days >= 1) & (days <= LONGEST_DAYS) & (days == np.round(days)))
    if not (fit and np.all(np.diff(days) > 0)):
        raise InvalidInput.of("horizons_days", f"needs rising whole numbers of days, each 1 to {LONGEST_DAYS:,}")
    return days.astype(np.int32)
