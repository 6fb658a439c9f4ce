"""`farview customers`, as it is typed."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from cli.main import app
from farview.core.errors import NotFound
from farview.store.store import Store
from farview.store.values import Transaction
from tests.cli.test_promises import Typed


@pytest.fixture
def farview(new_url: str) -> Typed:
    store = Store.open(new_url)
    store.record_transactions([Transaction("ada", datetime.now(UTC), Decimal(1), "EUR")], who="test")
    store.close()
    return Typed(new_url)


def test_a_customer_is_forgotten_and_the_rows_are_told(farview: Typed) -> None:
    assert farview("customers", "delete", "ada", "--yes") == "2 rows deleted; 0 remembered answers changed.\n"
    with pytest.raises(NotFound, match="customer 'ada'"):
        farview("customers", "delete", "ada", "--yes")


def test_nobody_is_forgotten_who_was_not_confirmed(farview: Typed, new_url: str) -> None:
    told = CliRunner().invoke(app, ["customers", "delete", "ada", "--database", new_url], input="n\n")
    assert (told.exit_code, "Delete everything that is kept of ada?" in told.output) == (1, True)
    assert "2 rows" in farview("customers", "delete", "ada", "--yes")
