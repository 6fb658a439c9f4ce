"""Files of lists that were shown, item by item, and what came of them."""

from farview.core import columns as c
from jobs.import_kinds import columns
from jobs.import_kinds.columns import EMPTY
from jobs.import_kinds.description import Check, Column, Kind

GRADES = ("impression", "click", "cart", "checkout", "purchase")

_WORDS = " ".join(f"WHEN '{word}' THEN {grade}" for grade, word in enumerate(GRADES))

_GRADE = Column(
    "grade",
    "--grade-column",
    f"What came of it: 0 to {len(GRADES) - 1}, or {', '.join(GRADES)}.",
    f"CASE lower(trim(grade_text)) {_WORDS} ELSE whole_number(grade_text) END",
    (
        Check("coalesce(trim(grade_text), '') = ''", EMPTY),
        Check(
            f"grade IS NULL OR grade NOT BETWEEN 0 AND {len(GRADES) - 1}",
            f'"{{text}}" is no grade (write 0 to {len(GRADES) - 1}, or {", ".join(GRADES)})',
        ),
    ),
)

IMPRESSIONS = Kind(
    name="impressions",
    about="an item shown at a place of a list",
    example="impressions shown.csv.gz --query-column list --grade-column outcome",
    columns=(
        columns.identifier("query_id", "--query-column", "One list shown to one customer."),
        columns.identifier(c.CUSTOMER_ID, "--customer-column", "To whom."),
        columns.time("When"),
        columns.whole("position", "--position-column", "Place in the list, 1 on top.", 1, required=True),
        columns.identifier(c.ITEM_ID, "--item-column", "Which item."),
        _GRADE,
        columns.propensity("Probability of the item at this place, given those above it."),
        columns.ingested_at(),
    ),
    following="farview serve",
)
