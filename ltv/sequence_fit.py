"""Training of sequence networks with early stopping by time. Needs torch; served models do not."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.clock import zone as zone_of
from farview.core.errors import InvalidInput
from farview.features.through import through
from ltv.event_gru import EventGru
from ltv.event_transformer import EventTransformer
from ltv.past_days import of_some_customers, reference_days
from ltv.sequence_inputs import IntArray, Units
from ltv.sequence_law import OUTPUTS, expected_purchases, read_outputs
from ltv.sequence_loss import Came, loss
from ltv.sequence_model import GRU, TRANSFORMER, SequenceDiagnostics, SequenceModel
from ltv.sequence_network import Weights, outputs
from ltv.sequence_rows import MOST_CUSTOMERS, Stack, stacked, training_origins, training_rows

NETWORKS: Mapping[str, type[nn.Module]] = {GRU: EventGru, TRANSFORMER: EventTransformer}

MOST_EPOCHS = 24
PATIENCE = 3  # epochs in a row without a lower loss on later days before training ends
BATCH = 512
UPDATES = 20  # that an epoch has at least, as long as a batch then has 32 customers
LEARNING_RATE = 4e-3
WEIGHT_DECAY = 0.05
DROPOUT = 0.1
AVERAGING = 0.98  # share of the running mean of the weights, which is what is kept, at each update
FEWEST_PURCHASES = 50  # within the targets: fewer teach no network


def fit_sequence(
    name: str, events: pa.Table, cut: Cut, zone: str, *, seed: int = 0, most_epochs: int = MOST_EPOCHS
) -> SequenceModel:
    """Trains a network on three origins in the past, as long as it forecasts the newest of them better.

    How many epochs is learnt from targets that end by the newest origin's day, judged on what came after it; the
    network is then trained that long on all of them. Customers are drawn by their ids where there are many.

    Args:
        name: of NETWORKS.
        events: schemas.EVENTS; days after `cut.as_of` are not seen.
        cut: the end of what is known.
        zone: IANA zone of the business.
        seed: same seed and events, same parameters on processors of one kind.
        most_epochs: that early stopping chooses from.

    Raises:
        InvalidInput: an unknown name, or a history too short or too thin to learn from.
    """
    if name not in NETWORKS:
        raise InvalidInput.of("model", f"no network named {name!r} (known: {', '.join(NETWORKS)})")
    known = of_some_customers(through(events, cut.as_of, zone), MOST_CUSTOMERS, "sequence")
    paid = known.filter(pc.greater(known.column(c.AMOUNT), 0.0))
    first = pc.min(paid.column(c.TIME)).as_py()
    first_day = cut.as_of if first is None else first.astimezone(zone_of(zone)).date()
    origins = training_origins(first_day, cut.as_of)
    if not origins:
        raise InvalidInput.of("events", f"{(cut.as_of - first_day).days} days are too short a history for a network")
    money = float(pc.mean(paid.column(c.AMOUNT)).as_py())
    units = Units(money, reference_days(first_day, cut.as_of))
    blocks = [training_rows(known, origin, zone, units) for origin in origins]
    newest = origins[-1].as_of
    early, late, everything = stacked(blocks, units, newest), stacked(blocks[-1:], units), stacked(blocks, units)
    for rows in (early, late):
        if (bought := np.nansum(rows.purchases)) < FEWEST_PURCHASES:
            raise InvalidInput.of(
                "events",
                f"{bought:.0f} purchases in a target are too few for a network ({FEWEST_PURCHASES} are needed)",
            )
    with _calm(seed):
        epochs, judged = _epochs(name, early, late, (most_epochs, seed))
    with _calm(seed):
        weights = _trained(name, everything, epochs, seed)
    weights = levelled(weights, everything)
    missed = missed_by(levelled(judged.weights, early), late)
    return SequenceModel(
        name,
        weights,
        units,
        SequenceDiagnostics(
            customers=len(blocks[-1].tokens.now),
            origins=tuple(f"{origin.as_of} to {origin.target_ends[-1]}" for origin in origins),
            longest_target_days=max((origin.target_ends[-1] - origin.as_of).days for origin in origins),
            returned=float(np.nansum(everything.returned) / max(np.nansum(everything.gross), 1e-12)),
            epochs=epochs,
            loss_without=judged.without,
            loss=judged.loss,
            purchases_missed=missed[0],
            value_missed=missed[1],
            warnings=() if epochs else ("the network learnt nothing beyond the population's rates",),
        ),
    )


class _Judged:
    """The epoch with the lowest loss on later days."""

    def __init__(self, weights: Weights, without: float) -> None:
        self.weights, self.without, self.loss = weights, without, without


def _epochs(name: str, early: Stack, late: Stack, terms: tuple[int, int]) -> tuple[int, _Judged]:
    """After which epoch on early targets the late ones are forecast best."""
    best = 0
    judged: _Judged | None = None
    for epoch, network in enumerate(_training(name, early, *terms)):
        now = _loss_on(network, late)
        if judged is None:
            judged = _Judged(_weights(network), now)
        elif now < judged.loss:
            best, judged.loss, judged.weights = epoch, now, _weights(network)
        elif epoch - best >= PATIENCE:
            break
    assert judged is not None, "training yields the untrained network first"
    return best, judged


def _trained(name: str, rows: Stack, epochs: int, seed: int) -> Weights:
    for network in _training(name, rows, epochs, seed):
        last = network
    return _weights(last)


def _training(name: str, rows: Stack, epochs: int, seed: int) -> Iterator[nn.Module]:
    """The running mean of the network before training and after each epoch."""
    network = _new_network(name, rows).to(device())
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGING))  # type: ignore[no-untyped-call]
    random = np.random.default_rng(seed)
    yield average.module
    for _ in range(epochs):
        network.train()
        for batch in _batches(rows, random):
            optimiser.zero_grad()
            _batch_loss(network, rows, batch).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            average.update_parameters(network)
        yield average.module


def _batches(rows: Stack, random: np.random.Generator) -> Iterator[IntArray]:
    """Rows in random order, those of a batch of similar length, so that little padding is read."""
    size = int(np.clip(len(rows.tokens.now) // UPDATES, 32, BATCH))
    order: IntArray = np.argsort(rows.tokens.now + random.random(len(rows.tokens.now)), kind="stable")
    starts = np.arange(0, len(order), size)
    for start in random.permutation(starts):
        yield order[start : start + size]


def _batch_loss(network: nn.Module, rows: Stack, batch: IntArray) -> Tensor:
    part = rows.tokens.take(batch)
    said = network(_tensor(part.events), torch.from_numpy(part.now).to(device()))
    came = (getattr(rows, field)[batch] for field in Came._fields)
    return loss(said, Came(*(_tensor(each.astype(np.float32)) for each in came)))


def _loss_on(network: nn.Module, rows: Stack) -> float:
    network.eval()
    order: IntArray = np.argsort(rows.tokens.now, kind="stable")
    total, seen = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(order), 4 * BATCH):
            batch = order[start : start + 4 * BATCH]
            count = int((~np.isnan(rows.u[batch])).sum())
            total, seen = total + count * float(_batch_loss(network, rows, batch)), seen + count
    return total / seen


def _new_network(name: str, rows: Stack) -> nn.Module:
    """A network that says the population's rates of everybody."""
    network = NETWORKS[name](DROPOUT)
    half = np.log(np.expm1(0.5))  # a bend of one half, and variations of one half
    grown = float(np.nansum((np.sqrt(1.0 + rows.u) - 1.0) / 0.5))
    bought, gross, back = (float(np.nansum(part)) for part in (rows.purchases, rows.gross, rows.returned))
    spend, share = max(gross, 1e-3) / bought, np.clip(back / max(gross, 1e-3), 1e-5, 0.9)
    start = {"log_rate": np.log(bought / grown), "thinning": half, "active_logit": 0.0, "log_shape": np.log(0.5)}
    start |= {"log_spend": np.log(spend), "purchase_variation": half, "level_variation": half}
    start |= {"returned_logit": np.log(share / (1.0 - share))}
    head = network.head
    assert isinstance(head, nn.Linear), "every network ends in one"
    with torch.no_grad():
        head.weight.zero_()
        head.bias.copy_(torch.tensor([float(start[output]) for output in OUTPUTS]))
    return network


