"""Planning beside the recursion that scores every candidate from scratch: python -m benchmarks.planner.

Same network (64 units), 12 channels, plans of 10 touches, beam 5. The recursion is the published one: a call of the
network on the whole path for every candidate. Beside it a kinder form of it, one call for all candidates of a position.
"""

import time
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pyarrow as pa
import torch
from rich.console import Console
from rich.table import Table

from farview.features.journey_context import Categorical, ContextEncoding
from farview.features.journey_state import STATE_COLUMNS
from farview.features.steps import Steps, Vocabulary, micros, planned_state
from journeys.about import About, Timing, Training
from journeys.calibration import Calibration
from journeys.constraints import Constraints
from journeys.inputs import scaled
from journeys.lstm import JourneyLstm
from journeys.network import NetworkConfig
from journeys.plan import PlanRequest
from journeys.planning import Beam, histories, plan_journey, plan_journeys
from journeys.recurrent_export import export
from journeys.recurrent_model import LstmModel
from journeys.support import Support

CHANNELS, LENGTH, BEAM, CUSTOMERS, HIDDEN = 12, 10, 5, 1000, 64
RECURSIONS = 20
LENGTHS, BATCHES = (5, 10, 20, 40), (1, 10, 100, 1_000, 4_000)
GAP_HOURS = 30.0
START = datetime(2025, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=60)
NAMES = tuple(f"channel_{number:02d}" for number in range(CHANNELS))


def main() -> None:
    torch.set_num_threads(1)
    network = random_network()
    model = LstmModel(
        export(network, np.zeros(len(STATE_COLUMNS), np.float32), np.ones(len(STATE_COLUMNS), np.float32)), about()
    )
    steps, attributes = histories(model.about, random_log(), NOW), random_attributes()
    constraints = Constraints(max_touches=LENGTH, min_touches=LENGTH)
    requests = [PlanRequest(name, constraints, gap_hours=GAP_HOURS) for name in steps.customer_ids[:CUSTOMERS]]
    plan_journeys(model, steps, attributes, requests[:10], Beam(BEAM))  # compiles the kernels

    batch_ms, plans = per_customer(lambda: plan_journeys(model, steps, attributes, requests, Beam(BEAM)), len(requests))
    single_ms, _ = per_customer(
        lambda: [plan_journey(model, steps, attributes, r, Beam(BEAM)) for r in requests[:100]], 100
    )
    recursion = Recursion(network, model, steps, attributes)
    scratch_ms, scratch = per_customer(lambda: [recursion.plan(row, 1) for row in range(RECURSIONS)], RECURSIONS)
    kinder_ms, _ = per_customer(lambda: [recursion.plan(row, 10_000) for row in range(RECURSIONS)], RECURSIONS)

    table = Table("planner", "ms per customer", "times faster", title="Plans of 10 touches", title_justify="left")
    table.add_row("recursion, a call for every candidate", f"{scratch_ms:.1f}", "1.0")
    table.add_row("recursion, a call for every position", f"{kinder_ms:.1f}", f"{scratch_ms / kinder_ms:.1f}")
    table.add_row("farview, one customer", f"{single_ms:.2f}", f"{scratch_ms / single_ms:.0f}")
    table.add_row(f"farview, {CUSTOMERS:,} customers", f"{batch_ms:.3f}", f"{scratch_ms / batch_ms:.0f}")
    console = Console()
    console.print(table)
    console.print(growth(model, steps, attributes))
    differences = [ours.probability - theirs for ours, theirs in zip(plans, scratch, strict=False)]
    console.print(f"path probability, ours less the recursion's: {min(differences):+.1e} to {max(differences):+.1e}")
    if min(differences) < -1e-5:
        raise SystemExit("a plan of ours has a lower probability than the recursion's")


def growth(model: LstmModel, steps: Steps, attributes: pa.Table) -> Table:
    """Milliseconds a plan by length and by how many are made in one batch; linear where the last column is flat."""
    table = Table("touches", *(f"{n:,} at once" for n in BATCHES), "ms per touch", title="ms per plan")
    for length in LENGTHS:
        rules = Constraints(max_touches=length, min_touches=length)
        names = steps.customer_ids[:CUSTOMERS]
        figures = []
        for count in BATCHES:
            requests = [PlanRequest(names[row % len(names)], rules, gap_hours=GAP_HOURS) for row in range(count)]
            run = partial(plan_journeys, model, steps, attributes, requests, Beam(BEAM))
            figures.append(per_customer(run, count)[0])
        table.add_row(f"{length}", *(f"{figure:.3f}" for figure in figures), f"{figures[-1] / length:.4f}")
    return table


