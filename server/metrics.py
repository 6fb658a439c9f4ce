"""What the server counts, under the names that gRPC dashboards expect."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHOD = ("grpc_type", "grpc_service", "grpc_method")


class Metrics:
    """Counters of one server, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.started = Counter("grpc_server_started_total", "Calls begun.", _METHOD, registry=registry)
        self.handled = Counter(
            "grpc_server_handled_total", "Calls ended, by status code.", (*_METHOD, "grpc_code"), registry=registry
        )
        self.seconds = Histogram(
            "grpc_server_handling_seconds",
            "Time from begin to end.",
            _METHOD,
            buckets=_BUCKETS_SECONDS,
            registry=registry,
        )
        self.run_published = Gauge(
            "farview_served_run_publish_timestamp_seconds",
            "When the served forecast run was published.",
            registry=registry,
        )
