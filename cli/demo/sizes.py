"""How many customers the demo works on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """Both halves of the demo."""

    cdnow: str  # file in cli/demo_data
    customers: int  # of the simulated business


WHOLE = Size("cdnow_master.csv.gz", 10_000)
QUICK = Size("cdnow_sample.csv.gz", 1_000)
