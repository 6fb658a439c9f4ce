"""Feedback tokens: an answer names itself, signed, so that reports of what was shown can be held against it."""

import hmac
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal

from itsdangerous import BadSignature, Signer, base64_decode, base64_encode
from itsdangerous.signer import SigningAlgorithm

from farview.core.errors import InvalidInput

Method = Literal["PrioritizeCustomers", "RankItems", "PlanJourney"]

_SALT = b"farview.v1.feedback_token"
# 48 bytes are 64 characters exactly: with a digest whose last character has bits to spare, several tokens would be one.
_DIGEST = "sha384"
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{64}")


def _random_id() -> str:
    return secrets.token_urlsafe(12)


def _this_second() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class _HmacAtOnce(SigningAlgorithm):
    """HMAC in one call of OpenSSL, a third of what an object takes that could be fed more."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, _DIGEST)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a token tells of its answer."""

    method: Method
    places: int  # customers, items or touches that were answered
    forecast_run_id: int | None = None
    model_version: str | None = None  # "journeys/3"
    plan_id: int | None = None
    customer_id: str | None = None  # whose plan it is
    answer_id: str = field(default_factory=_random_id)
    issued_at: datetime = field(default_factory=_this_second)  # aware, whole seconds


_NAMES = tuple(part.name for part in fields(Answer))


class FeedbackTokens:
    """Signs and reads tokens. They are URL-safe and never expire; anyone can read one, only a key holder can make one.

    Safe to share between threads.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` oldest first: the newest signs, all are accepted."""
        derived = [hmac.digest(key, _SALT, _DIGEST) for key in keys]  # once; the signer would for every token
        self._signer = Signer(derived, key_derivation="none", algorithm=_HmacAtOnce())

    def issue(self, answer: Answer) -> str:
        """The token of an answer."""
        told = {name: value for name in _NAMES if (value := getattr(answer, name)) is not None}
        told["issued_at"] = int(answer.issued_at.timestamp())
        # Not URLSafeSerializer, which deflates, nor asdict, which copies deeply: each takes longer than all of this.
        return self._signer.sign(base64_encode(json.dumps(told))).decode("ascii")

    def read(self, token: str) -> Answer:
        """The answer of a token.

        Raises:
            InvalidInput: on `feedback_token`, when none of the keys signed it as it is.
        """
        try:
            if not _FORM.fullmatch(token):  # base64 would skip foreign characters
                raise BadSignature("not the form of a token")
            payload = self._signer.unsign(token)
        except BadSignature:
            raise InvalidInput.of(
                "feedback_token",
                "is damaged or from another database (send the token as the answer had it)",
            ) from None
        told: dict[str, Any] = json.loads(base64_decode(payload))
        return Answer(**told | {"issued_at": datetime.fromtimestamp(told["issued_at"], UTC)})
