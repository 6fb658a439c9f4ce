"""Artifacts made of named parts: a JSON head, then the parts' bytes, under one digest. Nothing is executed."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from farview.core.errors import ArtifactMismatch

MAGIC = b"farview parts 1\n"
_LENGTH_BYTES = 8


def pack(name: str, about: Mapping[str, Any], parts: Mapping[str, bytes]) -> bytes:
    """Bytes that `unpack` takes apart. Equal content gives equal bytes.

    Args:
        name: of the model.
        about: JSON data.
        parts: bytes by name.
    """
    sizes = [[part, len(content)] for part, content in parts.items()]
    head = json.dumps({"name": name, "about": about, "parts": sizes}, sort_keys=True, allow_nan=False).encode()
    body = len(head).to_bytes(_LENGTH_BYTES, "little") + head + b"".join(parts.values())
    return MAGIC + _digest(body) + body


def is_packed(artifact: bytes) -> bool:
    """Whether the bytes say that `pack` made them."""
    return artifact.startswith(MAGIC)


def unpack(artifact: bytes) -> tuple[str, dict[str, Any], dict[str, bytes]]:
    """Name, about and parts.

    Raises:
        ArtifactMismatch: the bytes are not what `pack` wrote.
    """
    start = len(MAGIC) + len(_digest(b""))
    body = artifact[start:]
    if not is_packed(artifact) or artifact[len(MAGIC) : start] != _digest(body):
        raise ArtifactMismatch("the bytes are not a Farview model: damaged, or written by something else")
    at = _LENGTH_BYTES + int.from_bytes(body[:_LENGTH_BYTES], "little")
    head = json.loads(body[_LENGTH_BYTES:at])
    parts = {}
    for name, size in head["parts"]:
        parts[name] = body[at : at + size]
        at += size
    return head["name"], head["about"], parts


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()
