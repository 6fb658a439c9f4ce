"""`farview init`: creates the database, or upgrades it."""

from typing import Annotated

import typer

from cli.options import DEFAULT_DATABASE, Database


def init(
    database: Database = DEFAULT_DATABASE,
    time_zone: Annotated[
        str, typer.Option("--time-zone", help="IANA zone whose days, weeks and dates the business lives by.")
    ] = "UTC",
    currency: Annotated[
        str, typer.Option("--currency", help="ISO 4217 code of the currency that reports and forecasts use.")
    ] = "USD",
    consent_required: Annotated[
        bool,
        typer.Option("--consent-required", help="No record of consent means not allowed. Default: means allowed."),
    ] = False,
) -> None:
    """Create the database, or upgrade it to this version.

    The time zone, the currency and the consent rule are set once, when it is created.

    Example: farview init --time-zone Europe/Berlin --currency EUR
    """
    from cli.console import out
    from cli.database import open_store
    from farview.store.business import check
    from farview.store.migrate import current, head, upgrade
    from farview.store.values import Business

    wanted = Business(time_zone, currency, consent_required)
    check(wanted)  # before anything is created
    before = current(database)
    upgrade(database)
    with open_store(database) as store:
        business = store.set_business(wanted)
    if before is None:
        out.print(f"Created {database} (schema {head()}).")
    elif before != head():
        out.print(f"Upgraded {database} from schema {before} to {head()}.")
    else:
        out.print(f"{database} is up to date (schema {head()}).")
    out.print(
        f"Time zone {business.time_zone}, currency {business.reporting_currency}, "
        f"consent {'required' if business.consent_required else 'assumed unless withdrawn'}."
    )
    out.print("Next: farview import transactions FILE")
