"""The score that a request asks for, checked."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from farview.core.columns import QUANTILE_LEVELS
from farview.v1 import prioritization_pb2 as pb
from ranking.score_names import NamedScore
from ranking.scores import Score
from server.convert.fields import Amount, Id, counted, known_value
from server.convert.parse import Parsed

MAX_FACTORS = 16
MAX_FACTOR = 1_000
MAX_DEVIATIONS = 10
MAX_FATIGUE_DAYS = 365
DEFAULT_FATIGUE_DAYS = 30

Part = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


def _stored_level(level: float) -> float:
    for known in QUANTILE_LEVELS:
        if abs(level - known) < 1e-9:
            return known
    raise ValueError(f"is {level:g}; it must be one of {', '.join(f'{known:g}' for known in QUANTILE_LEVELS)}")


class QuantileFields(Parsed):
    """A quantile of the customer's expected value."""

    level: Annotated[float, AfterValidator(_stored_level)]

    def named(self) -> NamedScore:
        """As ranking knows it, here and below."""
        return NamedScore("quantile", self.level)


class UpperConfidenceFields(Parsed):
    """The mean and some deviations."""

    deviations: Annotated[float, Field(ge=0, le=MAX_DEVIATIONS, allow_inf_nan=False)]

    def named(self) -> NamedScore:
        return NamedScore("upper-confidence", self.deviations)


class ExceedanceFields(Parsed):
    """The probability of more than a threshold."""

    threshold: Annotated[float, Field(ge=0, allow_inf_nan=False)]

    def named(self) -> NamedScore:
        return NamedScore("exceedance", self.threshold)


class ConditionalTailFields(Parsed):
    """The mean of the worst or the best part."""

    tail: Part
    side: Annotated[int, known_value(pb.TailSide)]

    def named(self) -> NamedScore:
        return NamedScore("upper-tail" if self.side == pb.TAIL_SIDE_UPPER else "lower-tail", self.tail)


class TreatmentEffectFields(Parsed):
    """What an action changes."""

    action: Id

    def named(self) -> NamedScore:
        return NamedScore("treatment-effect", action=self.action)


class FactorFields(Parsed):
    """A factor; its filter is compiled by the service."""

    filter: Annotated[str, StringConstraints(min_length=1)]
    factor: Annotated[float, Field(ge=0, le=MAX_FACTOR, allow_inf_nan=False)]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.ScoreFactor) -> dict[str, Any]:
        return {"filter": message.filter, "factor": message.factor}


class FatigueFields(Parsed):
    """What each contact leaves."""

    retained_share: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
    window_days: Annotated[int, Field(ge=1, le=MAX_FATIGUE_DAYS)]

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.FatigueDamping) -> dict[str, Any]:
        return {"retained_share": message.retained_share, "window_days": message.window_days or DEFAULT_FATIGUE_DAYS}


_BASES = {
    "quantile": ("level",),
    "upper_confidence": ("deviations",),
    "exceedance": ("threshold",),
    "conditional_tail": ("tail", "side"),
    "treatment_effect": ("action",),
}


class ScoreFields(Parsed):
    """What orders the customers; of the bases at most one."""

    quantile: QuantileFields | None = None
    upper_confidence: UpperConfidenceFields | None = None
    exceedance: ExceedanceFields | None = None
    conditional_tail: ConditionalTailFields | None = None
    treatment_effect: TreatmentEffectFields | None = None
    thompson: bool
    propensities: bool
    contact_cost: Amount | None
    factors: Annotated[tuple[FactorFields, ...], counted(0, MAX_FACTORS)]
    fatigue: FatigueFields | None

    @model_validator(mode="before")
    @classmethod
    def _from_message(cls, message: pb.Score) -> dict[str, Any]:
        basis = message.WhichOneof("basis") or "expected_value"
        named: dict[str, Any] = {}
        if basis in _BASES:
            sent = getattr(message, basis)
            named = {basis: {name: getattr(sent, name) for name in _BASES[basis]}}
        return {
            **named,
            "thompson": basis == "thompson",
            "propensities": message.thompson.include_propensities,
            "contact_cost": message.contact_cost if message.HasField("contact_cost") else None,
            "factors": tuple(message.factors),
            "fatigue": message.fatigue if message.HasField("fatigue") else None,
        }

    @model_validator(mode="after")
    def _costs_go_with_amounts(self) -> "ScoreFields":
        if self.contact_cost is not None and self.contact_cost.value < 0:
            raise ValueError("contact_cost is below 0; it must be at least 0")
        if self.contact_cost is not None and self.exceedance is not None:
            raise ValueError("contact_cost cannot be taken off a probability (leave it out, or score by an amount)")
        return self

    def named(self) -> NamedScore:
        """The basis, as a request that is kept says it."""
        bases = (self.quantile, self.upper_confidence, self.exceedance, self.conditional_tail, self.treatment_effect)
        for basis in bases:
            if basis is not None:
                return basis.named()
        return NamedScore("thompson" if self.thompson else "expected-value")

    def kind(self) -> Score:
        """The basis, as it is computed."""
        return self.named().kind()

    @property
    def cost(self) -> float:
        """Of one contact, reporting currency."""
        return 0.0 if self.contact_cost is None else float(self.contact_cost.value)
