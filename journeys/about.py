"""What every journey model carries beside its parameters: how to read its input and how much to believe its output."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from farview.features.journey_context import ContextEncoding
from farview.features.journey_state import DAY_US, HOUR_US
from farview.features.steps import Steps, Vocabulary
from journeys.calibration import Calibration
from journeys.support import Support

FloatArray = NDArray[np.float64]

Evidence = Literal["randomised", "propensity-weighted", "observational"]
_LEVELS = np.linspace(0, 1, 21)


@dataclass(frozen=True, slots=True)
class Timing:
    """When things happen in the log, for touches that are only planned."""

    gap_hours: float  # median time between a touch and the next within the window
    delay_hours: tuple[float, ...]  # 0, 5, ..., 100 % quantiles of the time from a touch to its conversion

    @classmethod
    def learn(cls, steps: Steps, until_us: int) -> Self:
        """Of a log before an instant; without gaps or conversions, a day and the window's uniform distribution."""
        window_hours = steps.limits.window_us / HOUR_US
        took = (steps.resolved_us - steps.time_us) / HOUR_US
        known = steps.resolved_us < until_us
        gaps, delays = took[known & (steps.next_channel >= 0)], took[known & steps.converted]
        return cls(
            gap_hours=float(np.median(gaps)) if len(gaps) else 24.0,
            delay_hours=tuple(map(float, np.quantile(delays, _LEVELS) if len(delays) else _LEVELS * window_hours)),
        )

    @property
    def mean_delay_hours(self) -> float:
        """Mean time from a touch to its conversion."""
        return float(np.trapezoid(self.delay_hours, _LEVELS))

    def share_converted(self, hours: FloatArray) -> FloatArray:
        """Share of the conversions of a touch that have come within so many hours of it."""
        within = np.interp(hours, self.delay_hours, _LEVELS, left=0.0, right=1.0)
        return np.asarray(within)


@dataclass(frozen=True, slots=True)
class Training:
    """What a model saw and how training went."""

    customers: int
    steps: int  # with a known outcome
    conversions: int
    epochs: int  # 0 for models that are counted, not trained
    validation_log_loss: float | None  # on the slice that ended training
    seed: int


class Fitted(NamedTuple):
    """What a fit adds to what the log says."""

    calibration: Calibration
    training: Training
    support: Support


@dataclass(frozen=True, slots=True)
class About:
    """The same for every journey model; JSON in the artifact's header."""

    vocabulary: Vocabulary
    context: ContextEncoding
    zone: str
    window_days: float
    since_us: int  # the log's start, for the flag of histories that it may have cut
    timing: Timing
    calibration: Calibration
    evidence: Evidence
    training: Training
    support: Support

    @classmethod
    def of(cls, steps: Steps, until_us: int, context: ContextEncoding, evidence: Evidence, fitted: Fitted) -> Self:
        """Of a model fitted to the steps before `until_us`."""
        return cls(
            vocabulary=steps.vocabulary,
            context=context,
            zone=steps.limits.zone,
            window_days=steps.limits.window_us / DAY_US,
            since_us=steps.limits.since_us,
            timing=Timing.learn(steps, until_us),
            calibration=fitted.calibration,
            evidence=evidence,
            training=fitted.training,
            support=fitted.support,
        )

    def as_data(self) -> dict[str, Any]:
        """JSON data that `from_data` turns back."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_data`; KeyError or TypeError if something is missing."""
        words = data["vocabulary"]
        return cls(
            **{
                **data,
                "vocabulary": Vocabulary(tuple(words["channels"]), tuple(words["interactions"])),
                "context": ContextEncoding.from_data(data["context"]),
                "timing": Timing(data["timing"]["gap_hours"], tuple(data["timing"]["delay_hours"])),
                "calibration": Calibration.from_data(data["calibration"]),
                "training": Training(**data["training"]),
                "support": Support.from_data(data["support"]),
            }
        )
