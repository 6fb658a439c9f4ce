"""Entry point of the `farview` command: the command tree, and errors as one clear line."""

import inspect
import sys

import typer

from cli.commands import (
    backtest,
    customers,
    demo,
    evaluate,
    guarantees,
    imports,
    init,
    models,
    plan,
    prioritize,
    recalibrate,
    runs,
    score,
    segments,
    serve,
    simulate,
    train,
    value,
    worker,
)
from cli.compiled import keep_compiled
from farview.core.errors import FarviewError, InvalidInput

app = typer.Typer(
    name="farview",
    help="Who and what comes next, judged by long-run customer value.",
    epilog="First time here? Try: farview demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("init")(init.init)
app.add_typer(imports.app, name="import")
app.add_typer(train.app, name="train")
app.command("score")(score.score)
app.add_typer(runs.app, name="runs")
app.command("value")(value.value)
app.command("plan")(plan.plan)
app.command("prioritize")(prioritize.prioritize)
app.add_typer(prioritize.app, name="audiences")
app.add_typer(recalibrate.app, name="recalibrate")
app.add_typer(backtest.app, name="backtest")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(models.app, name="models")
app.add_typer(segments.app, name="segments")
app.add_typer(customers.app, name="customers")
app.add_typer(guarantees.app, name="guarantees")
app.add_typer(simulate.app, name="simulate")
app.command("serve")(serve.serve)
app.command("worker")(worker.worker)
app.command("demo")(demo.demo)


def _reflow(tree: typer.Typer) -> None:
    """Lets the terminal break the lines of every paragraph of help; Typer would of the first alone."""
    for command in tree.registered_commands:
        paragraphs = (command.help or inspect.getdoc(command.callback) or "").split("\n\n")
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    for group in tree.registered_groups:
        if group.typer_instance is not None:
            _reflow(group.typer_instance)


_reflow(app)


def main() -> None:
    """Runs the command; bad input exits 2, other errors meant for the caller exit 1, each with one line."""
    keep_compiled()
    try:
        app()
    except InvalidInput as error:
        _complain(str(error))
        sys.exit(2)
    except FarviewError as error:
        _complain(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        _complain("stopped")
        sys.exit(130)


def _complain(line: str) -> None:
    typer.secho("farview: ", fg="red", bold=True, err=True, nl=False)
    typer.echo(line, err=True)
