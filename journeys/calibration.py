"""Calibrated hazards: a temperature and a shift on the logit, with what is not known about them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.special import logit as logit_of

from farview.evaluation.hazard_metrics import log_losses
from farview.evaluation.journey_splits import Observed

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_PRIOR_SD = (0.25, 0.5)  # of ln temperature and of the shift: what a slice without conversions says is nothing
_MOST_STEPS = 50
_PRECISION = 1e-12
_Z = 1.6448536269514722  # 90 % interval


@dataclass(frozen=True, slots=True)
class Calibration:
    """p = sigmoid(logit / temperature + shift). Temperature scaling (Guo et al., 2017, arXiv:1706.04599, section 4.2)
    spreads or narrows; the shift follows the base rate where it drifts. Order within a step is never changed.
    """

    temperature: float = 1.0
    shift: float = 0.0
    covariance: tuple[float, float, float] = (0.0, 0.0, 0.0)  # of 1 / temperature and shift: var, cov, var
    curve: tuple[tuple[float, float], ...] = ()  # p and what becomes of it, rising; (): p itself. See `isotonic`

    def probability(self, logit: NDArray[np.floating]) -> FloatArray:
        """Calibrated probability of each logit."""
        p = np.asarray(expit(np.asarray(logit, np.float64) / self.temperature + self.shift))
        return np.interp(p, *np.array(self.curve).T) if self.curve else p

    def logit(self, logit: NDArray[np.floating]) -> FloatArray:
        """Logit of the calibrated probability."""
        if self.curve:
            return np.asarray(logit_of(self.probability(logit)))
        return np.asarray(np.asarray(logit, np.float64) / self.temperature + self.shift)

    def then(self, other: "Calibration") -> "Calibration":
        """This calibration followed by one of the logits that it gives, whose uncertainty alone is left."""
        if self.curve:
            moved = other.probability(logit_of(np.array(self.curve)[:, 1]))
            return replace(
                self, curve=tuple((place, float(p)) for (place, _), p in zip(self.curve, moved, strict=True))
            )
        a, b = 1 / self.temperature, self.shift
        first, mixed, second = other.covariance
        return Calibration(
            temperature=self.temperature * other.temperature,
            shift=b / other.temperature + other.shift,
            # J C J' of (1 / T, shift) -> (a / T, b / T + shift)
            covariance=(a * a * first, a * (b * first + mixed), b * b * first + 2 * b * mixed + second),
        )

    def path_interval(self, logit: NDArray[np.floating], present: BoolArray) -> tuple[FloatArray, FloatArray]:
        """90 % interval of 1 - prod(1 - hazard) over the calibration's uncertainty alone; the network's is not in it.

        By the delta method on ln(-ln(1 - P)), which keeps the interval inside (0, 1). A curve is taken as certain.

        Args:
            logit: of the touches of each path, shape (n, L).
            present: which of them belong to the path, shape (n, L).
        """
        hazard = np.where(present, self.probability(np.where(present, logit, 0.0)), 0.0)
        total = -np.log1p(-hazard).sum(axis=1)  # -ln(1 - P), whose slope in the scaled logit is the hazard
        safe = np.where(total > 0, total, 1.0)
        by_slope = np.where(present, hazard * np.where(present, logit, 0.0), 0.0).sum(axis=1) / safe
        by_shift = hazard.sum(axis=1) / safe
        first, mixed, second = self.covariance
        spread = _Z * np.sqrt(by_slope**2 * first + 2 * by_slope * by_shift * mixed + by_shift**2 * second)
        return -np.expm1(-total * np.exp(-spread)), -np.expm1(-total * np.exp(spread))

    def as_data(self) -> dict[str, Any]:
        """JSON data that `from_data` turns back."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_data`."""
        curve = tuple((place, p) for place, p in data["curve"])
        return cls(data["temperature"], data["shift"], tuple(data["covariance"]), curve)


def calibrate(logit: NDArray[np.floating], target: BoolArray, weight: FloatArray) -> Calibration:
    """The calibration of highest posterior density on steps later than those the model learnt from.

    Weighted logistic regression on the logit by Newton's method, with weak normal priors around (1, 0) that decide
    only where the slice is too small to.

    Args:
        logit: of the model, shape (steps,).
        target: shape (steps,).
        weight: of censoring and of logged chances, shape (steps,). They count as so many equal ones as would tell as
            much, (sum w)^2 / sum w^2 (Kish, 1965, Survey Sampling, section 11.7).
    """
    weight = weight * (weight.sum() / np.square(weight).sum()) if len(weight) else weight
    design = np.column_stack([np.asarray(logit, np.float64), np.ones(len(logit))])
    prior = np.diag(1 / np.square(_PRIOR_SD))
    centre = np.array([1.0, 0.0])  # log-concave, so Newton with halved steps climbs to the top
    current, (height, gradient, curvature) = centre, _posterior(design, target, weight, prior, centre)
    for _ in range(_MOST_STEPS):
        step = np.linalg.solve(curvature, gradient)
        promised = float(gradient @ step)
        if promised < _PRECISION * (1 + abs(height)):
            break
        scale = 1.0
        while (tried := _posterior(design, target, weight, prior, current + scale * step))[0] < height:
            scale /= 2
        current, (height, gradient, curvature) = current + scale * step, tried
    slope = max(float(current[0]), 0.05)  # a model that orders backwards is flattened, never turned round
    covariance = np.linalg.inv(curvature)
    return Calibration(
        temperature=1 / slope,
        shift=float(current[1]),
        covariance=(float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """A calibration on a slice of the steps, and how it did there."""

    calibration: Calibration
    losses: FloatArray  # log loss of each step of the slice
    weight: FloatArray

    @property
    def loss(self) -> float | None:
        """Mean log loss; None for an empty slice."""
        return float(np.average(self.losses, weights=self.weight)) if len(self.losses) else None

    def worse_than(self, other: Self) -> float:
        """By how many standard errors of the paired difference this loss exceeds the other's, of the same slice."""
        if len(self.losses) < 2:
            return 0.0
        weight = self.weight / self.weight.sum()
        difference = self.losses - other.losses
        mean = float(weight @ difference)
        error = float(np.sqrt(np.sum((weight * (difference - mean)) ** 2)))
        return mean / error if error > 0 else 0.0


def calibrate_on(logit: NDArray[np.floating], target: BoolArray, seen: Observed) -> Calibrated:
    """The calibration on a slice of the steps.

    Args:
        logit: of all steps, shape (steps,).
        target: of all steps.
        seen: the slice.
    """
    logits, happened = logit[seen.rows], target[seen.rows]
    calibration = calibrate(logits, happened, seen.weight)
    return Calibrated(calibration, log_losses(calibration.probability(logits), happened), seen.weight)


def _posterior(
    design: FloatArray, target: BoolArray, weight: FloatArray, prior: FloatArray, at: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Log posterior, its gradient and its negative Hessian."""
    scaled = design @ at
    p = expit(scaled)
    away = at - np.array([1.0, 0.0])
    fit = float(weight @ np.where(target, -np.logaddexp(0, -scaled), -np.logaddexp(0, scaled)))
    gradient = design.T @ (weight * (target - p)) - prior @ away
    curvature = design.T @ (design * (weight * p * (1 - p))[:, None]) + prior
    return fit - float(away @ prior @ away) / 2, gradient, curvature
