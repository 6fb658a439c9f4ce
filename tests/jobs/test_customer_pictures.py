"""Pictures of one customer: what stands in them is what was forecast."""

import numpy as np

from farview.pictures.customer import Fan, draw_drivers, draw_fan, draw_weights

DAYS = np.array([30.0, 90.0, 365.0])


def test_a_fan_begins_at_nothing_and_passes_through_the_forecasts() -> None:
    level = [np.array([1.0, 2.0, 5.0]) * factor for factor in (2.0, 0.1, 0.2, 1.5, 4.0, 5.0)]
    picture = draw_fan({"observed": Fan(*level), "on average": Fan(*level)}, DAYS, "value, EUR", "Customer 7")
    left, right = picture.axes
    mean = left.get_lines()[0]
    assert np.array_equal(mean.get_xdata(), [0.0, *DAYS])
    assert np.array_equal(mean.get_ydata(), [0.0, *level[0]])
    assert left.get_ylim() == right.get_ylim()
    assert left.get_ylabel() == "value, EUR"


def test_drivers_stand_in_their_order_with_their_factors_to_either_side() -> None:
    picture = draw_drivers(["nine purchase days", "much sent back"], np.array([2.0, 0.5]), "What moves it")
    (axes,) = picture.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["nine purchase days", "much sent back"]
    assert [text.get_text() for text in axes.texts] == ["x 2.00", "x 0.50"]
    widths = sorted(bar.get_width() for bar in axes.patches)
    assert widths == [np.log(0.5), np.log(2.0)]
    assert axes.get_yticks()[0] > axes.get_yticks()[1]


def test_weights_of_a_segment_fill_its_bar() -> None:
    by_segment = {"new": np.array([0.25, 0.75]), "known": np.array([1.0, 0.0])}
    (axes,) = draw_weights(by_segment, ["bg_nbd", "gru"], "What it is made of").axes
    ends = {(round(bar.get_y() + 0.3), round(bar.get_x(), 6), round(bar.get_width(), 6)) for bar in axes.patches}
    assert ends == {(1, 0.0, 0.25), (1, 0.25, 0.75), (0, 0.0, 1.0), (0, 1.0, 0.0)}
