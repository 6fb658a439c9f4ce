"""Businesses that no model was made for: small and large, weeks to years long, with histories that break fits."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from farview.core import columns as c
from farview.core.schemas import EVENTS

KINDS = (
    "plain",
    "nearly half sent back",
    "one purchase each",
    "a handful of customers",
    "every thirty days",
    "a third given away",
    "all on the first day",
    "amounts of millions",
    "all on one later day",
    "one price",
    "three come back",
    "three every day",
)
START = datetime(2020, 1, 1, 9, tzinfo=UTC)
SHORTEST_DAYS, LONGEST_DAYS = 60, 2_200
MOST_PURCHASES = 300


@dataclass(frozen=True)
class Business:
    """What happened, and until when it is known to models."""

    kind: str
    events: pa.Table  # schemas.EVENTS
    calibration_end: date
    holdout_end: date


def business(number: int, customers: tuple[int, int]) -> Business:
    """The business of that number, of so many customers (at least, at most) and of one of KINDS in turn."""
    random, kind = np.random.default_rng([number, 2_024]), KINDS[number % len(KINDS)]
    size = int(random.integers(1, 8)) if kind == "a handful of customers" else int(random.integers(*customers))
    span = int(random.integers(SHORTEST_DAYS, LONGEST_DAYS))
    came = random.uniform(0.0, span * random.choice([0.1, 0.5, 1.0]), size)
    if kind in ("all on the first day", "all on one later day"):
        came[:] = 0.5 * span if "later" in kind else 0.0
    who, day = _purchases(random, kind, came)
    amount = _amounts(random, kind, who, size)
    rows = [who, day, amount]
    if kind == "nearly half sent back":
        back = random.random(len(who)) < 0.45
        later = day[back] + random.exponential(20.0, int(back.sum()))
        rows = [
            np.concatenate(pair)
            for pair in ((who, who[back]), (day, later), (amount, -amount[back] * random.choice([1.0, 0.5])))
        ]
    who, day, amount = (column[rows[1] < span] for column in rows)
    times = [START + timedelta(days=float(at)) for at in day]
    columns = {c.CUSTOMER_ID: [f"c{i}" for i in who], c.TIME: times, c.AMOUNT: np.round(amount, 2)}
    ends = (START.date() + timedelta(days=days) for days in (int(0.6 * span), span - 1))
    return Business(kind, pa.table(columns, schema=EVENTS), *ends)


def _purchases(random: np.random.Generator, kind: str, came: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Who bought, and when, in days: rates, lives and regularity differ."""
    size = len(came)
    shape, mean_wait = random.uniform(0.2, 2.0), random.uniform(5.0, 100.0)
    rate = random.gamma(shape, 1.0 / (shape * mean_wait), size)
    life = random.geometric(np.maximum(random.beta(random.uniform(0.3, 2.0), random.uniform(0.5, 5.0), size), 0.01))
    if kind == "one purchase each":
        life[:] = 1
    if kind in ("three come back", "three every day"):
        life[3:] = 1
        life[:3] = 40
    life = np.minimum(life, MOST_PURCHASES)
    who = np.repeat(np.arange(size), life)
    wait = random.exponential(1.0 / np.maximum(rate[who], 1e-9))
    if kind == "every thirty days":
        wait = 30.0 + random.normal(0.0, 0.5, len(who))
    if kind == "three every day":
        wait[:] = 1.0
    first = np.concatenate([[0], np.cumsum(life)[:-1]])
    wait[first] = came
    total = np.cumsum(wait)
    return who, total - np.repeat(total[first] - came, life)


def _amounts(random: np.random.Generator, kind: str, who: np.ndarray, size: int) -> np.ndarray:
    if kind == "one price":
        return np.full(len(who), 9.99)
    level = random.gamma(3.5, 1.0 / 15.0, size)
    amount = random.gamma(6.0, 1.0, len(who)) / level[who]
    if kind == "amounts of millions":
        amount *= 1e6
    if kind == "a third given away":
        amount[random.random(len(who)) < 0.3] = 0.0
    return amount
