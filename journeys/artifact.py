"""Journey models as bytes: safetensors with the rest as JSON in the header, so nothing in them can run."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from farview.core.errors import ArtifactMismatch

FORMAT_VERSION = 1
_KEY = "farview.journeys"
_LENGTH_BYTES = 8


def pack(name: str, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> bytes:
    """The artifact of a model of that kind. Equal models give equal bytes."""
    header = {"format_version": FORMAT_VERSION, "name": name, "about": about}
    return save_tensors(
        {key: np.ascontiguousarray(array) for key, array in arrays.items()},
        metadata={_KEY: json.dumps(header, sort_keys=True)},
    )


def unpack(artifact: bytes) -> tuple[str, dict[str, NDArray[Any]], dict[str, Any]]:
    """Kind, arrays and JSON data of an artifact.

    Raises:
        ArtifactMismatch: the bytes are damaged, foreign, or of another format version.
    """
    try:
        length = int.from_bytes(artifact[:_LENGTH_BYTES], "little")
        metadata = json.loads(artifact[_LENGTH_BYTES : _LENGTH_BYTES + length])["__metadata__"]
        header = json.loads(metadata[_KEY])
        version, name, about = header["format_version"], header["name"], header["about"]
        arrays = load_tensors(artifact)
    except (SafetensorError, KeyError, TypeError, ValueError):
        raise ArtifactMismatch("the bytes are not a journey model: damaged, or written by something else") from None
    if version != FORMAT_VERSION:
        raise ArtifactMismatch(f"the artifact has format {version}, this version of Farview reads {FORMAT_VERSION}")
    return name, arrays, about
