"""What the command line says of an audience, checked."""

import math
from collections.abc import Sequence

from farview.core.errors import InvalidInput
from farview.core.filters import FORECAST_FIELDS, compile_filter
from ranking.score_names import NAMES, NamedScore

_WITH_NUMBER = {
    "quantile": "a level",
    "upper-confidence": "deviations",
    "exceedance": "a threshold",
    "lower-tail": "a part",
    "upper-tail": "a part",
}
_WITH_EXAMPLE = {"quantile": 0.1, "upper-confidence": 1, "exceedance": 100}
_WITH_ACTION = "treatment-effect"
MAX_FACTORS = 16
MAX_FACTOR = 1_000
MAX_FATIGUE_DAYS = 365
FATIGUE_DAYS = 30


def score_of(text: str) -> NamedScore:
    """Of NAME, NAME=NUMBER or treatment-effect=ACTION.

    Raises:
        InvalidInput: on `--score`.
    """
    name, _, number = text.partition("=")
    if name not in NAMES:
        raise InvalidInput.of("--score", f"{name!r} is not one of {', '.join(NAMES)}")
    if name not in _WITH_NUMBER and name != _WITH_ACTION:
        if number:
            raise InvalidInput.of("--score", f"{name} takes no number")
        return NamedScore(name)
    if name == _WITH_ACTION:
        if not number:
            raise InvalidInput.of("--score", f"{name} needs an action, as in {name}=email")
        return NamedScore(name, action=number)
    value = _number(number)
    if not math.isfinite(value) or value < 0:
        said = f"{number!r} is not {_WITH_NUMBER[name]} of {name}, at least 0" if number else f"{name} has no number"
        raise InvalidInput.of("--score", f"{said} ({name}={_WITH_EXAMPLE.get(name, 0.25)} has one)")
    score = NamedScore(name, value)
    try:
        score.kind()
    except InvalidInput as error:
        raise InvalidInput.of("--score", "; ".join(wrong.problem for wrong in error.violations)) from None
    return score


def floors_of(texts: Sequence[str]) -> tuple[tuple[str, str, float], ...]:
    """Of NAME=SHARE:FILTER each: (name, filter, share).

    Raises:
        InvalidInput: on `--floor`.
    """
    found = []
    for text in texts:
        name, _, rest = text.partition("=")
        share, _, where = rest.partition(":")
        part = _number(share)
        if not name or not where.strip() or not 0 < part <= 1:
            raise InvalidInput.of(
                "--floor",
                f"{text!r} is not NAME=SHARE:FILTER with a share above 0 and at most 1 (new=0.2:p_alive > 0.9)",
            )
        compile_filter(where, FORECAST_FIELDS, "--floor")
        found.append((name, where, part))
    return tuple(found)


def caps_of(texts: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Of CONTACTS/DAYS each.

    Raises:
        InvalidInput: on `--cap`.
    """
    found = []
    for text in texts:
        contacts, _, days = text.partition("/")
        if not (contacts.isdecimal() and days.isdecimal() and int(contacts) and int(days)):
            raise InvalidInput.of("--cap", f"{text!r} is not CONTACTS/DAYS (2/7 is at most two in seven days)")
        found.append((int(contacts), int(days)))
    return tuple(found)


def factors_of(texts: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Of NUMBER:FILTER each: (filter, factor).

    Raises:
        InvalidInput: on `--factor`.
    """
    if len(texts) > MAX_FACTORS:
        raise InvalidInput.of("--factor", f"is given {len(texts)} times; at most {MAX_FACTORS}")
    found = []
    for text in texts:
        number, _, where = text.partition(":")
        factor = _number(number)
        if not where.strip() or not 0 <= factor <= MAX_FACTOR:
            raise InvalidInput.of(
                "--factor", f"{text!r} is not NUMBER:FILTER with a number from 0 to {MAX_FACTOR:,} (0.5:p_alive < 0.2)"
            )
        compile_filter(where, FORECAST_FIELDS, "--factor")
        found.append((where, factor))
    return tuple(found)


def fatigue_of(text: str) -> tuple[float, int] | None:
    """Of SHARE or SHARE/DAYS: what each contact leaves, and the days that count; of "" none.

    Raises:
        InvalidInput: on `--fatigue`.
    """
    if not text:
        return None
    share, slash, days = text.partition("/")
    window = days if slash else str(FATIGUE_DAYS)
    if not 0 < _number(share) < 1 or not (window.isdecimal() and 1 <= int(window) <= MAX_FATIGUE_DAYS):
        raise InvalidInput.of(
            "--fatigue",
            f"{text!r} is not SHARE or SHARE/DAYS with a share in (0, 1) and 1 to {MAX_FATIGUE_DAYS} days (0.8/30)",
        )
    return float(share), int(window)


def _number(text: str) -> float:
    """NaN, which lies in no range, of what is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan
