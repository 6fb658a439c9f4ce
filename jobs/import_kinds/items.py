"""Files of the catalogue."""

from farview.core import columns as c
from jobs.import_kinds import columns
from jobs.import_kinds.description import Check, Column, Kind

_ADDED = Column(
    "added",
    "--added-column",
    "First day in the catalogue.",
    "CAST(instant(added_text) AS DATE)",
    (
        Check(
            "trim(added_text) <> '' AND NOT coalesce(isfinite(added), false)",
            '"{text}" is not a day (write it as 1997-09-30)',
        ),
        Check("added < DATE '1900-01-01'", '"{text}" lies before 1900 (is the year written with four digits?)'),
    ),
    required=False,
)

ITEMS = Kind(
    name="items",
    about="an item of the catalogue",
    example="items catalogue.csv --item-column sku --decimal ,",
    columns=(
        columns.identifier(c.ITEM_ID, "--item-column", "Which item it is."),
        columns.amount(
            "price",
            "--price-column",
            "What it costs, 0 or more.",
            Check("price < 0", '"{text}" is negative (a price is 0 or more)'),
            required=True,
        ),
        columns.text("category", "--category-column", "One per item."),
        columns.text("brand", "--brand-column", "One per item."),
        columns.amount("margin", "--margin-column", "What one sale earns; may be negative."),
        columns.whole("stock", "--stock-column", "Pieces left; without it not limited.", 0, required=False),
        _ADDED,
    ),
    following="farview import impressions FILE",
    attributes=True,
    once=c.ITEM_ID,
    changed="updated",
)
