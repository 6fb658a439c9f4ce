"""A purchase process and a spend model as a PyMC model whose likelihood is an Op around the numba kernels.

For NUTS, and for anyone who wants to extend the model in PyMC. Needs no C compiler: the Op brings its own numba
implementation, and nutpie compiles the rest with numba.
"""

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pymc as pm
import pytensor.tensor as pt
from pytensor.gradient import disconnected_type
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key
from scipy.linalg import block_diag

from ltv import bg_nbd_likelihood, decay_integral, first_spend, gamma_gamma, pareto_nbd, pareto_nbd_likelihood, rising
from ltv.families import BG_NBD, FIRST_SPEND, GAMMA_GAMMA, MBG_NBD, PARETO_NBD, Rows
from ltv.inference.map import Mode
from ltv.inference.target import Target
from ltv.priors import Prior
from ltv.rows import FirstSpendRows, PurchaseRows, SpendRows

FloatArray = npt.NDArray[np.float64]

_sum: Any = pt.sum  # untyped in PyTensor

PURCHASE_SCALARS = 3  # customers, repeat_buyers, unique_rows
SPEND_SCALARS = 4  # customers, mean_spend, sum_log_mean, sum_log_spent
FIRST_SPEND_SCALARS = 5  # customers, mean_spend, sum_log_mean, sum_log_first, repeat_logs
_SCALARS = {PurchaseRows: PURCHASE_SCALARS, SpendRows: SPEND_SCALARS, FirstSpendRows: FIRST_SPEND_SCALARS}


class LogLikelihood(Op):
    """Total log-likelihood of the data and its gradient, both outputs of one evaluation.

    Inputs: natural parameters (k,) and the packed rows (n,). Outputs: a scalar and shape (k,).
    """

    __props__ = ("family",)

    def __init__(self, family: str) -> None:
        self.family = family  # name of one of `families`

    def make_node(self, *inputs: Any) -> Apply[Any]:
        return Apply(self, [pt.as_tensor_variable(value) for value in inputs], [pt.dscalar(), pt.dvector()])

    def perform(self, _: Any, inputs: Sequence[Any], output_storage: list[list[Any]]) -> None:
        value, gradient = _KERNELS[self.family](*inputs)
        output_storage[0][0], output_storage[1][0] = np.asarray(value), gradient

    def L_op(self, _: Any, outputs: Any, output_grads: Any) -> list[Any]:  # noqa: N802
        return [output_grads[0] * outputs[1], disconnected_type()]

    def connection_pattern(self, _: Any) -> list[list[bool]]:
        return [[True, False], [False, False]]


@dataclass(frozen=True, slots=True)
class Part:
    """One of the two independent posteriors: its density, its mode and its data."""

    family: str
    target: Target
    mode: Mode
    data: FloatArray  # rows as `pack` gives them


def pymc_model(parts: Mapping[str, Part]) -> pm.Model:
    """The joint posterior of the parts, keyed purchases and spend.

    Its free variables z are u of every part, one after the other, measured from the mode in units of the curvature
    there. That is geometry only: it leaves NUTS a target of nearly independent unit normals. The parts share every
    vector operation, as numba takes most of a second to compile each.
    """
    with pm.Model() as model:
        z = pm.Flat("z", shape=len(_modes(parts)))
        u: Any = _modes(parts) + _sum(_roots(parts) * z, axis=1)
        natural: Any = np.concatenate([part.target.floor for part in parts.values()]) + pt.exp(u)
        pm.Potential("prior", _log_prior([part.target.prior for part in parts.values()], u))
        first = 0
        for name, part in parts.items():
            last = first + part.target.dimensions
            data = pm.Data(f"{name}_rows", part.data)
            likelihood: Any = LogLikelihood(part.family)(natural[first:last], data)
            pm.Potential(f"{name}_likelihood", likelihood[0])
            first = last
    return model


def unwhiten(parts: Mapping[str, Part], z: FloatArray) -> dict[str, FloatArray]:
    """u of each part, shape (..., k), from the free variables of `pymc_model`, shape (..., sum of k)."""
    u = _modes(parts) + z @ _roots(parts).T
    ends = np.cumsum([part.target.dimensions for part in parts.values()])
    return dict(zip(parts, np.split(u, ends[:-1], axis=-1), strict=True))


def _modes(parts: Mapping[str, Part]) -> FloatArray:
    return np.concatenate([part.mode.u for part in parts.values()])


def _roots(parts: Mapping[str, Part]) -> FloatArray:
    """Lower triangular roots of the parts' covariances at the mode, as one block-diagonal matrix."""
    return np.asarray(block_diag(*(np.linalg.cholesky(part.mode.covariance) for part in parts.values())))


def _log_prior(priors: Sequence[Prior], u: Any) -> Any:
    """`Prior.log_density` of every part, summed, as a PyTensor expression of all parts' u."""
    coordinates = [coordinate for prior in priors for coordinate in prior.coordinates]
    weights = block_diag(*([coordinate.weights for coordinate in prior.coordinates] for prior in priors))
    mean = np.array([coordinate.mean for coordinate in coordinates])
    sd = np.array([coordinate.sd for coordinate in coordinates])
    caps = [cap or np.inf for prior in priors for cap in prior.ceilings or (None,) * len(prior.coordinates)]
    capped = _sum(pt.exp(2 * (u - np.log(caps))))
    return -0.5 * (_sum(((_sum(weights * u, axis=1) - mean) / sd) ** 2) + capped)


