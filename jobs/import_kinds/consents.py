"""Files of what customers permit."""

from farview.core import columns as c
from jobs.import_kinds import columns
from jobs.import_kinds.columns import EMPTY
from jobs.import_kinds.description import Check, Column, Kind

_PURPOSE = Column(
    "purpose",
    "--purpose-column",
    'What for; "marketing" where it is empty or absent.',
    "coalesce(nullif(trim(purpose_text), ''), 'marketing')",
    (Check("contains(purpose, chr(0))", columns.NUL),),
    required=False,
)

_ALLOWED = Column(
    "allowed",
    "--allowed-column",
    "true, false, yes, no, 1 or 0.",
    "truth(allowed_text)",
    (
        Check("coalesce(trim(allowed_text), '') = ''", EMPTY),
        Check("allowed IS NULL", '"{text}" is neither yes nor no (write true, false, yes, no, 1 or 0)'),
    ),
)

CONSENTS = Kind(
    name="consents",
    about="what a customer permitted or refused, and when",
    example="consents consents.csv --allowed-column opted_in",
    columns=(
        columns.identifier(c.CUSTOMER_ID, "--customer-column", "Who said so."),
        columns.identifier(c.CHANNEL, "--channel-column", "Of which channel."),
        _PURPOSE,
        _ALLOWED,
        columns.time("When the customer said so"),
    ),
    following="farview import touchpoints FILE",
)
