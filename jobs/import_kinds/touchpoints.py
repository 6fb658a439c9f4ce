"""Files of touches and conversions."""

from dataclasses import replace

from farview.core import columns as c
from jobs.import_kinds import columns
from jobs.import_kinds.columns import EMPTY
from jobs.import_kinds.description import Check, Column, Kind

_INTERACTION = Column(
    c.INTERACTION,
    "--interaction-column",
    'Kind of the touch (impression, click, ...); "conversion" is a conversion.',
    "if(lower(trim(interaction_text)) = 'conversion', 'conversion', nullif(trim(interaction_text), ''))",
    (Check("interaction IS NULL", EMPTY), Check("contains(interaction, chr(0))", columns.NUL)),
)

_CONVERSION_VALUE = replace(
    columns.amount(
        c.CONVERSION_VALUE,
        "--conversion-value-column",
        "What a conversion was worth.",
        Check(
            "money(conversion_value_text) <> 0 AND interaction <> 'conversion'",
            '"{text}" stands on a touch (only a row whose interaction is "conversion" has a value)',
        ),
    ),
    read="if(interaction = 'conversion', money(conversion_value_text), NULL)",  # exports write 0 on touches
)

TOUCHPOINTS = Kind(
    name="touchpoints",
    about="a touch, or a conversion",
    example="touchpoints touches.csv.gz --channel-column medium",
    columns=(
        columns.identifier(c.CUSTOMER_ID, "--customer-column", "Who was touched or converted."),
        columns.time("When"),
        _INTERACTION,
        columns.text(
            c.CHANNEL,
            "--channel-column",
            "On which channel; a conversion may have none.",
            Check("channel IS NULL AND interaction <> 'conversion'", "is empty (only a conversion may have none)"),
            required=True,
        ),
        _CONVERSION_VALUE,
        columns.propensity("Probability of the channel under the policy that chose it."),
        columns.currency(),
        columns.ingested_at(),
        columns.row_id("touchpoint_id"),
    ),
    following="farview train journeys",
    converted=(c.CONVERSION_VALUE, "original_value"),
)
