"""`farview import`: files into the database, bad rows into a file with their reasons."""

from typing import Annotated

import typer

from cli.options import DEFAULT_DATABASE, Database, File, Json

app = typer.Typer(help="Import files; bad rows go to a rejects file with their reasons.", no_args_is_help=True)


@app.callback()
def imports() -> None:
    """Import files; bad rows go to a rejects file with their reasons."""


@app.command("transactions")
def transactions(
    file: File,
    *,
    customer_column: Annotated[str, typer.Option("--customer-column", help="Who bought.")] = "customer_id",
    time_column: Annotated[
        str, typer.Option("--time-column", help="When: a date or a time; without an offset it is business time.")
    ] = "time",
    amount_column: Annotated[str, typer.Option("--amount-column", help="How much; returns are negative.")] = "amount",
    transaction_id_column: Annotated[
        str | None,
        typer.Option(
            "--transaction-id-column",
            help="Unique for ever: a row sent again is a no-op, a changed one a correction. "
            " Default: transaction_id, where the file has it.",
        ),
    ] = None,
    currency_column: Annotated[
        str | None,
        typer.Option("--currency-column", help="ISO 4217 code. Default: currency, where the file has it."),
    ] = None,
    decimal: Annotated[str, typer.Option("--decimal", help="Decimal mark of amounts.")] = ".",
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Import purchases and returns.

    Example: farview import transactions sales.csv.gz --customer-column client --amount-column total
    """
    from cli.console import out, print_json, progress
    from cli.database import open_store, who
    from jobs.import_reading import TransactionColumns
    from jobs.import_transactions import import_transactions

    columns = TransactionColumns(
        customer=customer_column,
        time=time_column,
        amount=amount_column,
        transaction_id=transaction_id_column,
        currency=currency_column,
        decimal=decimal,
    )
    with open_store(database) as store, progress() as bar:
        result = import_transactions(store, file, columns, who=who(), progress=bar)
    if as_json:
        print_json(result.as_data())
        return
    for line in result.lines():
        out.print(line, soft_wrap=True, markup=False)
    out.print("Next: farview train ltv")
