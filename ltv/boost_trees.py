"""Trees that add up: what a head's booster says of each row of inputs."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def correction(trees: bytes, inputs: FloatArray) -> FloatArray:
    """What a head's trees add to the margin, (rows,)."""
    if not trees:
        return np.zeros(len(inputs))
    return Trees(trees).add(inputs)


class Trees:
    """A booster that only adds up its trees. Threads may share it."""

    def __init__(self, trees: bytes) -> None:
        import xgboost

        self._booster = xgboost.Booster({"nthread": 1})
        self._booster.load_model(bytearray(trees))

    def add(self, inputs: FloatArray) -> FloatArray:
        """Sum over trees, (rows,)."""
        if not len(inputs):
            return np.zeros(0)
        added = self._booster.inplace_predict(inputs.astype(np.float32), predict_type="margin", missing=np.nan)
        return np.asarray(added, dtype=np.float64)

    def contributions(self, inputs: FloatArray) -> FloatArray:
        """TreeSHAP values, (rows, inputs + 1); the last column is the same for all rows, and a row adds up to `add`."""
        import xgboost

        parts = self._booster.predict(xgboost.DMatrix(inputs.astype(np.float32), nthread=1), pred_contribs=True)
        return np.asarray(parts, dtype=np.float64)
