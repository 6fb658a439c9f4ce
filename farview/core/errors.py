"""Every error that Farview raises on purpose.

FarviewError
 +- InvalidInput          a field is wrong; says which, what and the mend
 +- NotFound              the thing asked for does not exist
 +- AlreadyExists         the id is taken by something else
 +- Conflict              somebody else changed it first; read again and retry
 +- FailedPrecondition    the system is not in the state that the call needs
 |   +- Infeasible        the constraints contradict each other; names them
 +- Unavailable           something the system stands on is out of reach; the same call may succeed soon
 +- ArtifactMismatch      a stored artifact is not what its hash says
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One wrong field: its path as the caller wrote it, what is wrong, and the mend."""

    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class FarviewError(Exception):
    """Base of all errors that carry a message meant for the caller."""


class InvalidInput(FarviewError):
    """One or more fields are wrong. Over RPC: INVALID_ARGUMENT; on the command line: exit 2."""

    def __init__(self, *violations: Violation) -> None:
        super().__init__("; ".join(str(violation) for violation in violations))
        self.violations: Sequence[Violation] = violations

    @classmethod
    def of(cls, field: str, problem: str) -> "InvalidInput":
        """The common case of a single wrong field."""
        return cls(Violation(field, problem))


class NotFound(FarviewError):
    """The resource does not exist. Over RPC: NOT_FOUND."""

    def __init__(self, kind: str, name: str, mend: str = "") -> None:
        super().__init__(f"{kind} {name!r} does not exist" + (f"; {mend}" if mend else ""))
        self.kind = kind
        self.name = name


class AlreadyExists(FarviewError):
    """The id was used for something else. Over RPC: ALREADY_EXISTS."""


class Conflict(FarviewError):
    """The state moved since the caller read it. Over RPC: ABORTED."""


class FailedPrecondition(FarviewError):
    """The system is not in the state the call needs. Over RPC: FAILED_PRECONDITION."""


class Infeasible(FailedPrecondition):
    """The constraints cannot hold together; the message names an irreducible set of them."""


class Unavailable(FarviewError):
    """What the system stands on is out of reach for now. Over RPC: UNAVAILABLE, and callers try again."""


class ArtifactMismatch(FarviewError):
    """Stored bytes do not match their sha256, so they are not loaded."""
