"""Pictures of a backtest: which are drawn, what they show, and that nothing of pyplot is kept."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.figure import Figure

from farview.core import schemas
from farview.pictures.calibration import draw_calibration, draw_lift, draw_pit
from farview.pictures.matrices import draw_frequency_recency
from farview.pictures.tracking import Tracked, draw_cumulative, draw_incremental
from jobs.backtest import Backtest, BacktestSpec, backtest
from jobs.backtest_models import candidates
from jobs.backtest_pictures import pictures, shown, write_pictures
from jobs.progress import Silent

MODELS = candidates(seed=0)
SPEC = BacktestSpec(date(2024, 4, 30), date(2024, 6, 30))
DRAWN = {
    f"{kind}_{quantity}"
    for kind in ("calibration", "lift", "pit", "tracking_cumulative", "tracking_incremental")
    for quantity in ("purchases", "value")
} | {"matrix_p_alive", "matrix_expected_purchases"}


def shop() -> pa.Table:
    """Fifty customers who come back now and then, half of them to the end."""
    start = datetime(2024, 1, 1, 12, tzinfo=UTC)
    rows = [
        (f"c{k}", start + timedelta(days=(k % 20) + step * (7 + k % 11)), 5.0 + k % 7)
        for k in range(50)
        for step in range(2 + (k % 5) * (1 + k % 2))
    ]
    return pa.Table.from_pylist([dict(zip(schemas.EVENTS.names, row, strict=True)) for row in rows], schemas.EVENTS)


@pytest.fixture(scope="module")
def result() -> Backtest:
    return backtest(shop(), SPEC, {name: MODELS[name] for name in ("bg_nbd", "past_spend", "past_rate")}, Silent())


def test_every_picture_of_a_model_with_laws_is_drawn(result: Backtest) -> None:
    assert shown(result) == "bg_nbd"
    assert {name for name, _ in pictures(result, shop())} == DRAWN


def test_pictures_are_700_dots_wide_and_equal_bytes_come_out_again(result: Backtest, tmp_path: Path) -> None:
    once, again = (
        {path.name: path.read_bytes() for path in write_pictures(result, shop(), tmp_path / turn, Silent())}
        for turn in ("once", "again")
    )
    assert once == again
    assert {int.from_bytes(picture[16:20], "big") for picture in once.values()} == {700}


def test_of_point_forecasts_only_what_can_be_drawn_is(result: Backtest) -> None:
    points = {name: result.forecasts[name] for name in ("past_spend", "past_rate")}
    alone = replace(result, forecasts=points, champion=None)
    assert {name for name, _ in pictures(alone, shop())} == {
        name for name in DRAWN if not name.startswith(("pit", "matrix"))
    }


def lines(picture: Figure) -> dict[str, list[float]]:
    """Ordinates of every labelled line."""
    return {str(line.get_label()): list(map(float, line.get_ydata())) for line in picture.axes[0].get_lines()}


TRACKED = Tracked(
    days=np.array([10.0, 30.0]),
    actual=np.array([4.0, 10.0]),
    means={"a": np.array([5.0, 9.0])},
    low=np.array([3.0, 6.0]),
    high=np.array([7.0, 12.0]),
)


def test_the_cumulative_picture_starts_at_zero_and_names_its_interval() -> None:
    picture = draw_cumulative(TRACKED, "purchases")
    assert lines(picture)["what came"] == [0.0, 4.0, 10.0]
    assert "a, 80 % interval" in [text.get_text() for text in picture.axes[0].get_legend().get_texts()]


def test_the_incremental_picture_shows_what_a_day_brought_in_each_period() -> None:
    drawn = lines(draw_incremental(TRACKED, "purchases"))
    assert (drawn["what came"], drawn["a"]) == ([0.4, 0.3], [0.5, 0.2])


def test_baselines_are_drawn() -> None:
    figures = np.array([1.0, 2.0]), np.array([1.5, 2.5]), np.array([0.1, 0.1])
    assert "what came is what was forecast" in lines(draw_calibration({"a": figures}, "units"))
    assert "random order" in lines(draw_lift({"a": np.linspace(3, 0, 10)}, "value"))


def test_a_calibration_with_losses_is_drawn_on_plain_axes() -> None:
    figures = np.array([0.0, 2.0]), np.array([-1.5, 2.5]), np.array([0.1, 0.1])
    assert draw_calibration({"a": figures}, "units").axes[0].get_xscale() == "linear"


def test_axes_are_named_with_their_units() -> None:
    pictures = [
        draw_pit(np.full(20, 0.05), 1000, "a"),
        draw_cumulative(TRACKED, "purchase days"),
        draw_frequency_recency(np.arange(3.0), np.arange(4.0), np.ones((4, 3)), ("p", "title")),
    ]
    assert all(picture.axes[0].get_xlabel() and picture.axes[0].get_ylabel() for picture in pictures)


def test_drawing_leaves_pyplot_alone() -> None:
    code = "import sys, jobs.backtest_pictures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
