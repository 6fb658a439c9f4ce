"""Array types of this room. Everywhere `actual` and `forecast` have shape (customers,) and the same unit."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
