"""All calls of one server in one place."""

from types import TracebackType
from typing import Self

import grpc

from farview.client.catalog import CatalogCalls
from farview.client.connection import DEFAULT_TIMEOUT_SECONDS, Connection
from farview.client.feedback import FeedbackCalls
from farview.client.forecasts import ForecastCalls
from farview.client.jobs import JobCalls
from farview.client.journeys import JourneyCalls
from farview.client.models import ModelCalls
from farview.client.prioritization import PrioritizationCalls
from farview.client.segments import SegmentCalls


class FarviewClient(
    ForecastCalls, PrioritizationCalls, JourneyCalls, FeedbackCalls, SegmentCalls, CatalogCalls, ModelCalls, JobCalls
):
    """Calls one server. Safe to share between threads; every method raises CallFailed.

    A call that finds the server unavailable is repeated up to three times within its deadline; writes carry a request
    id, so they are stored once however often they are sent.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        connection = Connection(address, timeout_seconds, credentials)
        ForecastCalls.__init__(self, connection)
        PrioritizationCalls.__init__(self, connection)
        JourneyCalls.__init__(self, connection)
        FeedbackCalls.__init__(self, connection)
        SegmentCalls.__init__(self, connection)
        CatalogCalls.__init__(self, connection)
        ModelCalls.__init__(self, connection)
        JobCalls.__init__(self, connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._connection.channel.close()
