"""`farview worker`: does the jobs that JobService was asked for."""

from typing import Annotated

import typer

from cli.options import DEFAULT_DATABASE, Database


def worker(
    database: Database = DEFAULT_DATABASE,
    *,
    once: Annotated[bool, typer.Option("--once", help="End when nothing waits any more; for cron.")] = False,
    poll_seconds: Annotated[
        float, typer.Option("--poll-seconds", min=0.05, max=3600, help="Between looks for work.")
    ] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print how the operations ended as JSON.")] = False,
) -> None:
    """Do the trainings, scorings, plannings and audiences that JobService was asked for, one after the other.

    Ends on SIGTERM or Ctrl-C; the job in hand goes back to the queue at its next step. Run as many workers as you like
    on PostgreSQL, one on SQLite. With --once it exits 1 when a job failed. The log goes to standard error as JSON.

    Example: farview worker --once
    """
    import sys

    from cli.console import out, print_json
    from jobs.worker import WorkerOptions
    from jobs.worker_process import run_worker
    from server.logs import json_logger

    if not (once or as_json):
        out.print("Farview's worker waits for operations (stop with Ctrl-C).")
    ended = run_worker(database, WorkerOptions(once, poll_seconds), json_logger(sys.stderr))
    if as_json:
        print_json(dict(ended))
    elif ended:
        out.print("Operations: " + ", ".join(f"{count:,} {_WORDS[state]}" for state, count in sorted(ended.items())))
    elif once:
        out.print(
            "Nothing waits. Operations are added by JobService: StartTraining, StartScoring, StartPlanning, "
            "StartPrioritization."
        )
    if once and ended["failed"]:
        raise typer.Exit(1)


_WORDS = {
    "done": "done",
    "failed": "failed (GetOperation says why)",
    "cancelled": "cancelled",
    "waiting": "handed back",
    "lost": "left to be begun again",
}
