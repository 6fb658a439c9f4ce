"""The BG/NBD and Gamma-Gamma as PyMC models whose likelihood is an Op around the numba kernels.

For NUTS, and for anyone who wants to extend the model in PyMC. Needs no C compiler: the Op brings its own numba
implementation, and nutpie compiles the rest with numba.
"""

import hashlib
import inspect
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pymc as pm
import pytensor.tensor as pt
from pytensor.gradient import disconnected_type
from pytensor.graph import Apply, Op, Variable
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

from ltv import bg_nbd_likelihood, gamma_gamma, rising
from ltv.priors import Prior
from ltv.rows import PurchaseRows, SpendRows

FloatArray = npt.NDArray[np.float64]


class LogLikelihood(Op):  # type: ignore[misc]
    """Total log-likelihood of the data and its gradient, both outputs of one evaluation.

    Inputs: natural parameters (k,), then the arrays of the rows. Outputs: a scalar and shape (k,).
    """

    __props__ = ("part",)

    def __init__(self, part: str) -> None:
        self.part = part  # purchases | spend

    def make_node(self, params: Any, *data: Any) -> Apply:
        inputs = [pt.as_tensor_variable(params), *(pt.as_tensor_variable(array) for array in data)]
        return Apply(self, inputs, [pt.dscalar(), pt.dvector()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: list[list[Any]]) -> None:
        value, gradient = _KERNELS[self.part](*inputs)
        output_storage[0][0], output_storage[1][0] = np.asarray(value), gradient

    def L_op(self, inputs: Any, outputs: Any, output_grads: Any) -> list[Variable]:  # noqa: N802
        return [output_grads[0] * outputs[1], *(disconnected_type() for _ in inputs[1:])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True, False], *([False, False] for _ in node.inputs[1:])]


def purchase_model(rows: PurchaseRows, prior: Prior) -> pm.Model:
    """Posterior of u = log r, log alpha, log a, log b, alpha in the rows' unit of time."""
    totals = np.array([rows.customers, rows.repeat_buyers, rows.unique_rows])
    return _model("purchases", (totals, *rows[3:]), prior, floor=np.zeros(4))


def spend_model(rows: SpendRows, prior: Prior) -> pm.Model:
    """Posterior of u = log p, log(q - 1), log v, v in the rows' unit of money."""
    return _model("spend", (np.array(rows[:4]), *rows[4:]), prior, floor=np.array([0.0, 1.0, 0.0]))


def _model(part: str, arrays: Sequence[npt.NDArray[Any]], prior: Prior, floor: FloatArray) -> pm.Model:
    """The prior's coordinates are the free variables, as the prior states them to be independent normals."""
    weights = np.array([coordinate.weights for coordinate in prior.coordinates])
    with pm.Model() as model:
        data = [pm.Data(f"data_{i}", array) for i, array in enumerate(arrays)]
        coordinates = pm.Normal(
            "coordinates",
            mu=np.array([coordinate.mean for coordinate in prior.coordinates]),
            sigma=np.array([coordinate.sd for coordinate in prior.coordinates]),
        )
        u = pm.Deterministic("u", pt.dot(np.linalg.inv(weights), coordinates))
        for i, ceiling in enumerate(prior.ceilings):
            if ceiling is not None:
                pm.Potential(f"ceiling_{i}", -0.5 * pt.exp(2 * (u[i] - np.log(ceiling))))
        pm.Potential("likelihood", LogLikelihood(part)(floor + pt.exp(u), *data)[0])
    return model


@numba.njit(cache=True, nogil=True)
def _purchases(params, totals, frequency, frequency_weight, time, age_weight, age_purchases, row_start, recency, age, weight):  # type: ignore[no-untyped-def] # fmt: skip
    rows = PurchaseRows(
        totals[0], totals[1], int(totals[2]), frequency, frequency_weight, time,
        age_weight, age_purchases, row_start, recency, age, weight,
    )  # fmt: skip
    gradient = np.empty(4)
    return np.asarray(bg_nbd_likelihood.log_likelihood_kernel(params, rows, gradient)), gradient


@numba.njit(cache=True, nogil=True)
def _spend(params, totals, frequency, frequency_weight, start, inverse_spent, weight):  # type: ignore[no-untyped-def]
    rows = SpendRows(
        totals[0], totals[1], totals[2], totals[3], frequency, frequency_weight, start, inverse_spent, weight
    )  # fmt: skip
    gradient = np.empty(3)
    return np.asarray(gamma_gamma.log_likelihood_kernel(params, rows, gradient)), gradient


_KERNELS = {"purchases": _purchases, "spend": _spend}


@register_funcify_default_op_cache_key(LogLikelihood)  # type: ignore[untyped-decorator]
def _numba_likelihood(op: LogLikelihood, **_: Any) -> tuple[Any, int]:
    """The compiled likelihood and its version: PyTensor's cache on disk must not outlive the formulas it holds."""
    source = "".join(inspect.getsource(module) for module in (bg_nbd_likelihood, gamma_gamma, rising))
    version = int.from_bytes(hashlib.blake2b(source.encode(), digest_size=8).digest(), "little")
    return _KERNELS[op.part], version
