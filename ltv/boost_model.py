"""The boosted model as stored and served: its anchor, its trees, its units; no customers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from farview.core.errors import ArtifactMismatch
from ltv.boost_inputs import INPUTS, Units
from ltv.boost_losses import RETURNED
from ltv.boost_surrogate import Surrogate
from ltv.model import BtydModel, PartDiagnostics
from ltv.parts import pack, unpack

FORMAT_VERSION = 1
NOTHING_RETURNED = -50.0  # level of the head where nothing was: the log of a share that is none
_ANCHOR = "anchor"


@dataclass(frozen=True, slots=True)
class HeadDiagnostics:
    """How one head was chosen."""

    rounds: int
    loss_without: float  # on customers held out, mean per row
    loss: float


@dataclass(frozen=True, slots=True)
class BoostDiagnostics:
    """What a fit saw and how it went; stored with the model and shown in its lineage."""

    anchor: str
    customers: int
    origins: tuple[str, ...]  # "1997-07-02 to 1997-09-30", newest first
    longest_target_days: int  # beyond it the corrections learnt are held, and the anchor's process carries the forecast
    heads: Mapping[str, HeadDiagnostics]
    surrogate: Surrogate  # of all corrections to expected value
    warnings: tuple[str, ...]  # in plain words, the anchor's too


@dataclass(frozen=True, slots=True, eq=False)
class BoostModel:
    """A buy-till-you-die model whose forecasts trees correct, customer by customer."""

    anchor: BtydModel
    units: Units
    trees: Mapping[str, bytes]  # by head, UBJSON; empty without trees
    level: Mapping[str, float]  # by head, added to its margin with the trees
    diagnostics: BoostDiagnostics
    name: ClassVar[str] = "boost"

    @property
    def deducts_returns(self) -> bool:
        """Whether anything was returned where it was trained."""
        return self.level[RETURNED] > NOTHING_RETURNED

    @property
    def period_sd(self) -> float:
        """Its anchor's: what periods share moves what trees correct as much."""
        return self.anchor.period_sd

    @property
    def inference(self) -> Mapping[str, PartDiagnostics]:
        """Its anchor's."""
        return self.anchor.inference

    @property
    def parameters(self) -> Mapping[str, npt.NDArray[Any]]:
        """Its anchor's draws, its levels, and its trees byte by byte."""
        trees = {f"trees {head}": np.frombuffer(trees, dtype=np.uint8) for head, trees in self.trees.items()}
        return {**self.anchor.parameters, **trees, "levels": np.array(list(self.level.values()))}

    def to_artifact(self) -> bytes:
        """Bytes that `from_artifact` turns back. Equal models give equal bytes."""
        about = {
            "format_version": FORMAT_VERSION,
            "inputs": list(INPUTS),
            "units": asdict(self.units),
            "level": dict(self.level),
            "diagnostics": asdict(self.diagnostics),
        }
        return pack(self.name, about, {_ANCHOR: self.anchor.to_artifact(), **self.trees})

    @classmethod
    def from_artifact(cls, artifact: bytes) -> Self:
        """The model that `to_artifact` wrote.

        Raises:
            ArtifactMismatch: the bytes are not such an artifact, or of a version with other inputs.
        """
        name, about, parts = unpack(artifact)
        if name != cls.name:
            raise ArtifactMismatch(f"the artifact holds a {name!r} model, not {cls.name!r}")
        if about["format_version"] != FORMAT_VERSION or about["inputs"] != list(INPUTS):
            raise ArtifactMismatch("the artifact was made for other features (train boost again)")
        return cls(
            anchor=BtydModel.from_artifact(parts.pop(_ANCHOR)),
            units=Units(**about["units"]),
            trees=parts,
            level=about["level"],
            diagnostics=_diagnostics(about["diagnostics"]),
        )


def _diagnostics(data: Mapping[str, Any]) -> BoostDiagnostics:
    heads = {name: HeadDiagnostics(**head) for name, head in data["heads"].items()}
    told = {name: tuple(data[name]) for name in ("origins", "warnings")}
    surrogate = Surrogate(tuple(data["surrogate"]["rules"]), data["surrogate"]["explained"])
    return BoostDiagnostics(**{**data, "heads": heads, "surrogate": surrogate, **told})
