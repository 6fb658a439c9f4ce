"""Page tokens: opaque to callers, self-contained, bound to the request they continue."""

import base64
import binascii
import hashlib
import json
from typing import Any

from farview.core.errors import InvalidInput

_DIGEST_BYTES = 8


def seal(position: dict[str, Any], asked: object) -> str:
    """A token that says where to go on.

    Args:
        position: what the next page begins after; plain JSON values.
        asked: the fields of the request that must not change from page to page; plain JSON values.
    """
    body = json.dumps(position, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(body, asked) + body).decode()


def unseal(token: str, asked: object) -> dict[str, Any]:
    """The position of a token.

    Raises:
        InvalidInput: on `page_token`, when it is damaged or belongs to a request with other fields.
    """
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raw = b""
    body = raw[_DIGEST_BYTES:]
    if not body or raw[:_DIGEST_BYTES] != _digest(body, asked):
        raise InvalidInput.of(
            "page_token",
            "is damaged or from a request with other fields (send next_page_token as it came and repeat the fields)",
        )
    position: dict[str, Any] = json.loads(body)
    return position


def _digest(body: bytes, asked: object) -> bytes:
    fields = json.dumps(asked, separators=(",", ":")).encode()
    return hashlib.blake2b(body, key=hashlib.sha256(fields).digest(), digest_size=_DIGEST_BYTES).digest()
