"""Files of what was done to customers, and what came of it."""

from farview.core import columns as c
from jobs.import_kinds import columns
from jobs.import_kinds.description import Kind

TREATMENTS = Kind(
    name="treatments",
    about="what was done to a customer, doing nothing included, and what came of it",
    example="treatments mailing.csv --action-column segment --outcome-column margin",
    columns=(
        columns.identifier(c.CUSTOMER_ID, "--customer-column", "To whom."),
        columns.time("When"),
        columns.identifier("action", "--action-column", "What was done; doing nothing has a name too."),
        columns.propensity("Probability of the action under the policy that chose it."),
        columns.amount("outcome", "--outcome-column", "Margin that came of it; empty while it is not known."),
        columns.currency(),
        columns.ingested_at(),
    ),
    following="farview train uplift",
    converted=("outcome", "original_outcome"),
)
