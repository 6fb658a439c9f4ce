"""PrioritizeCustomers tells how likely each place of a Thompson audience was."""

import numpy as np
import pytest
from scipy.stats import chi2

from farview.v1 import prioritization_pb2 as pb
from tests.server.conftest import Running
from tests.server.refusals import fields, refused

FEW = 5
SEEDS = 600
ASKED = {"capacity": 1, "score": {"thompson": {"include_propensities": True}}}


def ask(running: Running, **asked: object) -> pb.PrioritizeCustomersResponse:
    return running.prioritization.PrioritizeCustomers(pb.PrioritizeCustomersRequest(**{**ASKED, **asked}))  # type: ignore[arg-type]


def test_first_places_come_as_often_as_stated(reading: Running) -> None:
    """G-test of who is first over seeds, level .001; who never came is one cell."""
    alike = [customer.customer_id for customer in ask(reading, capacity=FEW).customers]
    counts: dict[str, int] = {}
    stated: dict[str, float] = {}
    for seed in range(SEEDS):
        (first,) = ask(reading, customers={"customer_ids": alike}, seed=seed).customers
        counts[first.customer_id] = counts.get(first.customer_id, 0) + 1
        assert stated.setdefault(first.customer_id, first.propensity) == first.propensity
    seen, expected = np.array([counts[name] for name in stated]), SEEDS * np.array([*stated.values()])
    rest = SEEDS - expected.sum()
    assert rest == pytest.approx(max(rest, 0.0), abs=0.02 * SEEDS)
    assert 2 * np.sum(seen * np.log(seen / expected)) - 2 * (seen.sum() - expected.sum()) < chi2.ppf(0.999, df=FEW)


def test_the_places_of_everybody_have_propensities_and_others_have_none(reading: Running) -> None:
    told = [customer.propensity for customer in ask(reading, capacity=300, seed=1).customers]
    assert len(told) == 300
    assert all(0 < propensity <= 1 for propensity in told)
    assert told[-1] == pytest.approx(1)
    assert not ask(reading, score={"thompson": {}}).customers[0].HasField("propensity")


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("floors", {"floors": [{"floor_id": "f", "cohort_filter": "p_alive > 0.5", "share": 0.1}]}),
        ("guarantee_ids", {"guarantee_ids": ["g"], "request_id": "r"}),
        ("score", {"score": {"thompson": {"include_propensities": True}, "fatigue": {"retained_share": 0.5}}}),
    ],
)
def test_what_decides_otherwise_than_draws_is_refused(reading: Running, field: str, asked: dict[str, object]) -> None:
    assert fields(refused(lambda: ask(reading, **asked))) == [field]
