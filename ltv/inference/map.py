"""The mode of a log posterior by Newton's method, and its curvature there."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from farview.core.errors import InvalidInput
from ltv.inference.target import Target

FloatArray = npt.NDArray[np.float64]

MAX_STEPS = 200
MAX_MOVE = 2.0  # on the log scale: no parameter moves by more than a factor of e^2 in one step
GAIN = 1e-9  # stop when a Newton step would gain less log density: 3e-5 posterior sd away from the mode
DIFFERENCE = 1e-4  # of u, for the curvature; its error is of order 1e-8
LEAST_CURVATURE = 1e-3  # of a mode: less, and a parameter is unknown by a factor of e^30


@dataclass(frozen=True, slots=True)
class Mode:
    """The mode, in unconstrained parameters."""

    u: FloatArray  # (k,)
    log_density: float
    covariance: FloatArray  # (k, k) inverse of the negative Hessian


def find_mode(target: Target, start: FloatArray) -> Mode:
    """The mode by Newton steps with a positive-definite curvature and step halving.

    Raises:
        InvalidInput: there is no mode, which without priors happens when the data leave a parameter undetermined.
    """
    u = np.array(start, dtype=np.float64)
    value, gradient = target.log_density_and_gradient(u)
    gain = np.inf
    for _ in range(MAX_STEPS):
        if not np.isfinite(value):
            break
        curvature, axes = np.linalg.eigh(-_hessian(target, u))
        step = axes @ ((axes.T @ gradient) / np.maximum(np.abs(curvature), 1e-6))
        gain = 0.5 * float(gradient @ step)
        if gain < GAIN and curvature[0] > LEAST_CURVATURE:
            return Mode(u, value, (axes / curvature) @ axes.T)
        u, value, gradient, moved = _line_search(target, u, value, gradient, step)
        if not moved:
            break
    curvature, axes = np.linalg.eigh(-_hessian(target, u))
    # Rounding of a sum over very many customers can hide a gain that small; a point no step improves is the mode.
    if np.isfinite(value) and curvature[0] > LEAST_CURVATURE and gain < max(GAIN, 1e-12 * abs(value)):
        return Mode(u, value, (axes / curvature) @ axes.T)
    raise InvalidInput.of(
        "flat_priors",
        "the likelihood has no maximum on these customers, for example because nobody came back "
        "(leave flat_priors out: the weak default priors then decide)",
    )


def _line_search(
    target: Target, u: FloatArray, value: float, gradient: FloatArray, step: FloatArray
) -> tuple[FloatArray, float, FloatArray, bool]:
    """The first of the halved steps that raises the log density, with value and gradient there."""
    step = step * min(1.0, MAX_MOVE / float(np.max(np.abs(step))))
    for _ in range(40):
        candidate = u + step
        new_value, new_gradient = target.log_density_and_gradient(candidate)
        if new_value > value:
            return candidate, new_value, new_gradient, True
        step = step / 2
    return u, value, gradient, False


def _hessian(target: Target, u: FloatArray) -> FloatArray:
    """Second derivatives by central differences of the exact gradient."""
    rows = []
    for direction in np.eye(target.dimensions) * DIFFERENCE:
        _, above = target.log_density_and_gradient(u + direction)
        _, below = target.log_density_and_gradient(u - direction)
        rows.append((above - below) / (2 * DIFFERENCE))
    hessian = np.array(rows)
    return np.asarray((hessian + hessian.T) / 2)
