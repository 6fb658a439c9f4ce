"""Any journey model from its bytes."""

from typing import Any

from farview.core.errors import ArtifactMismatch
from journeys.artifact import unpack
from journeys.markov import MarkovModel
from journeys.markov2 import SecondOrderModel
from journeys.recurrent_model import GruModel, LstmModel
from journeys.scorer import JourneyModel
from journeys.transformer_model import TransformerModel

KINDS = (MarkovModel, SecondOrderModel, LstmModel, GruModel, TransformerModel)


def load(artifact: bytes) -> JourneyModel[Any]:
    """The model inside an artifact, whatever its kind.

    Raises:
        ArtifactMismatch: the bytes are damaged, foreign, or of a kind or format that this version does not know.
    """
    name, _, _ = unpack(artifact)
    kinds = {kind.name: kind for kind in KINDS}
    if name not in kinds:
        raise ArtifactMismatch(f"no journey model named {name!r}; known: {', '.join(kinds)}")
    return kinds[name].from_artifact(artifact)
