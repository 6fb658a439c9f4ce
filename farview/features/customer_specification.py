"""What the features of a learning value model are, once; both executors and a model's lineage refer to it."""

from farview.core import columns as c
from farview.features.specification import Feature

WINDOWS_DAYS = (7, 14, 28, 56, 91, 182, 364)
MOMENTUM_DAYS = (28, 91, 182)  # twice each is a window too
MONTHS = tuple(range(1, 13))
WEEKDAYS = tuple(range(1, 8))  # Monday is 1, as in ISO 8601
YEAR_DAYS = 365.2425

_ALL = "first event to the end of the as-of day, days of the business zone"
_NEVER = "never null: a customer without a purchase day is left out"
_NO_REPEAT = "null without a repeat purchase day"
_CURRENCY = "reporting currency"


def _last(days: int) -> str:
    return f"the last {days} days, the as-of day included"


def _windowed() -> tuple[Feature, ...]:
    by_window = [
        (
            Feature(f"purchases_{days}d", "purchase days", _last(days), "count", "0 without one"),
            Feature(f"spend_{days}d", "sum of amounts >= 0", _last(days), _CURRENCY, "0 without one"),
            Feature(f"returned_{days}d", "sum of amounts < 0, sign dropped", _last(days), _CURRENCY, "0 without one"),
        )
        for days in WINDOWS_DAYS
    ]
    return tuple(feature for features in by_window for feature in features)


def _momentum() -> tuple[Feature, ...]:
    null = "null when the first purchase lies in the later window: there was nothing to compare with"
    by_window = [
        (
            Feature(
                f"purchases_momentum_{days}d",
                f"purchase days of {_last(days)}, less those of the {days} days before",
                f"the last {2 * days} days",
                "count",
                null,
            ),
            Feature(
                f"spend_momentum_{days}d",
                f"amounts >= 0 of {_last(days)}, less those of the {days} days before",
                f"the last {2 * days} days",
                _CURRENCY,
                null,
            ),
        )
        for days in MOMENTUM_DAYS
    ]
    return tuple(feature for features in by_window for feature in features)


def _season() -> tuple[Feature, ...]:
    share = "purchase days of it over all purchase days"
    angle = f"2 pi (day of the year - 1) / {YEAR_DAYS}"
    return (
        *(Feature(f"share_month_{month:02d}", share, _ALL, "0 to 1", _NEVER) for month in MONTHS),
        *(Feature(f"share_quarter_{quarter}", share, _ALL, "0 to 1", _NEVER) for quarter in (1, 2, 3, 4)),
        *(Feature(f"share_weekday_{day}", f"{share}; Monday is 1", _ALL, "0 to 1", _NEVER) for day in WEEKDAYS),
        Feature("as_of_year_sin", f"sine of {angle}", "the as-of day", "-1 to 1", _NEVER),
        Feature("as_of_year_cos", f"cosine of {angle}", "the as-of day", "-1 to 1", _NEVER),
        Feature("first_year_sin", f"sine of {angle}", "the first purchase day", "-1 to 1", _NEVER),
        Feature("first_year_cos", f"cosine of {angle}", "the first purchase day", "-1 to 1", _NEVER),
    )


CUSTOMER_FEATURES: tuple[Feature, ...] = (
    Feature(c.FREQUENCY, "purchase days after the first", _ALL, "count", _NEVER),
    Feature(c.RECENCY_DAYS, "first to last purchase day", _ALL, "days", _NEVER),
    Feature(c.AGE_DAYS, "first purchase day to the as-of day", _ALL, "days", _NEVER),
    Feature(
        c.REPEAT_SPEND_MEAN,
        "amounts >= 0 of purchase days after the first over frequency; returns not deducted",
        _ALL,
        f"{_CURRENCY} per purchase day",
        "0 without a repeat purchase day",
    ),
    Feature("since_last_days", "last purchase day to the as-of day", _ALL, "days", _NEVER),
    Feature("spend", "sum of amounts >= 0", _ALL, _CURRENCY, _NEVER),
    Feature("returned", "sum of amounts < 0, sign dropped", _ALL, _CURRENCY, "0 without one"),
    Feature("returned_share", "returned over spend", _ALL, "ratio", "null when spend is 0"),
    Feature("return_days", "days with at least one amount < 0", _ALL, "count", "0 without one"),
    *_windowed(),
    *_momentum(),
    Feature("interval_mean_days", "mean of the days between purchase days", _ALL, "days", _NO_REPEAT),
    Feature(
        "interval_sd_days",
        "standard deviation of the days between purchase days (divisor: one less than their number)",
        _ALL,
        "days",
        "null with fewer than two repeat purchase days",
    ),
    Feature("interval_longest_days", "longest time between purchase days", _ALL, "days", _NO_REPEAT),
    Feature("interval_last_days", "last but one to last purchase day", _ALL, "days", _NO_REPEAT),
    Feature("since_last_over_interval_mean", "since_last_days over interval_mean_days", _ALL, "ratio", _NO_REPEAT),
    Feature("amount_first", "amounts >= 0 of the first purchase day", _ALL, _CURRENCY, _NEVER),
    Feature("amount_last", "amounts >= 0 of the last purchase day", _ALL, _CURRENCY, _NEVER),
    Feature("amount_biggest", "largest sum of amounts >= 0 of a purchase day", _ALL, _CURRENCY, _NEVER),
    Feature("amount_median", "lower median over purchase days of their amounts >= 0", _ALL, _CURRENCY, _NEVER),
    Feature("first_weekday", "weekday of the first purchase day, Monday is 1", _ALL, "1 to 7", _NEVER),
    Feature("first_month", "month of the first purchase day", _ALL, "1 to 12", _NEVER),
    *_season(),
)
"""In the order of the columns. Amounts are rounded to 1e-8 before they are summed; same-day purchases merge."""

CUSTOMER_COLUMNS: tuple[str, ...] = tuple(feature.name for feature in CUSTOMER_FEATURES)
