"""How to serve; light to import, so that `farview --help` stays quick."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How to serve."""

    host: str = "127.0.0.1"
    port: int = 50051  # 0: a free one
    workers: int = 8  # threads
    metrics_port: int | None = None  # of Prometheus' page at `host`; none unless set
    snapshot_folder: Path | None = None  # of forecasts mapped into memory, shared with other servers; None: its own
    poll_seconds: float = 2.0  # between looks for a newer run
    drain_seconds: float = 30.0  # that calls under way have after SIGTERM
