"""The kernels over codes, against what core computes from decoded points."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core import quantile_grid
from farview.core.errors import InvalidInput
from farview.core.schemas import GRID_BYTES
from ranking.outcome_kernels import conditional_tails, exceedances
from tests.tiers import examples

CODES = st.lists(st.floats(0, 60_000, width=16), min_size=33, max_size=33).map(sorted)
ROWS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.3, 0.999, 1.0]), st.sampled_from([0.0, 1e-3, 20.0, 1e7]), CODES),
    min_size=1,
    max_size=5,
)
LAWS = ROWS.map(lambda rows: tuple(np.array(column) for column in zip(*rows, strict=True)))


def core_laws(p_zero: np.ndarray, mean: np.ndarray, codes: np.ndarray) -> quantile_grid.GridLaw:
    stored = pa.py_buffer(np.ascontiguousarray(codes.astype("<f2")))
    grid = pa.FixedSizeBinaryArray.from_buffers(pa.binary(GRID_BYTES), len(codes), [None, stored])
    return quantile_grid.law(p_zero, mean, grid, counts=False)


@given(laws=LAWS, threshold=st.sampled_from([0.0, 1e-4, 15.0, 400.0, 1e8]))
@settings(max_examples=examples(ci=150, soak=20_000))
def test_exceedances_are_those_of_the_decoded_grid(laws: tuple[np.ndarray, ...], threshold: float) -> None:
    p_zero, mean, codes = laws
    found = exceedances(p_zero, mean, codes.astype(np.float16), threshold)
    seen = quantile_grid.exceedance(core_laws(*laws), np.full(len(p_zero), threshold))
    assert found == pytest.approx(seen, abs=1e-9)


@given(laws=LAWS, tail=st.sampled_from([1e-3, 0.05, 0.25, 0.7, 1.0]), upper=st.booleans())
@settings(max_examples=examples(ci=150, soak=20_000))
def test_tails_are_those_of_the_decoded_grid(laws: tuple[np.ndarray, ...], tail: float, *, upper: bool) -> None:
    p_zero, mean, codes = laws
    found = conditional_tails(p_zero, mean, codes.astype(np.float16), tail, upper=upper)
    seen = quantile_grid.cvar(core_laws(*laws), tail, upper=upper)
    assert found == pytest.approx(seen, rel=1e-9, abs=1e-9 * (1 + mean.max()) / tail)


@pytest.mark.parametrize("damage", [np.nan, np.inf, -1.0, 0.5])
def test_a_damaged_grid_is_refused(damage: float) -> None:
    codes = np.tile(np.linspace(1, 3, 33), (3, 1)).astype(np.float16)
    codes[1, -1] = damage
    for measure in (exceedances, lambda *law: conditional_tails(*law, upper=True)):
        with pytest.raises(InvalidInput, match="damaged"):
            measure(np.zeros(3), np.ones(3), codes, 0.5)
