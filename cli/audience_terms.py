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
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise InvalidInput.of("--score", f"{name} needs {_WITH_NUMBER[name]}, as in {name}=0.25")
    score = NamedScore(name, value)
    score.kind()
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
        try:
            part = float(share)
        except ValueError:
            part = math.nan
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
