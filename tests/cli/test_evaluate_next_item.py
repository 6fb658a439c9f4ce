"""`farview evaluate next-item` in a small shop where pairs of items go together."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from cli.commands.evaluate import app
from farview.core.errors import InvalidInput


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """200 customers buy an item in spring and in autumn mostly its partner, which stands in another category."""
    folder = tmp_path_factory.mktemp("shop")
    random = np.random.default_rng(1)
    lines = []
    for customer in range(200):
        first = int(random.integers(20)) * 2
        for month, items in ((2, [first]), (5, [first + 1, int(random.integers(40))]), (10, [(first + 2) % 40])):
            lines += [f"c{customer},i{item},2020-{month:02d}-{1 + customer % 28:02d},{1 + item}" for item in items]
        for month in (2, 5):  # what this customer bought, the customer before lets others learn from
            partner = (first + 2) % 40
            lines += [f"d{customer},i{item},2020-{month:02d}-15,{1 + item}" for item in (first, first + 1, partner)]
    (folder / "lines.csv").write_text("customer_id,item_id,time,amount\n" + "\n".join(lines) + "\n,i1,2020-01-01,1\n")
    catalogue = [f"i{item},{'even' if item % 4 < 2 else 'odd'}{item % 3}" for item in range(40)]
    (folder / "items.csv").write_text("item_id,category\n" + "\n".join(catalogue))
    items = ["--catalogue", str(folder / "items.csv"), "--category-column", "category"]
    return ["--purchases", str(folder / "lines.csv"), "--amount-column", "amount", *items]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["next-item", *arguments], env={"COLUMNS": "80"})


def report(*arguments: str) -> dict[str, Any]:
    result = run(*arguments, "--split-date", "2020-06-30", "--json", "-")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def plain(files: list[str]) -> dict[str, Any]:
    return report(*files)


def test_items_that_go_together_are_found_by_item_knn(plain: dict[str, Any]) -> None:
    assert plain["champion"] == "item_knn"
    assert plain["models"]["item_knn"]["ahead_of_popularity"]["lower"] > 0


def test_nothing_after_the_split_changes_what_is_shown(files: list[str], plain: dict[str, Any], tmp_path: Path) -> None:
    lines = Path(files[1]).read_text().splitlines()
    moved = [line.replace("2020-10-", "2020-12-") for line in lines]
    (tmp_path / "lines.csv").write_text("\n".join(moved))
    assert report("--purchases", str(tmp_path / "lines.csv"), *files[2:])["models"] == plain["models"]


def test_cross_sell_leaves_the_category_bought_last_out(files: list[str], plain: dict[str, Any]) -> None:
    found = report(*files, "--cross-sell")
    assert set(found["models"]) == {"popularity", "item_knn"}
    assert 0 < found["protocol"]["judged_customers"] < plain["protocol"]["judged_customers"]


def test_the_most_active_alone_may_be_judged(files: list[str], plain: dict[str, Any]) -> None:
    few = report(*files, "--most-active", "0.9")["protocol"]
    assert 0 < few["judged_customers"] < plain["protocol"]["judged_customers"]


def test_the_tables_name_the_champion_and_what_was_rejected(files: list[str]) -> None:
    result = run(*files, "--split-date", "2020-06-30")
    assert "item_knn (champion)" in result.output
    assert "Rejected rows: 1 without customer, item or time." in result.output


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--split-date", "2021-01-01"], "nobody who bought by 2021-01-01 buys anything new"),
        (["--split-date", "2019-01-01"], "nobody who bought by"),
        (["--item-column", "sku"], "sku"),
    ],
)
def test_what_cannot_be_judged_is_refused(files: list[str], options: list[str], complaint: str) -> None:
    result = run(*files, *options)
    assert isinstance(result.exception, InvalidInput)
    assert complaint in str(result.exception)


def test_cross_sell_needs_categories(files: list[str]) -> None:
    result = run(*files[:2], "--cross-sell")
    assert isinstance(result.exception, InvalidInput)
    assert "--category-column" in str(result.exception)
