"""`make bench`: our figures beside the peers', in the same run, as medians and ratios.

Runs alternate between the sides, so that a drift of the machine's speed touches both. FARVIEW_BENCH_RUNS sets how many
are counted after one warm-up (default 3).
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median

import duckdb
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from farview.core.clock import Cut
from farview.features.rfm import rfm

ROOT = Path(__file__).resolve().parents[1]
CDNOW = ROOT / "cli" / "demo_data" / "cdnow_master.csv.gz"
CALIBRATION_END = date(1997, 9, 30)
RUNS = int(os.environ.get("FARVIEW_BENCH_RUNS", "3"))

Figures = Sequence[Mapping[str, float]]


def main() -> None:
    console = Console()
    console.print(f"{os.cpu_count()} cores; medians of {RUNS} runs after one warm-up; full CDNOW (23,570 customers)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rfm.parquet"
        pq.write_table(cdnow_rfm(), path)
        peer = [".venv-peers/bin/python", "benchmarks/peer_pymc_marketing.py", str(path)]
        ours = {
            "laplace": [sys.executable, "-m", "benchmarks.fit", str(path), "laplace"],
            "nuts": [sys.executable, "-m", "benchmarks.fit", str(path), "nuts"],
            "scoring": [sys.executable, "-m", "benchmarks.scoring", str(path)],
        }
        figures = alternate({"peer": peer, **ours})
    console.print(fits(figures))
    console.print(scoring(figures))
    subprocess.run([sys.executable, "-m", "benchmarks.scoring", "--memory"], check=True, cwd=ROOT)
    subprocess.run([sys.executable, "-m", "benchmarks.planner"], check=True, cwd=ROOT)
    subprocess.run([sys.executable, "-m", "benchmarks.rank_items"], check=True, cwd=ROOT)
    subprocess.run([sys.executable, "-m", "benchmarks.greedy_dpp"], check=True, cwd=ROOT)


def cdnow_rfm() -> "pq.Table":
    """The calibration period's RFM rows."""
    events = duckdb.sql(
        f"select customer_id, time::timestamp at time zone 'UTC' as time, amount from "
        f"read_csv('{CDNOW}', types={{'customer_id': 'varchar', 'amount': 'double'}})"
    ).to_arrow_table()
    return rfm(events, Cut(CALIBRATION_END, datetime.now(UTC)), "UTC").read_all()


def alternate(commands: Mapping[str, Sequence[str]]) -> dict[str, Figures]:
    """Runs every command in turn, one warm-up and then `RUNS` times; each prints one JSON line last."""
    figures: dict[str, list[Mapping[str, float]]] = {name: [] for name in commands}
    for turn in range(RUNS + 1):
        for name, command in commands.items():
            done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
            if turn:
                figures[name].append(json.loads(done.stdout.strip().splitlines()[-1]))
    return dict(figures)


def fits(figures: Mapping[str, Figures]) -> Table:
    """BG/NBD fits: ours hold Gamma-Gamma as well, the peer's does not."""
    table = Table(
        "fit", "seconds", "times faster", "smallest ESS", title="Fit call in a fresh process", title_justify="left"
    )
    peer = _median(figures["peer"], "fit_seconds")
    table.add_row("pymc-marketing NUTS (BG/NBD)", f"{peer:.2f}", "1.0", f"{_median(figures['peer'], 'ess'):,.0f}")
    for name in ("laplace", "nuts"):
        seconds = _median(figures[name], "fit_seconds")
        table.add_row(
            f"farview {name} (BG/NBD and spend)",
            f"{seconds:.2f}",
            f"{peer / seconds:.1f}",
            f"{_median(figures[name], 'ess'):,.0f}",
        )
    return table


def scoring(figures: Mapping[str, Figures]) -> Table:
    """Ours: three horizons, purchases and value, the whole contract. The peer's: expected purchases of one horizon."""
    table = Table("scoring", "µs per customer", "times less", "peak MB", title="Scoring", title_justify="left")
    peer = _median(figures["peer"], "score_microseconds")
    ours = _median(figures["scoring"], "score_microseconds")
    table.add_row(
        "pymc-marketing, expected purchases, 1 horizon",
        f"{peer:,.0f}",
        "1.0",
        f"{_median(figures['peer'], 'peak_megabytes'):,.0f}",
    )
    table.add_row(
        "farview, whole contract, 3 horizons",
        f"{ours:,.0f}",
        f"{peer / ours:.1f}",
        f"{_median(figures['scoring'], 'peak_megabytes'):,.0f}",
    )
    return table


def _median(runs: Figures, name: str) -> float:
    return median(run[name] for run in runs)


if __name__ == "__main__":
    main()
