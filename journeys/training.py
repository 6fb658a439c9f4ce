"""Training of networks with early stopping and calibration on later steps. Needs torch; served models do not."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from farview.core.errors import FailedPrecondition
from farview.evaluation.journey_splits import Observed
from farview.features.journey_context import ContextEncoding
from farview.features.journey_state import DAY_US, STATE_COLUMNS, YEARLY_COLUMNS
from farview.features.steps import Steps
from journeys import recurrent_export, recurrent_step, transformer_export, transformer_step
from journeys.about import About, Evidence, Fitted, Training
from journeys.batches import Batch, Sequences
from journeys.calibration import Calibrated, calibrate_on
from journeys.cautious import with_caution
from journeys.gru import JourneyGru
from journeys.inputs import scaled
from journeys.isotonic import choose_calibration
from journeys.lstm import JourneyLstm
from journeys.network import JourneyNetwork, NetworkConfig
from journeys.recurrent_model import GruModel, LstmModel
from journeys.scorer import Float32Array, JourneyModel
from journeys.slices import Slices, slices
from journeys.support import Support
from journeys.transformer import JourneyTransformer
from journeys.transformer_model import TransformerModel

NEXT_TOUCH_WEIGHT = 0.1  # of the next touch's cross-entropy beside the hazard's
FEWEST_CONVERSIONS = 2
_SMALLEST_SD = 1e-3


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How the network is trained. Conversions are rare and not weighted up, which would uncalibrate the hazards."""

    hidden: int = 32
    embedding: int = 16
    dropout: float = 0.3
    most_epochs: int = 10
    patience: int = 3  # epochs in a row with a clearly higher validation loss before training ends
    updates_per_epoch: int = 300  # as long as a batch then has 256 to 8,192 touches
    learning_rate: float = 3e-3
    averaging: float = 0.995  # share of the running mean of the weights, which is what is kept, at each update
    weight_decay: float = 0.1
    seed: int = 0


class Network(NamedTuple):
    """A kind of network: how it is trained, and how it is served."""

    build: Callable[[NetworkConfig], Any]  # a torch module that is a JourneyNetwork
    export: Callable[[Any, Float32Array, Float32Array], Any]  # to the arrays that are served
    logits: Callable[[Any, Steps, Float32Array], Float32Array]  # of every step, by those arrays
    model: Callable[[Any, About], JourneyModel[Any]]


NETWORKS: Mapping[str, Network] = {
    "lstm": Network(JourneyLstm, recurrent_export.export, recurrent_step.hazard_logits, LstmModel),
    "gru": Network(JourneyGru, recurrent_export.export, recurrent_step.hazard_logits, GruModel),
    "transformer": Network(
        JourneyTransformer, transformer_export.export, transformer_step.hazard_logits, TransformerModel
    ),
}


def train_network(
    name: str,
    steps: Steps,
    context: tuple[ContextEncoding, Float32Array],
    until_us: int | None = None,
    options: TrainingOptions | None = None,
    evidence: Evidence = "observational",
) -> JourneyModel[Any]:
    """A calibrated network of the steps before an instant.

    Args:
        name: of NETWORKS.
        steps: of the log.
        context: how attributes are encoded, and those of the customers of `steps`, shape (customers, P).
        until_us: nothing at or after it is seen, outcomes included; default: the log's end.
        options: of training; default: TrainingOptions().
        evidence: what the log can prove about the effect of a touch; see `weighting`, by whose weights is learnt then.

    Raises:
        FailedPrecondition: the steps before `until_us` hold too few conversions to learn from.
    """
    options = options or TrainingOptions()
    cut = slices(steps, until_us or steps.limits.until_us, evidence)
    encoding, encoded = context
    network = NETWORKS[name]
    best = _fit(network, steps, encoded, cut, options)
    training = Training(
        customers=len(steps.customer_ids),
        steps=len(cut.fit.rows),
        conversions=int(steps.converted[cut.fit.rows].sum()),
        epochs=best.number,
        validation_log_loss=best.validation.loss,
        seed=options.seed,
    )
    logits = network.logits(best.weights, steps, encoded)
    calibration = choose_calibration(logits, steps.converted, steps.time_us, cut.validation)
    fitted = Fitted(calibration, training, Support.learn(steps, cut.fit))
    about = About.of(steps, until_us or steps.limits.until_us, encoding, evidence, fitted)
    return with_caution(network.model(best.weights, about), steps, encoded, cut.validation)


class _Epoch(NamedTuple):
    """Where training stood after an epoch."""

    number: int
    weights: Any  # as served
    validation: Calibrated


