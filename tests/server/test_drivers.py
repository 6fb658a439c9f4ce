"""What moves a forecast, asked over RPC: of a stored forecast, and of histories in the request."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from farview.client import FarviewClient
from farview.core.clock import Cut
from farview.store.store import Store
from farview.store.values import LTV_REVENUE
from farview.v1 import forecast_pb2 as pb
from jobs.score import score_ltv
from jobs.train import Fitted, register
from ltv.boost_drivers import Driver
from ltv.boost_heads import fit_head
from ltv.boost_inputs import INPUTS, Units
from ltv.boost_losses import MORE, RETURNED, SOME, SPEND
from ltv.boost_model import NOTHING_RETURNED, BoostDiagnostics, BoostModel
from ltv.boost_rows import TargetRows
from ltv.boost_surrogate import Surrogate
from ltv.inputs import CUSTOMER, History
from ltv.model import BtydModel
from ltv.registered import load, ready
from tests.server.conftest import AS_OF, Running, _run
from tests.server.test_score_customers import AS_OF_DATE, Histories, history

ROWS = 2_000


def planted() -> bytes:
    """Trees of a world where spend doubles with the amount of the last day."""
    inputs = np.random.default_rng(1).uniform(0.1, 2.0, (ROWS, len(INPUTS)))
    ones = np.ones(ROWS)
    dear = np.where(inputs[:, list(INPUTS).index("amount_last_log")] > 0.7, 2.0, 1.0)
    rows = TargetRows(inputs, np.arange(ROWS) % 3, ones, ones, ones, ones, dear, 0.0 * ones)
    return fit_head(SPEND, [rows], seed=0).trees


@pytest.fixture(scope="module")
def telling(scored: Path, histories: Histories, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server whose run is of a boosted model."""
    path = Path(shutil.copy(scored, tmp_path_factory.mktemp("telling") / "farview.db"))
    store = Store.open(f"sqlite:///{path}")
    champion = store.champion(LTV_REVENUE)
    anchor, lineage = load(store.artifact(champion)), champion.lineage
    assert isinstance(anchor, BtydModel)
    model = BoostModel(
        anchor,
        Units(money=35.0, reference_days=90),
        {SPEND: planted()},
        {SOME: 0.0, MORE: 0.0, SPEND: 0.0, RETURNED: NOTHING_RETURNED},
        BoostDiagnostics(anchor.name, len(histories), (), 90, {}, Surrogate((), 0.0), ()),
    )
    fitted = Fitted(Cut(AS_OF, lineage.known_at), lineage.snapshot_hash, {"model": "boost"}, lineage.seed)
    version = register(store, model, fitted, who="test", why="")
    store.promote(LTV_REVENUE, version.version, expected_champion=1, who="test", why="to be asked", force=True)
    score_ltv(store, as_of=AS_OF, horizons_days=(90,), who="test")
    store.close()
    yield from _run(path)


def expected(running: Running, customer: str) -> tuple[Driver, ...]:
    run = running.store.latest_run()
    assert run is not None
    cut = Cut(run.spec.as_of, run.spec.known_at)
    model = ready(load(running.store.artifact(running.store.champion(LTV_REVENUE))), 0)
    row = CUSTOMER.of_some([History.of(customer, running.store.transactions_of(cut, [customer]))], cut, "UTC")
    return model.drivers(row, AS_OF)[0]


def told(forecast: pb.Forecast) -> tuple[Driver, ...]:
    return tuple(Driver(driver.input, driver.description, driver.factor) for driver in forecast.drivers)


def test_a_stored_forecast_comes_with_what_moves_it_when_asked(telling: Running, histories: Histories) -> None:
    for customer in list(histories)[:5]:
        with FarviewClient(telling.address) as client:
            found = told(client.forecast(customer, drivers=True).forecast)
        assert found == expected(telling, customer)
        assert "amount_last_log" in [driver.input for driver in found]


def test_it_does_not_without_being_asked(telling: Running, histories: Histories) -> None:
    assert not telling.forecasts.GetForecast(pb.GetForecastRequest(customer_id=next(iter(histories)))).forecast.drivers


def test_each_history_in_a_request_has_its_own(telling: Running, histories: Histories) -> None:
    some = {who: [row for row in rows if row[0].date() <= AS_OF] for who, rows in list(histories.items())[:5]}
    nobody = history("late", [(rows[-1][0].replace(year=1999), rows[-1][1]) for rows in [histories[next(iter(some))]]])
    request = pb.ScoreCustomersRequest(
        histories=[nobody, *(history(*one) for one in some.items())], as_of_date=AS_OF_DATE, include_drivers=True
    )
    answer = telling.forecasts.ScoreCustomers(request)
    assert [told(result.forecast) for result in answer.results[1:]] == [expected(telling, who) for who in some]
    assert answer.results[0].HasField("error")


def test_a_model_that_tells_none_has_none(reading: Running, histories: Histories) -> None:
    request = pb.GetForecastRequest(customer_id=next(iter(histories)), include_drivers=True)
    assert not reading.forecasts.GetForecast(request).forecast.drivers
