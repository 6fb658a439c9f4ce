"""A customer's forecast does not depend on the company it comes in."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltv.scorer import Scorer
from ltv.tables import Tables
from tests.ltv.cdnow import CALIBRATION_END, calibration
from tests.ltv.predictive import HORIZONS_DAYS, known_model
from tests.tiers import examples

MODEL = known_model()


@pytest.fixture(scope="module")
def customers(cdnow_full: Path) -> pa.Table:
    """With rows that need every method: heavy buyers, a newcomer, somebody who paid nothing."""
    from tests.ltv.cdnow import rfm_table

    odd = rfm_table(
        [(5000, 200.0, 201.0), (0, 0.0, 0.0), (3, 20.0, 60.0), (900, 700.0, 702.0)], spends=[9.0, 0.0, 0.0, 12.5]
    )
    rows = calibration(cdnow_full).take(pa.array(range(0, 23_000, examples(ci=60, soak=2))))
    return pa.concat_tables([rows, odd]).combine_chunks()


def scored(customers: pa.Table, batch_rows: int, tables: Tables | None = None) -> tuple[pa.Table, pa.Table]:
    scorer = Scorer(MODEL, HORIZONS_DAYS, CALIBRATION_END, seed=3, tables=tables)
    batches = customers.combine_chunks().to_batches(max_chunksize=batch_rows)
    return pa.Table.from_batches(list(scorer.forecast(batches))).combine_chunks(), scorer.totals()


@pytest.fixture(scope="module")
def reference(customers: pa.Table) -> tuple[pa.Table, pa.Table]:
    return scored(customers, 10_000)


@pytest.mark.parametrize("batch_rows", [1, 7])
def test_forecasts_are_equal_to_the_last_bit_for_any_batch_size(
    customers: pa.Table, reference: tuple[pa.Table, pa.Table], batch_rows: int
) -> None:
    assert scored(customers, batch_rows)[0].equals(reference[0])


@given(seed=st.integers(0, 2**32), batch_rows=st.sampled_from([1, 2, 7, 100, 10_000]))
@settings(max_examples=examples(ci=3, soak=50))
def test_forecasts_are_equal_to_the_last_bit_for_any_order(
    customers: pa.Table, reference: tuple[pa.Table, pa.Table], seed: int, batch_rows: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(customers))
    rows = (order[:, None] * len(HORIZONS_DAYS) + np.arange(len(HORIZONS_DAYS))).reshape(-1)
    assert scored(customers.take(pa.array(order)), batch_rows)[0].equals(reference[0].take(pa.array(rows)))


def test_forecasts_are_equal_to_the_last_bit_with_tables_that_others_used(
    customers: pa.Table, reference: tuple[pa.Table, pa.Table]
) -> None:
    tables = Tables(MODEL, seed=3)
    for start in (len(customers) - 10, 0):
        scored(customers.slice(start, 50), 10, tables)
    assert scored(customers, 500, tables)[0].equals(reference[0])


def test_totals_agree_to_1e_9_for_any_batch_size_and_order(
    customers: pa.Table, reference: tuple[pa.Table, pa.Table]
) -> None:
    order = pa.array(np.random.default_rng(1).permutation(len(customers)))
    for totals in (scored(customers, 7)[1], scored(customers.take(order), 1000)[1]):
        names = ["group_kind", "group_name", "horizon_days", "measure", "customers"]
        assert totals.select(names).equals(reference[1].select(names))
        np.testing.assert_allclose(totals["mean"], reference[1]["mean"], rtol=1e-9)
        np.testing.assert_allclose(
            np.stack(totals["draws"].to_numpy()), np.stack(reference[1]["draws"].to_numpy()), rtol=1e-9
        )


def test_workers_merge_their_totals_into_those_of_one(
    customers: pa.Table, reference: tuple[pa.Table, pa.Table]
) -> None:
    half = len(customers) // 2
    workers = [Scorer(MODEL, HORIZONS_DAYS, CALIBRATION_END, seed=3) for _ in range(2)]
    for worker, part in zip(workers, (customers.slice(half), customers.slice(0, half)), strict=True):
        for _ in worker.forecast(part.combine_chunks().to_batches()):
            pass
    workers[0].partial_totals.merge(workers[1].partial_totals)
    np.testing.assert_allclose(workers[0].totals()["mean"], reference[1]["mean"], rtol=1e-9)
