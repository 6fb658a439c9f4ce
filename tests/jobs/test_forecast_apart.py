"""Models fitted at several days: the same in this process and in others, failures named, a killed process reported."""

import os
import signal
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from farview.core.errors import InvalidInput, Unavailable
from farview.simulation.bg_nbd import simulate_events
from jobs import forecast_apart as module
from jobs.backtest_fits import Failure
from jobs.backtest_models import Candidate, Forecasts, candidates
from jobs.forecast_apart import forecast_apart
from jobs.past import Past, past_of
from jobs.progress import Silent

DAYS = (date(1997, 5, 31), date(1997, 6, 30), date(1997, 7, 31))


class Counting(Silent):
    """Counts what is done."""

    def __init__(self) -> None:
        self.units = 0

    def advance(self, units: int = 1) -> None:
        self.units += units


def refuse(past: Past) -> None:
    raise InvalidInput.of("model", f"cannot be fitted to {past.rfm.num_rows} customers")


def die(_past: Past) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def pasts() -> list[Past]:
    events = pa.Table.from_batches(simulate_events(200, seed=8))
    return [past_of(events, day, "UTC") for day in DAYS]


def test_processes_change_nothing(pasts: list[Past], monkeypatch: pytest.MonkeyPatch) -> None:
    every = candidates(0)
    models = {"mbg_nbd": every["mbg_nbd"], "refusing": Candidate(refuse, ""), "past_rate": every["past_rate"]}
    alone, watch = forecast_apart(pasts, models, 30, Silent()), Counting()
    monkeypatch.setattr(module, "FEWEST_CUSTOMERS", 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1})
    apart = forecast_apart(pasts, models, 30, watch)
    assert watch.units == len(pasts) * len(models)
    for one, other, past in zip(alone, apart, pasts, strict=True):
        assert list(one) == list(other) == list(models)
        assert one["refusing"] == other["refusing"]
        assert one["refusing"] == Failure(past.as_of, f"model: cannot be fitted to {past.rfm.num_rows} customers")
        for name in ("mbg_nbd", "past_rate"):
            here, there = one[name], other[name]
            assert isinstance(here, Forecasts)
            assert isinstance(there, Forecasts)
            assert len(here.value.mean) == past.rfm.num_rows
            np.testing.assert_array_equal(here.value.mean, there.value.mean)
            np.testing.assert_array_equal(here.purchases.mean, there.purchases.mean)


def test_a_killed_process_is_reported(pasts: list[Past], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEWEST_CUSTOMERS", 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1})
    with pytest.raises(Unavailable, match="fits models was killed"):
        forecast_apart(pasts, {"dying": Candidate(die, "")}, 30, Silent())


def test_no_past_has_no_forecast() -> None:
    assert forecast_apart([], candidates(0), 30, Silent()) == []
