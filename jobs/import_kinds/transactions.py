"""Files of purchases and returns."""

from farview.core import columns as c
from jobs.import_kinds import columns
from jobs.import_kinds.description import Kind

TRANSACTIONS = Kind(
    name="transactions",
    about="a purchase, or a return with a negative amount",
    example="transactions sales.csv.gz --customer-column client --amount-column total",
    columns=(
        columns.identifier(c.CUSTOMER_ID, "--customer-column", "Who bought."),
        columns.time("When"),
        columns.amount(c.AMOUNT, "--amount-column", "How much; returns are negative.", required=True),
        columns.currency(),
        columns.ingested_at(),
        columns.row_id("transaction_id"),
    ),
    following="farview train ltv",
    converted=(c.AMOUNT, "original_amount"),
)
