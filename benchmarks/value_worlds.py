"""Value models on simulated businesses: where buy-till-you-die is true, and where drift, a season or kinds break it.

`python -m benchmarks.value_worlds [--customers 2000] [--seeds 3]` prints, a world a row, value CRPS of the boosted
model and of the combination against their pair (below 0 is better), and mean |ln(forecast / actual)| of purchases over
origins and horizons beside Pareto/NBD's. Nothing is chosen by what it prints.
"""

import argparse
from collections.abc import Callable, Mapping
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from farview.core import columns as c
from farview.core import schemas
from farview.simulation.bg_nbd import BuyingHabits, Span, simulate_events
from jobs.backtest_fits import fit_each
from jobs.backtest_models import candidates
from jobs.past import actuals_of, past_of
from jobs.progress import Silent

SPAN = Span(date(2024, 1, 1), arriving_days=120, days=540)
AS_OF = (date(2024, 9, 30), date(2024, 12, 31))
HORIZONS_DAYS = (90, 150)
PAIR, PARETO = "bg_nbd+first_spend", "pareto_nbd"
JUDGED = (PAIR, PARETO, "boost", "combination")
HABITS = BuyingHabits(r=0.5, alpha_days=30.0)

Keep = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=2_000, help="Of each business (default 2000).")
    parser.add_argument("--seeds", type=int, default=3, help="Businesses of each world (default 3).")
    asked = parser.parse_args()
    table = Table("world", "boost, CRPS", "combination, CRPS", *(f"|ln ratio| {name}" for name in JUDGED[1:]))
    for world, make in WORLDS.items():
        seen = [_judged(make(asked.customers, seed), seed) for seed in range(asked.seeds)]
        crps = {name: np.mean([[one[name][0] for one in business] for business in seen]) for name in JUDGED}
        off = {name: np.mean([[one[name][1] for one in business] for business in seen]) for name in JUDGED}
        against = [f"{100 * (crps[name] / crps[PAIR] - 1):+.1f} %" for name in JUDGED[2:]]
        table.add_row(world, *against, *(f"{off[name]:.3f}" for name in JUDGED[1:]))
    Console().print(table)


def _judged(events: pa.Table, seed: int) -> list[dict[str, tuple[float, float]]]:
    """Of each origin and horizon, by model: mean value CRPS over that of the zero forecast, and |ln ratio|."""
    models, found = {name: candidates(seed)[name] for name in JUDGED}, []
    for as_of in AS_OF:
        past = past_of(events, as_of, "UTC")
        fits = fit_each(past, models, HORIZONS_DAYS[0], Silent())
        for days in HORIZONS_DAYS:
            came = actuals_of(events, past, as_of + timedelta(days=days))
            forecasts = {name: predict(days) for name, predict in fits.predict.items()}
            zero = float(np.abs(came.value).mean())
            found.append(
                {
                    name: (
                        float(f.value.crps(came.value).mean()) / zero,
                        abs(float(np.log(f.purchases.mean.sum() / came.purchases.sum()))),
                    )
                    for name, f in forecasts.items()
                }
            )
    return found


def _true(customers: int, seed: int) -> pa.Table:
    return pa.Table.from_batches(simulate_events(customers, seed, HABITS, SPAN))


def _kinds(customers: int, seed: int) -> pa.Table:
    """Two kinds of customers: those who spend more also come more often."""
    few = pa.Table.from_batches(simulate_events(customers * 2 // 3, seed, BuyingHabits(r=0.2), SPAN))
    many = pa.Table.from_batches(simulate_events(customers // 3, seed + 1_000, BuyingHabits(r=0.8, v=60.0), SPAN))
    renamed = pc.binary_join_element_wise("M", many.column(c.CUSTOMER_ID), "")
    return pa.concat_tables([few, many.set_column(0, schemas.EVENTS.field(0), renamed)]).combine_chunks()


def _thinned(customers: int, seed: int, keep: Keep) -> pa.Table:
    """Purchases are kept with a probability of their day; a customer's first is always kept."""
    events = _true(customers, seed).sort_by([(c.CUSTOMER_ID, "ascending"), (c.TIME, "ascending")])
    who = events.column(c.CUSTOMER_ID).to_numpy()
    first = np.append(True, who[1:] != who[:-1])
    since = events.column(c.TIME).cast(pa.timestamp("us")).to_numpy() - np.datetime64(SPAN.start)
    day = since / np.timedelta64(1, "D")
    kept = first | (np.random.default_rng(seed).random(len(day)) < keep(day))
    return events.filter(pa.array(kept)).combine_chunks()


WORLDS: Mapping[str, Callable[[int, int], pa.Table]] = {
    "true": _true,
    "drift: fewer and fewer purchases": lambda n, s: _thinned(n, s, lambda day: np.clip(1.0 - day / 700.0, 0.1, 1.0)),
    "drift: more and more purchases": lambda n, s: _thinned(n, s, lambda day: np.clip(0.3 + day / 700.0, 0.1, 1.0)),
    "season of a quarter": lambda n, s: _thinned(n, s, lambda day: 0.55 + 0.45 * np.sin(2 * np.pi * day / 91.0)),
    "kinds of customers": _kinds,
}

if __name__ == "__main__":
    main()
