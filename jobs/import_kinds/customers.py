"""Files of customers and their attributes."""

from farview.core import columns as c
from jobs.import_kinds import columns
from jobs.import_kinds.description import Check, Column, Kind

_TIME_ZONE = Column(
    "time_zone",
    "--time-zone-column",
    "IANA zone the customer lives in.",
    "iana_zone(time_zone_text)",
    (
        Check(
            "time_zone IS NULL AND trim(time_zone_text) <> ''",
            '"{text}" is not an IANA time zone (for example Europe/Berlin)',
        ),
    ),
    required=False,
)

CUSTOMERS = Kind(
    name="customers",
    about="a customer with attributes",
    example="customers crm.csv --customer-column client --attribute segment --attribute age",
    columns=(columns.identifier(c.CUSTOMER_ID, "--customer-column", "Who it is."), _TIME_ZONE),
    following="farview import consents FILE",
    attributes=True,
    once=c.CUSTOMER_ID,
    changed="updated",
)
