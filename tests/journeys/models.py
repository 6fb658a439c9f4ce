"""Models and logs that tests plan with: small, random, and the same every time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from farview.features.journey_context import Categorical, ContextEncoding
from farview.features.journey_state import STATE_COLUMNS
from farview.features.steps import StepRules, Steps, Vocabulary, at_risk_steps, micros
from journeys.about import About, Timing, Training
from journeys.calibration import Calibration
from journeys.network import NetworkConfig
from journeys.recurrent_model import LstmModel
from journeys.scorer import JourneyModel
from journeys.support import Support
from journeys.training import NETWORKS

START = datetime(2025, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=60)
CHANNELS = ("call", "display", "email", "mail", "push", "search", "sms", "social", "video", "web", "wifi", "zine")
INTERACTIONS = ("click", "impression")
CONTEXT = ContextEncoding(categorical=(Categorical("segment", ("loyal", "new")),))


def about(channels: int) -> About:
    """Of a model of the first channels, calibrated to hazards of a few per cent."""
    return About(
        vocabulary=Vocabulary(CHANNELS[:channels], INTERACTIONS),
        context=CONTEXT,
        zone="Europe/Berlin",
        window_days=7.0,
        since_us=micros(START),
        timing=Timing(30.0, tuple(np.linspace(0, 168, 21) ** 2 / 168)),
        calibration=Calibration(1.1, -2.5, (0.002, 0.004, 0.01)),
        evidence="observational",
        training=Training(100, 1000, 40, 3, 0.17, 0),
        support=Support.unknown(channels, len(STATE_COLUMNS)),
    )


def random_network(seed: int, channels: int, hidden: int, kind: str = "lstm") -> Any:
    """Every weight normal, so that order, context and state all matter."""
    config = NetworkConfig(channels, len(INTERACTIONS), len(STATE_COLUMNS), CONTEXT.width, hidden, 8)
    network = NETWORKS[kind].build(config)
    drawn = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn(weight.shape, generator=drawn) * 0.4)
    return network.eval()


def random_lstm(seed: int = 0, channels: int = 4, hidden: int = 16) -> LstmModel:
    """A model that nothing was learnt for."""
    model = random_model("lstm", seed, channels, hidden)
    assert isinstance(model, LstmModel)
    return model


def random_model(kind: str, seed: int = 0, channels: int = 4, hidden: int = 16) -> JourneyModel[Any]:
    """The same of any kind of network."""
    features = len(STATE_COLUMNS)
    mean, scale = np.full(features, 0.3, np.float32), np.full(features, 0.7, np.float32)
    network = NETWORKS[kind]
    return network.model(network.export(random_network(seed, channels, hidden, kind), mean, scale), about(channels))


def random_log(seed: int, customers: int, channels: int, most: int = 8) -> pa.Table:
    """Touches, some conversions, in no order; customer_id c0, c1, ..."""
    random = np.random.default_rng(seed)
    rows = random.integers(1, most * customers)
    interaction = random.choice(["click", "impression", "conversion"], rows, p=[0.3, 0.6, 0.1])
    times = random.integers(0, 60 * 86_400, rows)
    return pa.table(
        {
            "customer_id": pa.array([f"c{number}" for number in random.integers(0, customers, rows)], pa.string()),
            "time": pa.array([START + timedelta(seconds=int(s)) for s in times], pa.timestamp("us", "UTC")),
            "interaction": pa.array(interaction, pa.string()),
            "channel": pa.array(random.choice(CHANNELS[:channels], rows), pa.string()),
        }
    )


def random_steps(seed: int, customers: int, channels: int) -> Steps:
    """The at-risk steps of a random log."""
    rules = StepRules("Europe/Berlin", since=START, until=NOW)
    return at_risk_steps(random_log(seed, customers, channels), rules, Vocabulary(CHANNELS[:channels], INTERACTIONS))


def attributes(customers: int) -> pa.Table:
    """A segment for two customers of three."""
    names = [f"c{number}" for number in range(customers) if number % 3]
    return pa.table({"customer_id": names, "segment": ["new" if len(name) % 2 else "loyal" for name in names]})
