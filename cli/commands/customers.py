"""`farview customers`: what is known of single customers."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import DEFAULT_DATABASE, Database, Json
from cli.report_files import check_writable

if TYPE_CHECKING:
    from jobs.customer_forecast import CustomerForecast
    from ltv.boost_drivers import Driver

app = typer.Typer(help="See or forget a customer.", no_args_is_help=True)


@app.callback()
def customers() -> None:
    """See or forget a customer."""


@app.command("show")
def show_customer(
    customer_id: Annotated[str, typer.Argument(help="Whose forecasts.", show_default=False)],
    *,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="OUT.png", help="Draw value over the horizon.")
    ] = None,
    drivers: Annotated[
        Path | None, typer.Option("--drivers", metavar="OUT.png", help="Draw what moves the forecast.")
    ] = None,
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Show what the served run forecasts of a customer, horizon by horizon, and what moves it.

    Example: farview customers show 00042 --picture fan.png
    """
    from cli.console import print_json
    from cli.database import open_store
    from farview.core.errors import FailedPrecondition
    from jobs.customer_forecast import customer_forecast, drivers_of

    for option, file in (("--picture", picture), ("--drivers", drivers)):
        check_writable(option, file)
    with open_store(database) as store:
        found = customer_forecast(store, customer_id)
        moved = drivers_of(store, found)
    if drivers is not None and not moved:
        raise FailedPrecondition("the run's model tells no drivers (boost does: farview train ltv --model boost)")
    _draw(found, moved, picture, drivers)
    if as_json:
        rows = found.rows.drop_columns(["purchases_grid", "value_grid"])
        report = {"as_of": found.run.spec.as_of, "currency": found.currency, "forecasts": rows.to_pylist()}
        print_json(report | {"drivers": [asdict(driver) for driver in moved]})
        return
    _show(found, moved)


def _draw(found: "CustomerForecast", moved: "Sequence[Driver]", picture: Path | None, drivers: Path | None) -> None:
    if picture is None and drivers is None:
        return
    from farview.pictures.canvas import write
    from jobs.customer_forecast import fan_of, picture_of_drivers

    if picture is not None:
        write(fan_of(found), picture)
    if drivers is not None:
        write(picture_of_drivers(found, moved), drivers)


def _show(found: "CustomerForecast", moved: "Sequence[Driver]") -> None:
    from cli.console import interval, out, table

    rows = found.rows.to_pylist()
    first, spec = rows[0], found.run.spec
    alive = "" if first["p_alive"] is None else f", active with {first['p_alive']:.0%}"
    out.print(
        f"Customer {found.customer_id}, first purchase {first['first_purchase_date']}{alive}; forecast on {spec.as_of} "
        f"by {spec.kind}/{spec.model_version}.",
        markup=False,
    )
    lines = [
        [
            f"{row['horizon_days']:,}",
            f"{row['purchases_p_zero']:.0%}",
            f"{row['purchases_mean']:,.2f}",
            interval(row["value_mean"], row["value_q10"], row["value_q90"]),
            interval(row["expected_value_mean"], row["expected_value_q10"], row["expected_value_q90"]),
        ]
        for row in rows
    ]
    titles = ["days", "buys nothing", "purchases", f"value, {found.currency}", "worth on average"]
    out.print(table("Means, with 80 % intervals", titles, lines, left=0))
    last = rows[-1]
    if last["median_next_purchase_date"] is not None:
        out.print(
            f"Half of the chance of a purchase within {last['horizon_days']:,} days lies before "
            f"{last['median_next_purchase_date']}."
        )
    if moved:
        out.print("What moves the expected value, as factors on it:")
    for driver in moved:
        out.print(f"  x {driver.factor:.2f}  {driver.words}", markup=False)


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
