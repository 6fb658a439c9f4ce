"""Journey models as bytes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray

from farview.core.errors import ArtifactMismatch
from farview.core.tensor_artifact import TensorFormat

FORMAT = TensorFormat("farview.journeys", version=2, what="a journey model")


def pack(name: str, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> bytes:
    """The artifact of a model of that kind. Equal models give equal bytes."""
    return FORMAT.pack(arrays, {"name": name, "about": about})


def unpack(artifact: bytes) -> tuple[str, dict[str, NDArray[Any]], dict[str, Any]]:
    """Kind, arrays and JSON data of an artifact.

    Raises:
        ArtifactMismatch: the bytes are damaged, foreign, or of another format version.
    """
    arrays, header = FORMAT.unpack(artifact)
    try:
        return header["name"], arrays, header["about"]
    except KeyError:
        raise FORMAT.foreign() from None


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
