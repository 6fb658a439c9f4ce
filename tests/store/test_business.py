"""The business is set once."""

from dataclasses import replace

import pytest

from farview.core.errors import FailedPrecondition, InvalidInput
from farview.store.store import Store
from farview.store.values import Business

BERLIN = Business("Europe/Berlin", "EUR", consent_required=False)


def test_setting_the_same_again_is_a_no_op(store: Store) -> None:
    assert store.set_business(BERLIN) == store.business() == BERLIN


@pytest.mark.parametrize(
    "other",
    [
        replace(BERLIN, time_zone="Europe/Paris"),
        replace(BERLIN, reporting_currency="USD"),
        replace(BERLIN, consent_required=True),
    ],
)
def test_another_business_is_refused(store: Store, other: Business) -> None:
    with pytest.raises(FailedPrecondition, match="Europe/Berlin"):
        store.set_business(other)


@pytest.mark.parametrize("wrong", [Business("Mars/Base", "EUR", False), Business("Europe/Berlin", "euro", False)])
def test_an_unknown_zone_or_currency_is_refused(url: str, wrong: Business) -> None:
    opened = Store.open(url)
    with pytest.raises(InvalidInput, match=r"time_zone|reporting_currency"):
        opened.set_business(wrong)
    opened.close()


def test_reading_before_it_is_set_names_the_command(url: str) -> None:
    opened = Store.open(url)
    with pytest.raises(FailedPrecondition, match="farview init"):
        opened.business()
    opened.close()
