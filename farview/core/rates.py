"""What a rate of exchange may be, and how long it holds."""

CURRENCY = "[A-Z]{3}"
"""Shape of an ISO 4217 code, as a regular expression."""

OLDEST_RATE_DAYS = 7
"""A rate holds until the next, but at most that much longer than its own day."""

RATE_DECIMALS = 10
RATE_BELOW = 10**7