def levelled(weights: Weights, rows: Stack) -> Weights:
    """Parameters with which purchases and gross value of the rows add up to what came: a likelihood need not."""
    purchases, value = missed_by(weights, rows)
    bias = weights["head.bias"].copy()
    bias[OUTPUTS.index("log_rate")] += purchases
    bias[OUTPUTS.index("log_spend")] += value - purchases
    return {**weights, "head.bias": bias}


def missed_by(weights: Weights, rows: Stack) -> tuple[float, float]:
    """Natural logarithm of what came over what is forecast, of all purchases and of all gross value."""
    laws = read_outputs(outputs(weights, rows.tokens), 1.0)
    said = np.where(np.isnan(rows.u), np.nan, expected_purchases(laws, np.nan_to_num(rows.u, nan=1.0)))
    sums = (
        (np.nansum(rows.purchases), np.nansum(said)),
        (np.nansum(rows.gross), np.nansum(said * laws.spend[:, None])),
    )
    purchases, value = (float(np.log(came / forecast)) if came > 0 else 0.0 for came, forecast in sums)
    return purchases, value


def device() -> torch.device:
    """Where networks are trained: a GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _tensor(array: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(device())


def _weights(network: nn.Module) -> Weights:
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in network.state_dict().items()}


@contextmanager
def _calm(seed: int) -> Iterator[None]:
    """One thread, as batches are small; the caller's random state is left alone."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
