"""A sequence network as stored and served: its parameters, its units; no customers, no torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from farview.core.errors import ArtifactMismatch
from ltv.model import PartDiagnostics
from ltv.parts import pack, unpack
from ltv.sequence_inputs import LONGEST, TOKEN, Units
from ltv.sequence_law import OUTPUTS
from ltv.sequence_network import Weights

FORMAT_VERSION = 1
GRU, TRANSFORMER = "gru", "transformer"
NETWORKS = (GRU, TRANSFORMER)
_WEIGHTS = "weights"


@dataclass(frozen=True, slots=True)
class SequenceDiagnostics:
    """What a fit saw and how it went; stored with the model and shown in its lineage."""

    customers: int
    origins: tuple[str, ...]  # "1997-07-02 to 1997-09-30", newest last; to the end of the longest target
    longest_target_days: int  # beyond it the curve learnt for each customer is run on
    returned: float  # share of gross value that came back within the targets
    epochs: int
    loss_without: float  # of the population's rates alone on the newest origin, which training had not seen
    loss: float  # of the network there
    purchases_missed: float  # ln of what came over what was forecast there, and
    value_missed: float  # the same of gross value: their size is how much totals may miss
    warnings: tuple[str, ...]  # in plain words


@dataclass(frozen=True, slots=True, eq=False)
class SequenceModel:
    """A trained EventGru or EventTransformer."""

    name: str  # of NETWORKS
    weights: Weights
    units: Units
    diagnostics: SequenceDiagnostics

    @property
    def inference(self) -> Mapping[str, PartDiagnostics]:
        """None: a network has no posterior."""
        return {}

    @property
    def parameters(self) -> Weights:
        """The network's, by torch's names."""
        return self.weights

    @property
    def deducts_returns(self) -> bool:
        """Whether anything was returned where it was trained."""
        return self.diagnostics.returned > 0

    def to_artifact(self) -> bytes:
        """Bytes that `from_artifact` turns back, the parameters as safetensors. Equal models give equal bytes."""
        about = {
            "format_version": FORMAT_VERSION,
            "token": list(TOKEN),
            "longest": LONGEST,
            "outputs": list(OUTPUTS),
            "units": asdict(self.units),
            "diagnostics": asdict(self.diagnostics),
        }
        return pack(self.name, about, {_WEIGHTS: save_tensors(dict(self.weights))})

    @classmethod
    def from_artifact(cls, artifact: bytes) -> Self:
        """The model that `to_artifact` wrote.

        Raises:
            ArtifactMismatch: the bytes are not such an artifact, or of a version that reads other events.
        """
        name, about, parts = unpack(artifact)
        if name not in NETWORKS:
            raise ArtifactMismatch(f"the artifact holds a {name!r} model, not one of {', '.join(NETWORKS)}")
        read = FORMAT_VERSION, list(TOKEN), LONGEST, list(OUTPUTS)
        if tuple(about[key] for key in ("format_version", "token", "longest", "outputs")) != read:
            raise ArtifactMismatch(f"the artifact was made for other events or outputs (train {name} again)")
        diagnostics = _diagnostics(about["diagnostics"])
        return cls(name, load_tensors(parts[_WEIGHTS]), Units(**about["units"]), diagnostics)


def _diagnostics(data: Mapping[str, Any]) -> SequenceDiagnostics:
    return SequenceDiagnostics(**{**data, **{name: tuple(data[name]) for name in ("origins", "warnings")}})
