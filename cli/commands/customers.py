"""`farview customers`: what is known of single customers."""

from typing import Annotated

import typer

from cli.options import DEFAULT_DATABASE, Database

app = typer.Typer(help="Forget a customer.", no_args_is_help=True)


@app.callback()
def customers() -> None:
    """Forget a customer."""


@app.command("delete")
def delete_customer(
    customer_id: Annotated[str, typer.Argument(help="Whom to forget.", show_default=False)],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Delete everything that is kept of a customer. It cannot be undone; what goes and what stays: docs/forgetting.md.

    Example: farview customers delete C0042
    """
    from cli.console import out
    from cli.database import open_store, who
    from server.convert.forgetting import without_customer

    def without(method: str, answer: bytes) -> bytes:
        return without_customer(method, answer, customer_id)

    if not yes:
        typer.confirm(f"Delete everything that is kept of {customer_id}?", abort=True)
    with open_store(database) as store:
        gone = store.forget_customer(customer_id, without, who=who())
    out.print(f"{gone.rows:,} rows deleted; {gone.answers:,} remembered answers changed.", markup=False)