def pack(rows: Rows) -> FloatArray:
    """All arrays of the rows in one: every array that PyTensor passes to compiled code costs a second of compilation.

    Scalars, then lengths and values of each array in turn; integers keep their bits.
    """
    count = _SCALARS[type(rows)]
    arrays = [np.ascontiguousarray(array).view(np.float64) for array in rows[count:]]
    pieces = [np.array(rows[:count], dtype=np.float64)]
    for array in arrays:
        pieces += [np.array([len(array)], dtype=np.float64), array]
    return np.concatenate(pieces)


@numba.njit(cache=True, nogil=True)
def _next(data: FloatArray, at: int) -> tuple[FloatArray, int]:
    """The packed array that starts at `at`, and where the one after it starts."""
    end = at + 1 + int(data[at])
    return data[at + 1 : end], end


@numba.njit(cache=True, nogil=True)
def _purchase_rows(data: FloatArray) -> PurchaseRows:
    frequency, at = _next(data, PURCHASE_SCALARS)
    frequency_weight, at = _next(data, at)
    time, at = _next(data, at)
    age_weight, at = _next(data, at)
    age_purchases, at = _next(data, at)
    start, at = _next(data, at)
    recency, at = _next(data, at)
    age, at = _next(data, at)
    weight, at = _next(data, at)
    return PurchaseRows(
        data[0], data[1], int(data[2]),
        frequency.view(np.int64), frequency_weight, time, age_weight, age_purchases,
        start.view(np.int64), recency.view(np.int64), age.view(np.int64), weight,
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _bg_nbd(params: FloatArray, data: FloatArray) -> tuple[FloatArray, FloatArray]:
    gradient, rows = np.empty(4), _purchase_rows(data)
    return np.asarray(bg_nbd_likelihood.log_likelihood_kernel(params, rows, False, gradient)), gradient


@numba.njit(cache=True, nogil=True)
def _mbg_nbd(params: FloatArray, data: FloatArray) -> tuple[FloatArray, FloatArray]:
    gradient, rows = np.empty(4), _purchase_rows(data)
    return np.asarray(bg_nbd_likelihood.log_likelihood_kernel(params, rows, True, gradient)), gradient


@numba.njit(cache=True, nogil=True)
def _pareto_nbd(params: FloatArray, data: FloatArray) -> tuple[FloatArray, FloatArray]:
    gradient, rows = np.empty(4), _purchase_rows(data)
    return np.asarray(pareto_nbd_likelihood.log_likelihood_kernel(params, rows, gradient)), gradient


@numba.njit(cache=True, nogil=True)
def _gamma_gamma(params: FloatArray, data: FloatArray) -> tuple[FloatArray, FloatArray]:
    frequency, at = _next(data, SPEND_SCALARS)
    frequency_weight, at = _next(data, at)
    start, at = _next(data, at)
    inverse_spent, at = _next(data, at)
    weight, at = _next(data, at)
    rows = SpendRows(
        data[0], data[1], data[2], data[3],
        frequency, frequency_weight, start.view(np.int64), inverse_spent, weight,
    )  # fmt: skip
    gradient = np.empty(3)
    return np.asarray(gamma_gamma.log_likelihood_kernel(params, rows, gradient)), gradient


@numba.njit(cache=True, nogil=True)
def _first_spend(params: FloatArray, data: FloatArray) -> tuple[FloatArray, FloatArray]:
    frequency, at = _next(data, FIRST_SPEND_SCALARS)
    seen, at = _next(data, at)
    group_weight, at = _next(data, at)
    start, at = _next(data, at)
    spent, at = _next(data, at)
    first, at = _next(data, at)
    weight, at = _next(data, at)
    rows = FirstSpendRows(
        data[0], data[1], data[2], data[3], data[4],
        frequency, seen, group_weight, start.view(np.int64), spent, first, weight,
    )  # fmt: skip
    gradient = np.empty(5)
    return np.asarray(first_spend.log_likelihood_kernel(params, rows, gradient)), gradient


_KERNELS = {
    BG_NBD: _bg_nbd,
    MBG_NBD: _mbg_nbd,
    PARETO_NBD: _pareto_nbd,
    GAMMA_GAMMA: _gamma_gamma,
    FIRST_SPEND: _first_spend,
}


@register_funcify_default_op_cache_key(LogLikelihood)  # type: ignore[no-untyped-call]
def _numba_likelihood(op: LogLikelihood, **_: Any) -> tuple[Any, int]:
    """The compiled likelihood and its version: PyTensor's cache on disk must not outlive the formulas it holds."""
    modules = (bg_nbd_likelihood, decay_integral, first_spend, gamma_gamma, pareto_nbd, pareto_nbd_likelihood, rising)
    source = "".join(inspect.getsource(module) for module in modules)
    version = int.from_bytes(hashlib.blake2b(source.encode(), digest_size=8).digest(), "little")
    return _KERNELS[op.family], version
