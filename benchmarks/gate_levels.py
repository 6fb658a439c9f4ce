"""How often the calibration gate refuses models that are right, and models that are wrong by a known factor.

`python -m benchmarks.gate_levels` simulates businesses that follow BG/NBD and Gamma-Gamma exactly, and examines a fit
of each as `farview models gate` does: trials at three rolling origins, and the model as registered. A right model is
wrong only by what it could not learn from so many customers. The wrong ones have a parameter of spend or of leaving
multiplied. The table of docs/decisions/0008-gate-tolerances.md is its output.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from farview.core.errors import FarviewError
from farview.core.schemas import ATTRIBUTES
from farview.evaluation.origins import rolling_origins
from farview.simulation.bg_nbd import BuyingHabits, Span, simulate_events
from jobs.backtest_models import Predict
from jobs.gate_ltv import calibration, try_out
from jobs.past import Past, past_of
from jobs.progress import Silent
from jobs.value_models import predict_by
from ltv.fit import fit
from ltv.model import BtydModel

SPAN = Span(date(2024, 1, 1), arriving_days=90, days=365)
END, HORIZON_DAYS = date(2024, 12, 30), 90
HABITS = BuyingHabits(r=0.5, alpha_days=30.0)
Distort = Callable[[BtydModel], BtydModel]
MODELS: Mapping[str, Distort] = {
    "right": lambda model: model,
    "v of spend x 1.5": lambda model: replace(model, spend_draws=model.spend_draws * [1.0, 1.0, 1.5]),
    "v of spend x 3": lambda model: replace(model, spend_draws=model.spend_draws * [1.0, 1.0, 3.0]),
    "a of leaving x 3": lambda model: replace(model, purchase_draws=model.purchase_draws * [1.0, 1.0, 3.0, 1.0]),
    "a of leaving x 10": lambda model: replace(model, purchase_draws=model.purchase_draws * [1.0, 1.0, 10.0, 1.0]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, action="append", help="Default: 300, 1000, 3000.")
    parser.add_argument("--businesses", type=int, default=200, help="Simulated for each number of customers.")
    asked = parser.parse_args()
    sizes = asked.customers or [300, 1_000, 3_000]
    table = Table("model", *(f"{size:,} customers" for size in sizes), title="Refused by the calibration gate, %")
    refused = {size: _refused(size, asked.businesses) for size in sizes}
    for name in MODELS:
        table.add_row(name, *(f"{100 * refused[size][name] / asked.businesses:.1f}" for size in sizes))
    table.caption = f"of {asked.businesses:,} simulated businesses each"
    Console().print(table)


def _refused(customers: int, businesses: int) -> dict[str, int]:
    counted = dict.fromkeys(MODELS, 0)
    for seed in range(businesses):
        events = pa.Table.from_batches(simulate_events(customers, seed, HABITS, SPAN))
        for name, wrong in examined(events, seed).items():
            counted[name] += wrong
    return counted


def examined(events: pa.Table, seed: int) -> dict[str, bool]:
    """Whether the gate refuses each of MODELS, fitted to all events."""
    origins = rolling_origins(SPAN.start, END, HORIZON_DAYS)

    def by_mode(past: Past) -> Predict:
        return predict_by(fit(past.rfm, method="map", seed=seed), past, seed)

    tried = try_out(events, origins, "UTC", (by_mode, None), Silent())
    whole = fit(past_of(events, END, "UTC").rfm, method="map", seed=seed)
    refused = {}
    for name, distort in MODELS.items():
        try:
            checks = calibration(tried, distort(whole), seed, ATTRIBUTES.empty_table())
        except FarviewError:
            refused[name] = True
        else:
            refused[name] = not all(check.passed for check in checks)
    return refused


if __name__ == "__main__":
    main()
