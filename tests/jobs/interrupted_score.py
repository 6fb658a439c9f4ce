"""A scoring process that stops at a given point and says so, for tests that kill it there: URL POINT [WORKERS]."""

import sys
from dataclasses import dataclass

from farview.store.store import Store
from jobs.local_engine import LocalEngine
from jobs.score import score_ltv


@dataclass
class StopAt:
    """Progress that never returns from the chosen point."""

    point: str  # "staging": after the first bucket is stored; "publishing": after the last one

    def start(self, step: str, total: int | None = None) -> None:
        if step == self.point:
            self._stop()

    def advance(self, units: int = 1) -> None:
        if self.point == "staging":
            self._stop()

    def done(self) -> None:
        """Nothing to do."""

    def _stop(self) -> None:
        print("here", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    engine = LocalEngine(customers_a_bucket=160, workers=int(sys.argv[3]) if sys.argv[3:] else 0)
    score_ltv(Store.open(sys.argv[1]), engine=engine, who="ada", progress=StopAt(sys.argv[2]))