def per_customer(run, customers):  # type: ignore[no-untyped-def]
    """Milliseconds of processor time per customer, the fastest of three, and what came out."""
    best, result = float("inf"), None
    for _ in range(3):
        started = time.process_time()
        result = run()
        best = min(best, time.process_time() - started)
    return best / customers * 1e3, result


class Recursion:
    """Beam search that scores every candidate by reading its whole journey again."""

    def __init__(self, network: JourneyLstm, model: LstmModel, steps: Steps, attributes: pa.Table) -> None:
        self.network, self.model, self.steps = network, model, steps
        self.context = torch.from_numpy(model.about.context.encode(attributes, steps.customer_ids))

    def plan(self, row: int, at_once: int) -> float:
        """The path probability of the plan of that customer, by calls with so many candidates each."""
        begin, end = self.steps.offsets[row : row + 2]
        planned_us = micros(NOW) + (np.arange(LENGTH) * GAP_HOURS * 3.6e9).astype(np.int64)
        planned = planned_state(self.steps, np.array([row]), planned_us[None])[0]
        weights = self.model.weights
        state = np.concatenate([self.steps.state[begin:end], planned])
        state = torch.from_numpy(scaled(state, weights.state_mean, weights.state_scale))
        past = (self.steps.channel[begin:end].tolist(), self.steps.interaction[begin:end].tolist())
        plans: list[list[int]] = [[]]
        scores = [0.0]
        for _ in range(LENGTH):
            grown = [[*plan, channel] for plan in plans for channel in range(CHANNELS)]
            scores = []
            for first in range(0, len(grown), at_once):
                scores += self._score(row, past, grown[first : first + at_once], state)
            order = sorted(range(len(grown)), key=lambda number: -scores[number])[:BEAM]
            plans, scores = [grown[number] for number in order], [scores[number] for number in order]
        return scores[0]

    def _score(
        self, row: int, past: tuple[list[int], list[int]], plans: list[list[int]], state: torch.Tensor
    ) -> list[float]:
        channel = torch.tensor([past[0] + plan for plan in plans])
        interaction = torch.tensor([past[1] + [2] * len(plans[0])] * len(plans))
        n, T = channel.shape
        with torch.no_grad():
            context = self.context[row : row + 1].expand(n, -1)
            logits, _ = self.network(channel, interaction, state[None, :T].expand(n, -1, -1), context)
        hazard = self.model.about.calibration.probability(logits[:, len(past[0]) :].numpy())
        return list(1 - np.prod(1 - hazard, axis=1))


def about() -> About:
    """Of a model that nothing was learnt for; no open window, so that both sides score the planned touches alone."""
    return About(
        vocabulary=Vocabulary(NAMES, ("click", "impression")),
        context=ContextEncoding(categorical=(Categorical("segment", ("loyal", "new")),)),
        zone="UTC",
        window_days=7.0,
        since_us=micros(START),
        timing=Timing(GAP_HOURS, tuple(np.zeros(21))),
        calibration=Calibration(1.0, -3.0),
        evidence="observational",
        training=Training(0, 0, 0, 0, None, 0),
        support=Support.unknown(len(NAMES), len(STATE_COLUMNS)),
    )


def random_network() -> JourneyLstm:
    """Weights large enough that order, context and state all matter."""
    network = JourneyLstm(NetworkConfig(CHANNELS, 2, len(STATE_COLUMNS), 2, HIDDEN))
    drawn = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn(weight.shape, generator=drawn) * 0.3)
    return network.eval()


def random_log() -> pa.Table:
    """About eight touches a customer."""
    random = np.random.default_rng(1)
    rows = 8 * CUSTOMERS
    times = micros(START) + random.integers(0, micros(NOW) - micros(START), rows)
    return pa.table(
        {
            "customer_id": [f"c{number:04d}" for number in random.integers(0, CUSTOMERS + 10, rows)],
            "time": pa.array(times, pa.timestamp("us", "UTC")),
            "interaction": random.choice(["click", "impression"], rows),
            "channel": random.choice(NAMES, rows),
        }
    )


def random_attributes() -> pa.Table:
    random = np.random.default_rng(2)
    names = [f"c{number:04d}" for number in range(CUSTOMERS + 10)]
    return pa.table({"customer_id": names, "segment": random.choice(["loyal", "new"], len(names))})


if __name__ == "__main__":
    main()
