"""Models as tensors with what describes them: safetensors with JSON in the header, so nothing in them can run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from farview.core.errors import ArtifactMismatch

_LENGTH_BYTES = 8  # of the header, by the format's specification


@dataclass(frozen=True, slots=True)
class TensorFormat:
    """How artifacts of one kind are written."""

    key: str  # of the header's metadata that describes the tensors
    version: int
    what: str  # as errors name it: "a journey model"

    def pack(self, tensors: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> bytes:
        """The artifact. Equal tensors and descriptions give equal bytes."""
        described = json.dumps({"format_version": self.version, **about}, sort_keys=True)
        whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        return save(whole, metadata={self.key: described})

    def unpack(self, artifact: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """The tensors and what describes them.

        Raises:
            ArtifactMismatch: the bytes are damaged, foreign, or of another format version.
        """
        try:
            length = int.from_bytes(artifact[:_LENGTH_BYTES], "little")
            metadata = json.loads(artifact[_LENGTH_BYTES : _LENGTH_BYTES + length])["__metadata__"]
            about: dict[str, Any] = json.loads(metadata[self.key])
            version = about.pop("format_version")
            tensors = load(artifact)
        except (SafetensorError, AttributeError, KeyError, TypeError, ValueError):
            raise self.foreign() from None
        if version != self.version:
            reads = f"this version of Farview reads {self.version}"
            raise ArtifactMismatch(f"the artifact has format {version}, {reads} (train the model anew)")
        return tensors, about

    def foreign(self) -> ArtifactMismatch:
        """What is raised where the bytes do not make such a model."""
        return ArtifactMismatch(f"the bytes are not {self.what}: damaged, or written by something else")
