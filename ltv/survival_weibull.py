"""Weibull accelerated failure time: covariates stretch or shrink the time until the end.

H(t | x) = (t / exp(x b))^k. The likelihood, its slope and curvature stand here, because lifelines, which serves for Cox
regression, has no cluster-robust errors for this model; its estimates are the tests' oracle.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from farview.core.errors import FailedPrecondition, InvalidInput
from farview.evaluation.spells import Spells
from ltv.survival import FloatArray

IntArray = NDArray[np.int64]

_CERTAIN = 600.0  # ln of a hazard that nobody survives, below what a float holds
_FLAT = 1e-12  # share of the greatest curvature: below it the likelihood has no top in some direction
# The search may look where hazards are absurd; bounded, all sums over rows stay finite there.
_LEAST_HAZARD, _MOST_HAZARD = 1e-12, 100.0  # the greater one bounds the logarithm too


@dataclass(frozen=True, slots=True)
class WeibullAft:
    """A fitted model. Parameters are ordered intercept, coefficients, ln k."""

    intercept: float  # ln of the time by which 63 % have ended where all covariates are 0
    coefficients: FloatArray  # shape (columns,); exp of one is the factor on time of one unit more
    log_shape: float  # ln k; below 0 the hazard falls with age
    covariance: FloatArray  # of all parameters, shape (columns + 2, columns + 2)
    log_likelihood: float

    def cumulative_hazard(self, covariates: FloatArray, ages: FloatArray) -> FloatArray:
        """See SurvivalModel."""
        log_scale = self.intercept + covariates @ self.coefficients
        with np.errstate(divide="ignore"):
            log_hazard = np.exp(self.log_shape) * (np.log(ages) - log_scale)
        hazard: FloatArray = np.exp(np.minimum(log_hazard, _CERTAIN))
        return hazard

    def age_at(self, covariates: FloatArray, hazard: FloatArray) -> FloatArray:
        """The age at which the cumulative hazard reaches a level: the inverse of `cumulative_hazard`."""
        age: FloatArray = np.exp(self.intercept + covariates @ self.coefficients) * hazard ** np.exp(-self.log_shape)
        return age

    @property
    def standard_errors(self) -> FloatArray:
        """Of all parameters, shape (columns + 2,)."""
        errors: FloatArray = np.sqrt(np.diag(self.covariance))
        return errors


def fit_weibull(
    spells: Spells, covariates: FloatArray, *, step: float = 0.0, clusters: IntArray | None = None
) -> WeibullAft:
    """Maximum likelihood with delayed entry.

    Args:
        spells: at least one has ended.
        covariates: shape (spells, columns), linearly independent of each other and of a constant.
        step: ends are known to lie in the last `step` before `exit`, as when durations are rounded up to whole
            months; 0 takes them as exact.
        clusters: code of the cluster of each spell (such as its customer), shape (spells,). With it the covariance
            holds however spells of a cluster depend on each other (sandwich).

    Raises:
        InvalidInput: no spell has ended, or covariates depend on each other.
        FailedPrecondition: no maximum was found.

    Source: Kalbfleisch, Prentice (2002), The Statistical Analysis of Failure Time Data, sections 2.2.2 and 3.2;
    sandwich of Lin, Wei (1989), JASA 84(408).
    """
    if not spells.ended.any():
        raise InvalidInput.of("spells", "none has ended, so there is nothing to learn from")
    centre, spread = covariates.mean(axis=0), covariates.std(axis=0)
    if (spread == 0).any():
        raise InvalidInput.of("covariates", f"column {int(np.argmin(spread))} is the same everywhere (leave it out)")
    unit = float(np.mean(spells.exit))  # numbers near 1, so that the steps of the search are of one size
    design = np.column_stack([np.ones(len(spells)), (covariates - centre) / spread])
    terms = _Likelihood(design, spells, step, unit)
    start = np.zeros(design.shape[1] + 1)
    start[0] = np.log(max(float((spells.exit - spells.entry).sum()) / unit / spells.ended.sum(), 1e-6))
    found = minimize(terms.loss, start, jac=terms.slope, hess=terms.curvature, method="trust-exact", tol=1e-8)
    curvature = terms.curvature(found.x)
    bends = np.linalg.eigvalsh(curvature)
    # trust-exact also stops where rounding hides any further gain; what counts is where it stopped.
    if np.abs(terms.slope(found.x)).max() > 1e-4 * len(spells) or bends[0] <= _FLAT * bends[-1]:
        raise FailedPrecondition("the Weibull model has no maximum on these spells (too few ends for its covariates?)")
    covariance = np.linalg.inv(curvature)
    if clusters is not None:
        scores = np.zeros((int(clusters.max()) + 1, len(start)))
        np.add.at(scores, clusters, terms.scores(found.x))
        covariance = covariance @ (scores.T @ scores) @ covariance
    # Back from centred and scaled covariates: a linear map of the parameters.
    back = np.diag(np.concatenate([[1.0], 1 / spread, [1.0]]))
    back[0, 1:-1] = -centre / spread
    parameters = back @ found.x
    # The search counts time in `unit`: a density per unit is `unit` times smaller for each end that is exact.
    shift = np.log(unit) * (spells.ended.sum() if step == 0 else 0)
    return WeibullAft(
        intercept=float(parameters[0] + np.log(unit)),
        coefficients=parameters[1:-1],
        log_shape=float(parameters[-1]),
        covariance=back @ covariance @ back.T,
        log_likelihood=float(-found.fun - shift),
    )


class _Likelihood:
    """-ln L with slope and curvature in (b, ln k). All terms are sums over rows of c H(t) or of a function of them."""

    def __init__(self, design: FloatArray, spells: Spells, step: float, unit: float) -> None:
        self.design, self.ended, self.exact = design, spells.ended, step == 0
        sure = np.where(spells.ended, np.maximum(spells.exit - step, spells.entry), spells.exit)
        with np.errstate(divide="ignore"):  # age 0 has hazard exp(-inf) = 0
            self.log_ages = np.log(np.stack([spells.exit, sure, spells.entry]) / unit)

    def _hazards(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """u = ln H and H at exit, at the last age of surely going on, and at entry, each shape (3, spells)."""
        u = np.exp(theta[-1]) * (self.log_ages - self.design @ theta[:-1])
        return np.where(np.isfinite(u), u, 0.0), np.exp(np.minimum(u, _MOST_HAZARD))

    def loss(self, theta: FloatArray) -> float:
        u, H = self._hazards(theta)
        if self.exact:
            rows = np.where(self.ended, theta[-1] - self.log_ages[0] + u[0], 0.0) - (H[0] - H[2])
        else:
            inside = self._inside(H)
            rows = np.where(self.ended, np.log(-np.expm1(-inside)), 0.0) - (H[1] - H[2])
        return float(-rows.sum())

    def scores(self, theta: FloatArray) -> FloatArray:
        """Slope of each row's ln L, shape (spells, parameters)."""
        u, H = self._hazards(theta)
        weight = self._weights(H)
        # dH/db = -k x H and dH/d(ln k) = u H
        by_scale, by_shape = (weight * H).sum(axis=0), (weight * u * H).sum(axis=0)
        if self.exact:
            by_scale, by_shape = by_scale + self.ended, by_shape + self.ended * (1 + u[0])
        return np.column_stack([-np.exp(theta[-1]) * self.design * by_scale[:, None], by_shape])

    def slope(self, theta: FloatArray) -> FloatArray:
        total: FloatArray = -self.scores(theta).sum(axis=0)
        return total

    def curvature(self, theta: FloatArray) -> FloatArray:
        u, H = self._hazards(theta)
        k, weight = np.exp(theta[-1]), self._weights(H)
        scale_scale = (weight * H).sum(axis=0)
        scale_shape = (weight * (1 + u) * H).sum(axis=0)
        shape_shape = (weight * (u + u * u) * H).sum(axis=0)
        if self.exact:
            scale_shape, shape_shape = scale_shape + self.ended, shape_shape + self.ended * u[0]
        else:
            inside = self._inside(H)
            bend = np.where(self.ended, -(1 / np.expm1(inside)) * (1 + 1 / np.expm1(inside)), 0.0)
            by_scale, by_shape = H[0] - H[1], u[0] * H[0] - u[1] * H[1]
            scale_scale = scale_scale + bend * by_scale**2
            scale_shape = scale_shape + bend * by_scale * by_shape
            shape_shape = shape_shape + bend * by_shape**2
        full = np.empty((len(theta), len(theta)))
        full[:-1, :-1] = k * k * (self.design.T * scale_scale) @ self.design
        full[:-1, -1] = full[-1, :-1] = -k * (self.design.T @ scale_shape)
        full[-1, -1] = shape_shape.sum()
        return -full

    def _inside(self, H: FloatArray) -> FloatArray:
        """The hazard of the last step of those that ended, bounded; 1 for the others."""
        return np.where(self.ended, np.clip(H[0] - H[1], _LEAST_HAZARD, _MOST_HAZARD), 1.0)

    def _weights(self, H: FloatArray) -> FloatArray:
        """d ln L / dH at the three ages, shape (3, spells)."""
        if self.exact:
            return np.stack([-np.ones(H.shape[1]), np.zeros(H.shape[1]), np.ones(H.shape[1])])
        inside = self._inside(H)
        rate = np.where(self.ended, 1 / np.expm1(inside), 0.0)
        return np.stack([rate, -rate - 1, np.ones(H.shape[1])])
