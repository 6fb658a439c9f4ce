"""Horizons that a scorer takes, and those that it refuses."""

import numpy as np
import pytest

from farview.core.errors import InvalidInput
from ltv.horizons import LONGEST_DAYS, rising_days


def test_whole_rising_days_are_taken_as_they_are() -> None:
    found = rising_days((1, 30, LONGEST_DAYS))
    assert (found.tolist(), found.dtype) == ([1, 30, LONGEST_DAYS], np.int32)


@pytest.mark.parametrize(
    "wrong", [(), (0,), (-5, 3), (30, 30), (90, 30), (30.5,), (LONGEST_DAYS + 1,), (float("nan"),)]
)
def test_others_are_refused(wrong: tuple[float, ...]) -> None:
    with pytest.raises(InvalidInput, match="horizons_days: needs rising whole numbers of days"):
        rising_days(wrong)
