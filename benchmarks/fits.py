"""Fits beside pymc-marketing and lifetimes, each in a fresh process: `python -m benchmarks.fits [MODEL...]`.

Asked: laplace at least 80 times, nuts at least 8 times as fast as pymc-marketing's NUTS, at no lower effective size. A
run that takes longer than FARVIEW_BENCH_LIMIT seconds (default 3,600) is ended; its figure is then a lower bound.
FARVIEW_BENCH_RUNS counts runs after one warm-up (default 3), FARVIEW_BENCH_FIT_CUSTOMERS takes the first so many
customers of CDNOW (default all 23,570).
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.cdnow import cdnow_rfm

ROOT = Path(__file__).resolve().parents[1]
RUNS = int(os.environ.get("FARVIEW_BENCH_RUNS", "3"))
LIMIT_SECONDS = float(os.environ.get("FARVIEW_BENCH_LIMIT", "3600"))
CUSTOMERS = int(os.environ.get("FARVIEW_BENCH_FIT_CUSTOMERS", "1000000"))
MODELS = ("bg_nbd", "pareto_nbd")
ASKED = {"laplace": 80.0, "nuts": 8.0}
PEER = "pymc-marketing NUTS"


SCORING = "scoring"

Runs = Sequence[Mapping[str, float]]
"""What each counted run of a command printed; `ended` when the limit ended it, its seconds then a lower bound."""


def main() -> None:
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rfm.parquet"
        rows = cdnow_rfm().slice(0, CUSTOMERS)
        pq.write_table(rows, path)
        console.print(f"{os.cpu_count()} cores; medians of {RUNS} runs after one warm-up; {rows.num_rows:,} customers")
        for name in sys.argv[1:] or MODELS:
            found = alternate(commands(name, path))
            console.print(shown(name, found))
            if any("score_microseconds" in run for run in found[PEER]):
                console.print(scored(name, found))


def commands(name: str, path: Path) -> dict[str, Sequence[str]]:
    """What is run of one model, by who."""
    ours = {method: [sys.executable, "-m", "benchmarks.fit", str(path), method, name] for method in ASKED}
    peers = {
        PEER: [".venv-peers/bin/python", "benchmarks/peer_pymc_marketing.py", str(path), name],
        "lifetimes, maximum likelihood": [".venv-peers/bin/python", "benchmarks/peer_lifetimes.py", str(path), name],
    }
    return peers | ours | {SCORING: [sys.executable, "-m", "benchmarks.scoring", str(path), name]}


def alternate(asked: Mapping[str, Sequence[str]]) -> dict[str, Runs]:
    """Every command in turn, a warm-up and then RUNS times, so that a drift of the machine touches all."""
    found: dict[str, list[Mapping[str, float]]] = {who: [] for who in asked}
    for turn in range(RUNS + 1):
        for who, command in asked.items():
            if any(run.get("ended") for run in found[who]):
                continue
            try:
                done = subprocess.run(
                    command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=LIMIT_SECONDS
                )
            except subprocess.TimeoutExpired:
                found[who] = [{"fit_seconds": LIMIT_SECONDS, "ended": 1.0}]
                continue
            if turn:
                found[who].append(json.loads(done.stdout.strip().splitlines()[-1]))
    return dict(found)


def shown(name: str, found: Mapping[str, Runs]) -> Table:
    """Fits beside each other; ours fit the spend model as well."""
    table = Table(
        "fit", "seconds", "times faster", "asked", "smallest ESS", title=f"{name}: the fit call", title_justify="left"
    )
    peer = _median(found[PEER], "fit_seconds")
    for who, runs in found.items():
        if who == SCORING:
            continue
        seconds, ended = _median(runs, "fit_seconds"), any(run.get("ended") for run in runs)
        bound = who in ASKED and any(run.get("ended") for run in found[PEER])
        table.add_row(
            f"farview {who}, spend too" if who in ASKED else who,
            f"{'over ' if ended else ''}{seconds:,.2f}",
            "-" if ended else f"{'over ' if bound else ''}{peer / seconds:,.1f}",
            f"{ASKED[who]:g}" if who in ASKED else "",
            f"{_median(runs, 'ess'):,.0f}" if all(run.get("ess") for run in runs) else "-",
        )
    return table


def scored(name: str, found: Mapping[str, Runs]) -> Table:
    """Ours: three horizons, purchases and value, the whole contract. The peer's: expected purchases of one horizon."""
    table = Table("scoring", "µs per customer", "times less", "peak MB", title=f"{name}: scoring", title_justify="left")
    peer = _median(found[PEER], "score_microseconds")
    for who, says in (
        (PEER, "pymc-marketing, expected purchases, 1 horizon"),
        (SCORING, "farview, whole contract, 3 horizons"),
    ):
        spent = _median(found[who], "score_microseconds")
        table.add_row(says, f"{spent:,.0f}", f"{peer / spent:.1f}", f"{_median(found[who], 'peak_megabytes'):,.0f}")
    return table


def _median(runs: Runs, name: str) -> float:
    return median(run[name] for run in runs)


if __name__ == "__main__":
    main()
