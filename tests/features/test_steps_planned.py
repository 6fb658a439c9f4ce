"""State of planned touches, and the encoding of attributes: the same for training and for requests."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.errors import InvalidInput
from farview.features.journey_context import ContextEncoding
from farview.features.steps import StepRules, at_risk_steps, micros, planned_state
from tests.tiers import examples

START = datetime(2025, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=20)


def log(rows) -> pa.Table:
    """Rows of (customer, hours after START, interaction)."""
    return pa.table(
        {
            "customer_id": pa.array([row[0] for row in rows], pa.string()),
            "time": pa.array([START + timedelta(hours=row[1]) for row in rows], pa.timestamp("us", "UTC")),
            "interaction": pa.array([row[2] for row in rows], pa.string()),
            "channel": pa.array(["x"] * len(rows), pa.string()),
        }
    )


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 479), st.sampled_from(["click", "conversion"])), max_size=20
    ),
    st.integers(1, 4),
    st.integers(1, 200),
)
@settings(max_examples=examples(ci=60, soak=3000))
def test_planned_touches_have_the_state_they_get_once_they_happened(rows, length, gap_hours):
    planned = [NOW + timedelta(hours=gap_hours * position) for position in range(length)]
    before = at_risk_steps(log(rows), StepRules("Europe/Berlin", since=START, until=NOW))
    place = np.array([before.customer_ids.index(name) if name in before.customer_ids else -1 for name in "abc"])
    instants = np.tile([micros(at) for at in planned], (3, 1))
    expected = planned_state(before, place, instants)
    happened = [(name, (at - START) / timedelta(hours=1), "click") for name in "abc" for at in planned]
    known = [row for row in rows if row[0] in before.customer_ids]  # who only converted is not known to the steps
    after = at_risk_steps(
        log(known + happened), StepRules("Europe/Berlin", since=START, until=planned[-1] + timedelta(hours=1))
    )
    last = np.concatenate([np.arange(end - length, end) for end in after.offsets[1:]])
    np.testing.assert_array_equal(expected.reshape(3 * length, -1), after.state[last])


CUSTOMERS = pa.table(
    {
        "customer_id": ["a", "b", "c"],
        "segment": ["loyal", None, "new"],
        "age": pa.array([20, 40, None], pa.int64()),
        "vip": [True, False, None],
    }
)


def test_attributes_become_scaled_numbers_and_columns_of_categories():
    encoding = ContextEncoding.learn(CUSTOMERS, ["segment", "age", "vip"])
    np.testing.assert_array_equal(
        encoding.encode(CUSTOMERS, ["c", "a"]),
        [[0, 0, 1, 0, 0], [-1, 1, 0, 0, 1]],  # age, loyal, new, false, true; null age is the mean
    )


def test_unknown_customers_and_values_are_encoded_as_nothing_known():
    encoding = ContextEncoding.learn(CUSTOMERS, ["segment"])
    other = pa.table({"customer_id": ["z"], "segment": ["imaginary"]})
    assert not encoding.encode(other, ["z", "nobody"]).any()


def test_the_encoding_survives_json():
    encoding = ContextEncoding.learn(CUSTOMERS, ["segment", "age"])
    assert ContextEncoding.from_data(encoding.as_data()) == encoding


def test_an_attribute_that_customers_lack_is_named():
    with pytest.raises(InvalidInput, match="shoe_size: customers have no such attribute"):
        ContextEncoding.learn(CUSTOMERS, ["shoe_size"])
