"""JSON lines, one an event, with the request id of the call that they belong to."""

from typing import TextIO

import structlog
from structlog.typing import FilteringBoundLogger


def json_logger(stream: TextIO) -> FilteringBoundLogger:
    """A logger of its own: structlog's global configuration stays as it is.

    What is bound by `structlog.contextvars` (the interceptor binds `request_id`) stands in every line of a call.
    """
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
    )
    return logger
