"""A database that cannot be reached is told apart from a fault: callers may try again."""

from sqlalchemy import Engine, ExceptionContext, event

from farview.core.errors import Unavailable

_SHUTTING_DOWN = ("08", "57P")  # classes of SQLSTATE: connection exceptions, the server stops or starts


def tell(engine: Engine) -> None:
    """From now on a lost or refused connection of this engine raises Unavailable."""
    event.listen(engine, "handle_error", _tell)


def _tell(context: ExceptionContext) -> None:
    if context.is_pre_ping:
        return  # the pool replaces a stale connection by itself
    error = context.original_exception
    refused = type(error).__name__ == "OperationalError" and context.connection is None
    state = getattr(error, "sqlstate", None) or ""
    if context.is_disconnect or refused or state.startswith(_SHUTTING_DOWN):
        raise Unavailable("the database is out of reach; try again") from error
