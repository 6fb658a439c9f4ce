"""`make bench`: our figures beside the peers', in the same run, as medians and ratios.

Each part is a module of its own and can be run alone; their heads say what is asked and what can be set.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("fits", "whole_contract", "planner", "rank_items", "greedy_dpp")


def main() -> None:
    for part in PARTS:
        subprocess.run([sys.executable, "-m", f"benchmarks.{part}"], check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
