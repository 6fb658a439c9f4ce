"""Scores come from forecast columns as they are, and their parts add up."""

import numpy as np
import pytest

from farview.core.errors import InvalidInput
from farview.core.schemas import FORECAST
from ranking.scores import ExpectedValue, ExpectedValueQuantile, score

COLUMNS = {"expected_value_mean": np.array([40.0, 10.0]), "expected_value_q10": np.array([12.5, 9.75])}


def test_the_expected_value_is_its_own_only_part() -> None:
    assert score(ExpectedValue(), COLUMNS).tolist() == [40.0, 10.0]
    assert {name: part.tolist() for name, part in ExpectedValue().parts(COLUMNS).items()} == {
        "expected_value_mean": [40.0, 10.0]
    }


def test_a_quantile_is_the_expected_value_and_what_uncertainty_takes_from_it() -> None:
    kind = ExpectedValueQuantile(0.1)
    assert score(kind, COLUMNS).tolist() == [12.5, 9.75]
    assert {name: part.tolist() for name, part in kind.parts(COLUMNS).items()} == {
        "expected_value_mean": [40.0, 10.0],
        "uncertainty": [-27.5, -0.25],
    }


@pytest.mark.parametrize("level", [0.05, 0.1, 0.5, 0.9, 0.95])
def test_every_stored_level_reads_columns_that_forecasts_have(level: float) -> None:
    assert set(ExpectedValueQuantile(level).columns) <= set(FORECAST.names)


def test_a_level_that_is_not_stored_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        InvalidInput, match=r"score.quantile_level: 0.2 is not a stored level; choose one of 0.05, 0.1, 0.5"
    ):
        ExpectedValueQuantile(0.2)
