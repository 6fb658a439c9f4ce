"""A synthetic business whose customers saw lists of items, put into a store."""

from decimal import Decimal
from functools import cache

import numpy as np
import pyarrow as pa

from farview.simulation.customers import customer_blocks
from farview.simulation.impressions import Lists, impressions_table, simulate_lists
from farview.simulation.items import Catalogue, items_table, make_catalogue
from farview.simulation.world import make_world
from farview.store.store import Store
from tests.store.files import imported

WORLD = make_world(11)
CATALOGUE: Catalogue = make_catalogue(WORLD)


@cache
def lists(customers: int) -> Lists:
    """Ten items a list, up to three lists a customer, in the first quarter of 2025."""
    (block,) = customer_blocks(WORLD, customers)
    return simulate_lists(WORLD, CATALOGUE, block)


def fill(store: Store, customers: int, shown: pa.Table | None = None) -> None:
    """Imports catalogue and lists; `shown` in place of the world's."""
    items = items_table(WORLD, CATALOGUE).drop_columns(["popularity"]).to_pylist()
    amounts = ({name: Decimal(str(row[name])) for name in ("price", "margin")} for row in items)
    imported(store, "items", [row | each | {"attributes": "{}"} for row, each in zip(items, amounts, strict=True)])
    table = impressions_table(lists(customers)) if shown is None else shown
    imported(store, "impressions", table.to_pylist())


def with_grades(customers: int, grades: np.ndarray) -> pa.Table:
    """The lists with other grades, one a row."""
    table = impressions_table(lists(customers))
    return table.set_column(table.column_names.index("grade"), "grade", pa.array(grades))
