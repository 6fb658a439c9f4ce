"""The combination as stored and served: its members whole, and how their laws are pooled; no customers."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from farview.core.errors import ArtifactMismatch
from ltv.combination import Weights
from ltv.model import LtvModel, PartDiagnostics
from ltv.parts import pack, unpack

FORMAT_VERSION = 2
NAME = "combination"


@dataclass(frozen=True, slots=True)
class CombinationDiagnostics:
    """What the weights were learnt from; stored with the model and shown in its lineage."""

    members: tuple[str, ...]
    customers: int
    origins: tuple[str, ...]  # "1997-07-02 to 1997-09-30", oldest first
    gain: float  # of the pool against its best member, on origins left out; relative, positive is better
    weights: Mapping[str, tuple[float, ...]]  # by segment, a weight a member
    warnings: tuple[str, ...]  # in plain words, the members' too


@dataclass(frozen=True, slots=True, eq=False)
class CombinationModel:
    """A linear pool of value models."""

    members: tuple[LtvModel, ...]  # of those with weight
    weights: Weights  # of the same members
    kept: float  # share of gross value that was not returned: what members that know nothing of returns keep
    new_days: int  # how far the weights were learnt to look ahead; see `combination.segments`
    diagnostics: CombinationDiagnostics
    period_sd: float = 0.0  # of the log factor that everybody's period shares, see `ltv.period`
    name: ClassVar[str] = NAME

    @property
    def inference(self) -> Mapping[str, PartDiagnostics]:
        """The members'."""
        return {f"{member.name} {part}": found for member in self.members for part, found in member.inference.items()}

    @property
    def deducts_returns(self) -> bool:
        """Whether anything was returned where it was trained."""
        return self.kept < 1.0

    @property
    def parameters(self) -> Mapping[str, npt.NDArray[Any]]:
        """The members', and the weights."""
        each = {f"{m.name} {name}": array for m in self.members for name, array in m.parameters.items()}
        return each | {
            "weights": np.array(self.weights.by_segment),
            "pooling": np.array([self.weights.power, self.kept, self.period_sd]),
        }

    def to_artifact(self) -> bytes:
        """Bytes that `from_artifact` turns back. Equal models give equal bytes."""
        about = {
            "format_version": FORMAT_VERSION,
            "weights": asdict(self.weights),
            "kept": self.kept,
            "new_days": self.new_days,
            "period_sd": self.period_sd,
            "diagnostics": asdict(self.diagnostics),
        }
        return pack(self.name, about, {member.name: member.to_artifact() for member in self.members})

    @classmethod
    def from_artifact(cls, artifact: bytes, load: Callable[[bytes], LtvModel]) -> Self:
        """The model that `to_artifact` wrote.

        Args:
            artifact: the bytes.
            load: reads a member.

        Raises:
            ArtifactMismatch: the bytes are not such an artifact, or a member's are not.
        """
        name, about, parts = unpack(artifact)
        if name != cls.name or about["format_version"] != FORMAT_VERSION:
            raise ArtifactMismatch(f"the artifact holds a {name!r} model that this version of Farview does not read")
        weights = about["weights"]
        rows = tuple(tuple(row) for row in weights["by_segment"])
        told = about["diagnostics"]
        diagnostics = CombinationDiagnostics(
            **{
                **told,
                **{field: tuple(told[field]) for field in ("members", "origins", "warnings")},
                "weights": {segment: tuple(row) for segment, row in told["weights"].items()},
            }
        )
        members = tuple(load(part) for part in parts.values())
        pooled = Weights(rows, weights["power"], weights["gain"])
        period_sd = float(about.get("period_sd", 0.0))  # older artifacts had none
        return cls(members, pooled, about["kept"], about["new_days"], diagnostics, period_sd)