def _fit(kind: Network, steps: Steps, context: Float32Array, cut: Slices, options: TrainingOptions) -> _Epoch:
    """The last epoch whose validation loss is within a standard error of the lowest.

    Conversions are few, so the lowest itself is partly luck, and later epochs are better annealed. Training ends when
    `patience` epochs in a row lie beyond.
    """
    conversions = int(steps.converted[cut.fit.rows].sum())
    if conversions < FEWEST_CONVERSIONS:
        raise FailedPrecondition(
            f"the log holds {conversions} conversions to learn from, at least {FEWEST_CONVERSIONS} are needed"
        )
    mean, scale = _scaling(steps, cut)
    sequences = Sequences(steps, scaled(steps.state, mean, scale), context, cut.fit)
    touches = int(np.clip(sequences.touches / options.updates_per_epoch, 256, 8192))
    random = np.random.default_rng(options.seed)
    lowest: _Epoch | None = None
    kept: _Epoch | None = None
    with torch.random.fork_rng(devices=[]), _one_thread():  # fork_rng leaves the caller's random state alone
        torch.manual_seed(options.seed)
        network = _new_network(kind, steps, context.shape[1], cut.fit, options)
        optimiser = torch.optim.AdamW(network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
        average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(options.averaging))  # type: ignore[no-untyped-call]
        for epoch in range(options.most_epochs + 1):  # epoch 0 is the base rate: where nothing can be learnt, it stays
            for batch in sequences.batches(touches, random) if epoch else ():
                optimiser.zero_grad()
                _loss(network, batch).backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                average.update_parameters(network)
            weights = kind.export(average.module, mean, scale)
            logits = kind.logits(weights, steps, context)
            now = _Epoch(epoch, weights, calibrate_on(logits, steps.converted, cut.validation))
            if lowest is None or (now.validation.loss or 0.0) < (lowest.validation.loss or 0.0):
                lowest = kept = now
            elif now.validation.worse_than(lowest.validation) <= 1.0:
                kept = now
            elif kept is not None and epoch - kept.number >= options.patience:
                break
    assert kept is not None
    return kept


@contextmanager
def _one_thread() -> Iterator[None]:
    """Batches are too small for several threads to help, and waiting ones take processor time from everybody else."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _new_network(kind: Network, steps: Steps, attributes: int, seen: Observed, options: TrainingOptions) -> Any:
    """A network that predicts the base rate."""
    config = NetworkConfig(
        channels=len(steps.vocabulary.channels),
        interactions=len(steps.vocabulary.interactions),
        state_features=len(STATE_COLUMNS),
        context_features=attributes,
        hidden=options.hidden,
        embedding=options.embedding,
        dropout=options.dropout,
    )
    network = kind.build(config).train()
    rate = float(np.average(steps.converted[seen.rows], weights=seen.weight))
    with torch.no_grad():
        network.hazard.weight.mul_(0.1)
        network.hazard.bias.fill_(float(np.log(rate / (1 - rate))))
    return network


def _loss(network: JourneyNetwork, batch: Batch) -> Tensor:
    """Mean cross-entropy of the hazard, and of the next touch where there was no conversion."""
    channel, interaction, state, context, weight, converted, following = (
        torch.from_numpy(part)
        for part in (
            batch.channel,
            batch.interaction,
            batch.state,
            batch.context,
            batch.weight,
            batch.converted,
            batch.following,
        )
    )
    logit, next_logits = network(channel, interaction, state, context)  # (B, T), (B, T, C + 1)
    hazard = nn.functional.binary_cross_entropy_with_logits(logit, converted, reduction="none")  # (B, T)
    touch = nn.functional.cross_entropy(next_logits.transpose(1, 2), following, reduction="none")  # (B, T)
    total = (hazard + NEXT_TOUCH_WEIGHT * (1 - converted) * touch) * weight
    mean: Tensor = total.sum() / weight.sum().clamp(min=1.0)
    return mean


def _scaling(steps: Steps, cut: Slices) -> tuple[Float32Array, Float32Array]:
    """Mean and inverse standard deviation of the state features, 0 for those that the log cannot teach."""
    state = steps.state[cut.fit.rows].astype(np.float64)
    sd = state.std(axis=0)
    scale = np.where(sd > _SMALLEST_SD, 1 / np.maximum(sd, _SMALLEST_SD), 0.0)
    if cut.until_us - steps.limits.since_us < 365 * DAY_US:
        scale[[STATE_COLUMNS.index(name) for name in YEARLY_COLUMNS]] = 0.0
    return state.mean(axis=0).astype(np.float32), scale.astype(np.float32)
