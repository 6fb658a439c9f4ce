"""`farview demo`: the main job on real data, from a file to a served audience."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory", help="Keep database and log here. Default: a temporary folder, deleted at the end."
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A tenth of the customers, in a third of the time: rougher figures.")
    ] = False,
) -> None:
    """Run the main job on CDNOW: import, train, score, publish, serve, and ask the server.

    Example: farview demo --directory ./farview-demo
    """
    import tempfile

    from cli.demo.run import run_demo
    from cli.demo.sizes import QUICK, WHOLE

    size = QUICK if quick else WHOLE
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        run_demo(directory, size, kept=True)
        return
    with tempfile.TemporaryDirectory(prefix="farview-demo-") as folder:
        run_demo(Path(folder), size, kept=False)
