"""RFM rows taken from customer features are those that the log gives."""

from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.clock import Cut
from farview.features.customer import customer_features
from farview.features.customer_rfm import rfm_of_features
from farview.features.rfm import rfm
from tests.features.test_rfm import ZONES, Event, cuts, logs, table
from tests.tiers import examples


@settings(max_examples=examples(ci=15, soak=1000), deadline=None)
@given(events=logs(), cut=cuts, zone=st.sampled_from(ZONES))
def test_rfm_of_features_is_rfm_of_the_log(events: list[Event], cut: Cut, zone: str) -> None:
    features = customer_features(table(events), cut, zone).read_all()
    assert rfm_of_features(features, cut.as_of).equals(rfm(table(events), cut, zone).read_all())
