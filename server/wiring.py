"""Puts a server together. Nothing here or below is created at import time."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry, start_http_server
from structlog.typing import FilteringBoundLogger

from farview.store.store import Store
from farview.v1 import (
    catalog_pb2,
    catalog_pb2_grpc,
    feedback_pb2,
    feedback_pb2_grpc,
    forecast_pb2,
    forecast_pb2_grpc,
    job_pb2,
    job_pb2_grpc,
    journey_pb2,
    journey_pb2_grpc,
    model_pb2,
    model_pb2_grpc,
    prioritization_pb2,
    prioritization_pb2_grpc,
    segment_pb2,
    segment_pb2_grpc,
)
from ranking import items, prioritize
from server.convert import item_columns, item_wire
from server.feedback_tokens import FeedbackTokens
from server.interceptors import AnswerErrors, Observe
from server.journeys import ServedJourneys
from server.metrics import Metrics
from server.options import ServerOptions
from server.poller import Poller
from server.port_lock import taken
from server.relevance import ServedRankers
from server.retrieval import ServedNextItems
from server.scoring import Scoring
from server.services.catalog import CatalogService
from server.services.feedback import FeedbackService
from server.services.forecast import ForecastService
from server.services.jobs import JobService
from server.services.journey import JourneyService
from server.services.model import ModelService
from server.services.operations import OperationsService
from server.services.prioritization import PrioritizationService, ServedItemModels
from server.services.segment import SegmentService
from server.snapshot import Served

SERVICES = tuple(
    module.DESCRIPTOR.services_by_name[name].full_name
    for module, name in (
        (forecast_pb2, "ForecastService"),
        (prioritization_pb2, "PrioritizationService"),
        (journey_pb2, "JourneyService"),
        (feedback_pb2, "FeedbackService"),
        (segment_pb2, "SegmentService"),
        (catalog_pb2, "CatalogService"),
        (model_pb2, "ModelService"),
        (job_pb2, "JobService"),
        (operations_pb2, "Operations"),
    )
)
_WAITING_PER_WORKER = 32  # calls in the queue for each thread before RESOURCE_EXHAUSTED


class FarviewServer:
    """A running server: `port` is the one that it listens on."""

    def __init__(
        self, port: int, server: grpc.Server, health_of: health.HealthServicer, close: Callable[[], None]
    ) -> None:
        self.port = port
        self._server = server
        self._health = health_of
        self._close = close

    def stop(self, drain_seconds: float) -> None:
        """Says NOT_SERVING, takes no new calls, lets those under way end, then cuts off what is left."""
        self._health.enter_graceful_shutdown()
        self._server.stop(drain_seconds).wait()
        self._close()


def start(store: Store, options: ServerOptions, logger: FilteringBoundLogger) -> FarviewServer:
    """Starts a server and returns once it is SERVING: run loaded, kernels warm. The caller keeps the store's ownership.

    Raises:
        FailedPrecondition: the port is taken.
    """
    metrics = Metrics(CollectorRegistry())
    served, scoring = Served(store, logger, metrics, options.snapshot_folder), Scoring(store, logger)
    journeys = ServedJourneys(store, logger)
    item_models = ServedItemModels(ServedRankers(store, journeys, logger), ServedNextItems(store, logger))
    tokens = FeedbackTokens(store.signing_keys())
    server = grpc.server(
        ThreadPoolExecutor(options.workers, thread_name_prefix="farview-rpc"),
        interceptors=(Observe(logger, metrics), AnswerErrors(logger)),
        options=[("grpc.so_reuseport", 0)],
        maximum_concurrent_rpcs=options.workers * (1 + _WAITING_PER_WORKER),
    )
    forecast_pb2_grpc.add_ForecastServiceServicer_to_server(ForecastService(store, served, scoring), server)
    prioritization_pb2_grpc.add_PrioritizationServiceServicer_to_server(
        PrioritizationService(store, served, item_models, tokens), server
    )
    journey_pb2_grpc.add_JourneyServiceServicer_to_server(JourneyService(store, journeys, tokens), server)
    feedback_pb2_grpc.add_FeedbackServiceServicer_to_server(FeedbackService(store, tokens), server)
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(CatalogService(store), server)
    segment_pb2_grpc.add_SegmentServiceServicer_to_server(SegmentService(store), server)
    model_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(store), server)
    job_pb2_grpc.add_JobServiceServicer_to_server(JobService(store), server)
    operations_pb2_grpc.add_OperationsServicer_to_server(OperationsService(store, options.workers), server)
    health_of = _health_and_reflection(server)
    port = _bind(server, options)
    refreshed = (served.refresh, journeys.refresh, item_models.rankers.refresh, item_models.next_items.refresh)
    poller = Poller(refreshed, options.poll_seconds, logger)
    stop_metrics = _serve_metrics(metrics, options)

    def close() -> None:
        poller.stop()
        stop_metrics()

    scoring.warm()
    prioritize.warm()
    items.warm()
    item_columns.warm()
    item_wire.warm()
    poller.start()
    server.start()
    for service in ("", *SERVICES):
        health_of.set(service, health_pb2.HealthCheckResponse.SERVING)
    logger.info("serving", host=options.host, port=port, pid=os.getpid())
    return FarviewServer(port, server, health_of, close)


def _health_and_reflection(server: grpc.Server) -> health.HealthServicer:
    health_of = health.HealthServicer()
    for service in ("", *SERVICES):
        health_of.set(service, health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(health_of, server)
    names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    return health_of


def _bind(server: grpc.Server, options: ServerOptions) -> int:
    try:
        port = server.add_insecure_port(f"{options.host}:{options.port}")
    except RuntimeError:
        port = 0
    if port == 0:
        raise taken(options.port)
    return int(port)


def _serve_metrics(metrics: Metrics, options: ServerOptions) -> Callable[[], None]:
    if options.metrics_port is None:
        return lambda: None
    page, thread = start_http_server(options.metrics_port, options.host, registry=metrics.registry)

    def stop() -> None:
        page.shutdown()
        page.server_close()
        thread.join()

    return stop
