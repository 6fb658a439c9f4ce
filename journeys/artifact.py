"""Journey models as bytes: safetensors with the rest as JSON in the header, so nothing in them can run."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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


@contextmanager
def unpacked(artifact: bytes, kind: str) -> Iterator[tuple[dict[str, NDArray[Any]], dict[str, Any]]]:
    """Arrays and JSON data of an artifact of that kind, to make a model from inside the block.

    Raises:
        ArtifactMismatch: as `unpack`; or the artifact is of another kind, or the block misses a part of it.
    """
    name, arrays, about = unpack(artifact)
    if name != kind:
        raise ArtifactMismatch(f"the artifact holds a {name!r} model, not {kind!r}")
    try:
        yield arrays, about
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactMismatch(f"the artifact lacks a part of a {kind} model ({error})") from None
