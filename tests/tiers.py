"""Two tiers of the same tests: `make test` runs the ci counts, `make soak` (FARVIEW_TIER=soak) those of the issues."""

import os


def examples(*, ci: int, soak: int) -> int:
    """How many cases to run in the tier that is running."""
    return soak if os.environ.get("FARVIEW_TIER") == "soak" else ci
