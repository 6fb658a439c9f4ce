"""Files of rates of exchange."""

from farview.core.rates import CURRENCY, RATE_BELOW, RATE_DECIMALS
from jobs.import_kinds import columns
from jobs.import_kinds.columns import EMPTY
from jobs.import_kinds.description import Check, Column, Kind

_DATE = Column(
    "date",
    "--date-column",
    "Day of the rate, business time zone; it holds until the next, at most 7 days longer.",
    "CAST(instant(date_text) AS DATE)",
    (
        Check("coalesce(trim(date_text), '') = ''", EMPTY),
        Check("NOT coalesce(isfinite(date), false)", '"{text}" is not a day (write it as 1997-09-30)'),
        Check(
            "date > CAST(getvariable('now') AS DATE)",
            '"{text}" lies in the future (is the year or the order of day and month wrong?)',
        ),
        Check("date < DATE '1900-01-01'", '"{text}" lies before 1900 (is the year written with four digits?)'),
    ),
)

_CURRENCY = Column(
    "currency",
    "--currency-column",
    "ISO 4217 code of the other currency.",
    "nullif(upper(trim(currency_text)), '')",
    (
        Check("currency IS NULL", EMPTY),
        Check(f"NOT regexp_full_match(currency, '{CURRENCY}')", '"{text}" is not an ISO 4217 code like {currency}'),
    ),
)

_RATE = Column(
    "rate",
    "--rate-column",
    "What one unit of it is worth in the reporting currency.",
    f"round(real_number(rate_text), {RATE_DECIMALS})",
    (
        Check("coalesce(trim(rate_text), '') = ''", EMPTY),
        *columns.not_a_number("rate", "rate IS NULL"),
        Check("rate <= 0", f'"{{text}}" is not above 0 ({RATE_DECIMALS} decimals are kept)'),
        Check(f"rate >= {RATE_BELOW}", f'"{{text}}" is not below {RATE_BELOW:,}'),
        Check(
            "currency = getvariable('currency') AND rate <> 1",
            '"{text}" is of the reporting currency {currency} itself, whose rate is 1',
        ),
    ),
    decimal=True,
)

RATES = Kind(
    name="rates",
    about="what one unit of a currency was worth on a day, in the reporting currency",
    example="rates ecb.csv --date-column day",
    columns=(_DATE, _CURRENCY, _RATE, columns.ingested_at()),
    following="farview import transactions FILE",
)
