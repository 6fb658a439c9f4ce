"""A posterior of ours as a PyMC model, for anyone who wants to extend it there: the likelihood is an Op around our own.

Fits do not go through it (see docs/decisions, "NUTS samples the compiled target itself"). The Op is evaluated by
Python, so that it needs no C compiler, and whatever is added in PyMC is compiled as PyMC does.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pymc as pm
import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from ltv.inference.target import Target
from ltv.priors import Prior

FloatArray = npt.NDArray[np.float64]

_sum: Any = pt.sum  # untyped in PyTensor


class LogLikelihood(Op):
    """Total log-likelihood of a target's data and its gradient, both outputs of one evaluation.

    Input: natural parameters (k,). Outputs: a scalar and shape (k,).
    """

    def __init__(self, target: Target) -> None:
        self.target = target

    def make_node(self, *inputs: Any) -> Apply[Any]:
        return Apply(self, [pt.as_tensor_variable(value) for value in inputs], [pt.dscalar(), pt.dvector()])

    def perform(self, _: Any, inputs: Sequence[Any], output_storage: list[list[Any]]) -> None:
        value, gradient = self.target.log_likelihood_and_gradient(inputs[0])
        output_storage[0][0], output_storage[1][0] = np.asarray(value, dtype=np.float64), gradient

    def L_op(self, _: Any, outputs: Any, output_grads: Any) -> list[Any]:  # noqa: N802
        return [output_grads[0] * outputs[1]]

    def connection_pattern(self, _: Any) -> list[list[bool]]:
        return [[True, False]]


def pymc_model(target: Target, parameters: Sequence[str]) -> pm.Model:
    """The posterior with free variables u, logarithms, and the natural parameters by name as deterministics.

    Args:
        target: `ltv.fit.Part.target`, in the units of its prior.
        parameters: names of the natural parameters, (k,).
    """
    with pm.Model() as model:
        u: Any = pm.Flat("u", shape=target.dimensions)
        natural: Any = target.floor + pt.exp(u)
        for i, name in enumerate(parameters):
            pm.Deterministic(name, natural[i])
        pm.Potential("prior", _log_prior(target.prior, u))
        pm.Potential("likelihood", LogLikelihood(target)(natural)[0])  # type: ignore[index]
    return model


def _log_prior(prior: Prior, u: Any) -> Any:
    """`Prior.log_density` as a PyTensor expression."""
    weights = np.array([coordinate.weights for coordinate in prior.coordinates])
    mean = np.array([coordinate.mean for coordinate in prior.coordinates])
    sd = np.array([coordinate.sd for coordinate in prior.coordinates])
    caps = np.array([cap or np.inf for cap in prior.ceilings or (None,) * weights.shape[1]])
    return -0.5 * (_sum(((_sum(weights * u, axis=1) - mean) / sd) ** 2) + _sum(pt.exp(2 * (u - np.log(caps)))))
