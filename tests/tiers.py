"""Two tiers of the same tests: `make test` runs the ci counts, `make soak` (FARVIEW_TIER=soak) those of the issues."""

import os
from typing import TypeVar

Of = TypeVar("Of")


def examples(*, ci: Of, soak: Of) -> Of:
    """How many cases, or which, to run in the tier that is running."""
    return soak if os.environ.get("FARVIEW_TIER") == "soak" else ci
