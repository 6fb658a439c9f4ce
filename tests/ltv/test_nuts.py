"""NUTS: its likelihood Op, its agreement with Laplace, its work without a graph to compile."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pytest

from ltv import gamma_gamma
from ltv.families import PURCHASES, SPENDS
from ltv.fit import _part, fit, sentences_of_untrusted
from ltv.inference import laplace, psis
from ltv.inference.map import find_mode
from ltv.inference.target import Target
from ltv.model import PartDiagnostics
from ltv.priors import SPEND
from ltv.rows import PurchaseRows, SpendRows, spend_rows
from tests.ltv.cdnow import calibration, rfm_table
from tests.tiers import examples

# Customers who always spend the same, half of them a thousand times what the others do: a posterior with two modes.
# Importance draws around the one do not cover the other.
BENT = rfm_table([(100, 20.0, 40.0), (99, 19.0, 40.0)] * 50, [1.0, 1000.0] * 50)

FILES = ("cdnow_sample", "cdnow_full")[: examples(ci=1, soak=2)]

FIT = """
import json, sys
from dataclasses import asdict
import pyarrow.feather
from ltv.fit import fit
diagnostics = fit(pyarrow.feather.read_table(sys.argv[1]), method=sys.argv[2]).diagnostics
assert not {"pymc", "pytensor"} & set(sys.modules), "a graph was compiled"
print(json.dumps(asdict(diagnostics)))
"""


def fit_without_a_graph(folder: Path, table: pa.Table, method: str) -> dict[str, Any]:
    """Diagnostics of a fit in a fresh process, which loads nothing that a C++ compiler could be asked for by."""
    pyarrow.feather.write_feather(table, folder / "rows.arrow")
    arguments = [sys.executable, "-c", FIT, str(folder / "rows.arrow"), method]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.fixture(scope="module", params=FILES)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, dict[str, Any]]:
    """Diagnostics of Laplace, and of NUTS in a process of its own, of one file."""
    table = calibration(request.getfixturevalue(request.param))
    return fit(table).diagnostics, fit_without_a_graph(tmp_path_factory.mktemp("nuts"), table, "nuts")


def distance_in_sd(one: dict[str, Any] | PartDiagnostics, other: dict[str, Any] | PartDiagnostics) -> np.ndarray:
    """Between posterior means, in posterior standard deviations, for each parameter."""
    a, b = (part if isinstance(part, dict) else asdict(part) for part in (one, other))
    return np.abs(np.array(a["posterior_mean"]) - b["posterior_mean"]) / np.array(b["posterior_sd"])


@pytest.mark.parametrize("part", ["purchases", "spend"])
def test_laplace_and_nuts_agree(both: tuple[Any, dict[str, Any]], part: str) -> None:
    laplace, nuts = getattr(both[0], part), both[1][part]
    assert (laplace.method, nuts["method"]) == ("laplace", "nuts")
    assert min(laplace.effective_size, nuts["effective_size"]) >= 2000
    assert np.all(distance_in_sd(laplace, nuts) < 0.1)


@pytest.mark.parametrize("part", ["purchases", "spend"])
def test_chains_agree(both: tuple[Any, dict[str, Any]], part: str) -> None:
    assert both[1][part]["r_hat"] < 1.01


def test_draws_that_do_not_cover_the_posterior_are_known_by_their_k_hat() -> None:
    rows = spend_rows(BENT)
    spend = rows.in_units(rows.mean_spend)
    target = Target(
        lambda draws: gamma_gamma.log_likelihood(draws, spend),
        lambda params: gamma_gamma.log_likelihood_and_gradient(params, spend),
        SPEND,
        np.array([0.0, 1.0, 0.0]),
    )
    posterior = laplace.sample(
        target, find_mode(target, np.array(SPENDS["gamma_gamma"].start)), np.random.default_rng(0)
    )
    assert list(sentences_of_untrusted({"spend": posterior})) == ["spend"]


if examples(ci=0, soak=1):

    def test_what_importance_draws_cannot_cover_is_sampled_by_nuts_with_a_warning(tmp_path: Path) -> None:
        answer = fit_without_a_graph(tmp_path, BENT, "laplace")
        assert (answer["method_asked"], answer["purchases"]["method"]) == ("laplace", "laplace")
        assert answer["spend"]["method"] == "nuts"
        assert answer["spend"]["k_hat"] > psis.highest_trusted_k(laplace.DRAWS)
        assert any("spend posterior" in warning and "NUTS" in warning for warning in answer["warnings"])


def plain_bg_nbd(params: Any, rows: PurchaseRows) -> Any:
    """FHL (2005) eq. (6) over unique rows in PyTensor, by differences of log-gammas."""
    import pytensor.tensor as pt

    r, alpha, a, b = params[0], params[1], params[2], params[3]
    x = np.repeat(rows.frequency, np.diff(rows.row_start)).astype(float)
    age, recency = rows.time[rows.row_age], rows.time[rows.row_recency]

    def shared(x: Any) -> Any:
        rise = pt.gammaln(r + x) - pt.gammaln(r) + pt.gammaln(b + x) - pt.gammaln(b)
        return rise + pt.gammaln(a + b) - pt.gammaln(a + b + x) + r * pt.log(alpha)

    alive = -(r + x) * pt.log(alpha + age)
    dropped = pt.log(a) - pt.log(pt.switch(x > 0, b + x - 1, 1.0)) - (r + x) * pt.log(alpha + recency)
    return pt.sum(rows.row_weight * (shared(x) + pt.switch(x > 0, pt.logaddexp(alive, dropped), alive)))


def plain_gamma_gamma(params: Any, rows: SpendRows) -> Any:
    """FH (2013) eq. (1a) over unique rows in PyTensor."""
    import pytensor.tensor as pt

    p, q, v = params[0], params[1], params[2]
    x = np.repeat(rows.frequency, np.diff(rows.start))
    spent = 1 / rows.inverse_spent
    density = pt.gammaln(p * x + q) - pt.gammaln(p * x) - pt.gammaln(q) + q * pt.log(v)
    density += (p * x - 1) * np.log(spent / x) + p * x * np.log(x) - (p * x + q) * pt.log(v + spent)
    return pt.sum(rows.weight * density)


@pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")
@pytest.mark.parametrize("part", ["purchases", "spend"])
def test_the_op_equals_the_plain_pytensor_expression(cdnow_sample: Path, part: str) -> None:
    import pytensor
    import pytensor.tensor as pt
    from pytensor.compile.mode import Mode

    from ltv.pymc_model import LogLikelihood

    family = (PURCHASES if part == "purchases" else SPENDS)["bg_nbd" if part == "purchases" else "gamma_gamma"]
    rows = family.rows(calibration(cdnow_sample))
    params = pt.dvector("params")
    op = LogLikelihood(_part(family, rows, family.prior, 1.0).target)(params)[0]
    plain = plain_bg_nbd(params, rows) if isinstance(rows, PurchaseRows) else plain_gamma_gamma(params, rows)
    interpreted = Mode(linker="py", optimizer=None)  # nothing to compile
    evaluate = pytensor.function(
        [params], [op, plain, pytensor.grad(op, params), pytensor.grad(plain, params)], mode=interpreted
    )
    low, high = ([0.1, 5, 0.2, 0.5], [2, 100, 3, 5]) if part == "purchases" else ([0.5, 1.2, 1], [20, 9, 60])
    for at in np.random.default_rng(0).uniform(low, high, (examples(ci=8, soak=500), len(low))):
        value, plain_value, gradient, plain_gradient = evaluate(at)
        assert value == pytest.approx(plain_value, rel=1e-11)
        assert gradient == pytest.approx(plain_gradient, rel=1e-8, abs=1e-8)


@pytest.mark.filterwarnings("ignore:PyTensor could not link to a BLAS")
def test_the_pymc_model_has_the_density_that_is_sampled(cdnow_sample: Path) -> None:
    import pytensor
    from pytensor.compile.mode import Mode

    from ltv.pymc_model import pymc_model

    family = SPENDS["gamma_gamma"]  # with ceilings
    target = _part(family, family.rows(calibration(cdnow_sample)), family.prior, 1.0).target
    model = pymc_model(target, family.parameters)
    inputs = [model.rvs_to_values[rv] for rv in model.free_RVs]
    evaluate = pytensor.function(inputs, model.logp(), mode=Mode(linker="py", optimizer=None))
    for u in np.random.default_rng(0).normal(0.5, 1.0, (4, target.dimensions)):
        assert evaluate(u) == pytest.approx(target.log_density(u[None])[0], rel=1e-12)
