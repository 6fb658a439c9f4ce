"""Weak default priors, free of the units of time and money, kept as data.

Parameters are fitted on the log scale in natural units: time in mean ages, money in mean repeat spends. A prior is a
set of independent normals on linear combinations of those logs, so that each says something a marketer can check ("how
many purchases does a living customer make over the mean age?"). Where data alone would drive a parameter to infinity
(every spend identical), a half-normal ceiling keeps the posterior proper.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Coordinate:
    """weights . u ~ Normal(mean, sd), u the unconstrained parameters."""

    name: str
    weights: tuple[float, ...]
    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Prior:
    """Log prior density of unconstrained parameters u (natural parameters exp(u)), up to a constant."""

    coordinates: tuple[Coordinate, ...] = ()
    ceilings: tuple[float | None, ...] = ()  # exp(u_i) ~ HalfNormal(ceiling_i); None: no ceiling

    @property
    def flat(self) -> bool:
        """Whether it says nothing, so that the mode is the maximum of the likelihood."""
        return not self.coordinates and not any(self.ceilings)

    def log_density(self, u: FloatArray) -> FloatArray:
        """Log density at u, shape (..., k); returns shape (...)."""
        total = np.zeros(u.shape[:-1])
        for coordinate in self.coordinates:
            z = (u @ np.asarray(coordinate.weights) - coordinate.mean) / coordinate.sd
            total -= 0.5 * z * z
        for i, ceiling in enumerate(self.ceilings):
            if ceiling is not None:
                total -= 0.5 * np.exp(2 * (u[..., i] - np.log(ceiling)))
        return total

    def gradient(self, u: FloatArray) -> FloatArray:
        """Gradient of `log_density` at u, shape (..., k)."""
        gradient = np.zeros_like(u)
        for coordinate in self.coordinates:
            weights = np.asarray(coordinate.weights)
            gradient -= ((u @ weights - coordinate.mean) / coordinate.sd**2)[..., None] * weights
        for i, ceiling in enumerate(self.ceilings):
            if ceiling is not None:
                gradient[..., i] -= np.exp(2 * (u[..., i] - np.log(ceiling)))
        return gradient

    def as_data(self) -> dict[str, Any]:
        """Plain lists and numbers, for the artifact."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Prior":
        """The inverse of `as_data`."""
        return cls(
            coordinates=tuple(
                Coordinate(str(c["name"]), tuple(map(float, c["weights"])), float(c["mean"]), float(c["sd"]))
                for c in data["coordinates"]
            ),
            ceilings=tuple(None if ceiling is None else float(ceiling) for ceiling in data["ceilings"]),
        )


@dataclass(frozen=True, slots=True)
class Priors:
    """Priors of the purchase and the spend model with the units in which they were stated."""

    purchases: Prior  # on u of the purchase family, times in `time_unit_days`
    spend: Prior  # on u of the spend family, amounts in `money_unit`
    time_unit_days: float  # BG/BB: opportunities
    money_unit: float

    def as_data(self) -> dict[str, Any]:
        """Plain lists and numbers, for the artifact."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Priors":
        """The inverse of `as_data`."""
        return cls(
            purchases=Prior.from_data(data["purchases"]),
            spend=Prior.from_data(data["spend"]),
            time_unit_days=float(data["time_unit_days"]),
            money_unit=float(data["money_unit"]),
        )


FLAT = Prior()
"""No prior: the mode is the maximum of the likelihood."""

BETA_DROPOUT = Prior(
    coordinates=(
        Coordinate("log r: how alike purchase rates are", (1.0, 0.0, 0.0, 0.0), mean=0.0, sd=1.5),
        Coordinate("log r/alpha: purchases of the living over the mean age", (1.0, -1.0, 0.0, 0.0), mean=0.0, sd=2.0),
        Coordinate("log a/b: odds of dropping out after a purchase", (0.0, 0.0, 1.0, -1.0), mean=-1.0, sd=1.5),
        Coordinate("log sqrt(ab): how alike dropout probabilities are", (0.0, 0.0, 0.5, 0.5), mean=0.0, sd=1.5),
    ),
)
"""On log r, log alpha in mean ages, log a, log b of the BG/NBD and the MBG/NBD."""

GAMMA_LIFE = Prior(
    coordinates=(
        Coordinate("log r: how alike purchase rates are", (1.0, 0.0, 0.0, 0.0), mean=0.0, sd=1.5),
        Coordinate("log r/alpha: purchases of the living over the mean age", (1.0, -1.0, 0.0, 0.0), mean=0.0, sd=2.0),
        Coordinate("log s: how alike dropout rates are", (0.0, 0.0, 1.0, 0.0), mean=0.0, sd=1.5),
        Coordinate("log s/beta: dropouts over the mean age", (0.0, 0.0, 1.0, -1.0), mean=0.0, sd=1.5),
    ),
)
"""On log r, log alpha in mean ages, log s, log beta in mean ages of the Pareto/NBD."""

OPPORTUNITIES = Prior(
    coordinates=(
        Coordinate("log alpha: how alike chances to buy are", (1.0, 0.0, 0.0, 0.0), mean=0.0, sd=1.5),
        Coordinate("log alpha/beta: purchases of the living at so many chances", (1.0, -1.0, 0.0, 0.0), 0.0, sd=2.0),
        Coordinate("log gamma: how alike chances to drop out are", (0.0, 0.0, 1.0, 0.0), mean=0.0, sd=1.5),
        Coordinate("log gamma/delta: dropouts at so many chances", (0.0, 0.0, 1.0, -1.0), mean=0.0, sd=1.5),
    ),
)
"""On log alpha, log beta, log gamma, log delta of the BG/BB, beta and delta in mean numbers of opportunities."""

SPEND = Prior(
    coordinates=(
        Coordinate("log p: regularity of a customer's spends", (1.0, 0.0, 0.0), mean=1.0, sd=1.5),
        Coordinate("log(q - 1): how alike customers' spend levels are", (0.0, 1.0, 0.0), mean=1.0, sd=1.5),
        Coordinate("log p v/(q - 1): mean spend in observed mean spends", (1.0, -1.0, 1.0), mean=0.0, sd=1.0),
    ),
    ceilings=(1000.0, 1000.0, None),
)
"""On log p, log(q - 1), log v in mean repeat spends of the Gamma-Gamma."""

FIRST_SPENDS = Prior(
    coordinates=(
        *(replace(coordinate, weights=(*coordinate.weights, 0.0, 0.0)) for coordinate in SPEND.coordinates),
        Coordinate("log f/p: regularity of first and of repeat purchases", (-1.0, 0.0, 0.0, 1.0, 0.0), 0.0, sd=1.0),
        Coordinate("log ratio: mean first over mean repeat purchase", (0.0, 0.0, 0.0, 0.0, 1.0), mean=0.0, sd=0.7),
    ),
    ceilings=(*SPEND.ceilings, 1000.0, None),
)
"""On log p, log(q - 1), log v in mean repeat spends, log first_shape, log first_ratio of `first_spend`."""
