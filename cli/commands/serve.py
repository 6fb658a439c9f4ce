"""`farview serve`: answers calls over gRPC."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import DEFAULT_DATABASE, Database
from server.options import ServerOptions

_DEFAULT = ServerOptions()


def serve(
    database: Database = DEFAULT_DATABASE,
    *,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; 0.0.0.0 is every interface.")
    ] = _DEFAULT.host,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0 takes a free one and says which.")
    ] = _DEFAULT.port,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=256, help="Threads that answer calls.")
    ] = _DEFAULT.workers,
    metrics_port: Annotated[
        int | None,
        typer.Option("--metrics-port", min=1, max=65535, help="Serve Prometheus metrics here. Default: do not."),
    ] = None,
    snapshot_dir: Annotated[
        Path | None,
        typer.Option(
            "--snapshot-dir",
            file_okay=False,
            help="Share the forecasts mapped into memory with other servers of this machine here. Default: do not.",
        ),
    ] = None,
    drain_seconds: Annotated[
        float, typer.Option("--drain-seconds", min=0, help="Time that calls under way have to end after SIGTERM.")
    ] = _DEFAULT.drain_seconds,
    as_json: Annotated[bool, typer.Option("--json", help="Announce host and port as one JSON line.")] = False,
) -> None:
    """Answer calls over gRPC until SIGTERM or Ctrl-C; calls under way are finished.

    Newly published runs and promoted models are taken up without a restart. The log goes to standard error as JSON.

    Example: farview serve --port 50051
    """
    from server.main import prepare_process
    from server.main import serve as run

    prepare_process()

    def announce(real_port: int) -> None:
        import json

        where = {"host": host, "port": real_port}
        typer.echo(json.dumps(where) if as_json else f"Farview serves on {host}:{real_port} (stop with Ctrl-C).")

    options = ServerOptions(
        host=host,
        port=port,
        workers=workers,
        metrics_port=metrics_port,
        snapshot_folder=snapshot_dir,
        drain_seconds=drain_seconds,
    )
    run(database, options, announce)
