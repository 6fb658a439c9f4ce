"""`farview simulate scenario`: what would change if customers left, bought or spent differently."""

from typing import Annotated, Any

import typer

from cli.options import DEFAULT_DATABASE, AsOf, Database, Json, KnownAt, parse_date, parse_instant

_UNITS = {"purchases": "purchase days", "value": ""}  # the currency is the business's


def simulate_scenario(
    *,
    segment: Annotated[
        str,
        typer.Option(
            "--segment",
            metavar="FILTER",
            help="Whom it concerns, such as 'cohort = \"1997-01\" AND frequency >= 2'.",
            show_default="everybody",
        ),
    ] = "",
    churn: Annotated[float, typer.Option("--churn", help="Times the chance, or the speed, of leaving.")] = 1.0,
    purchase_rate: Annotated[float, typer.Option("--purchase-rate", help="Times the rate of purchases.")] = 1.0,
    spend: Annotated[float, typer.Option("--spend", help="Times the amount of a purchase.")] = 1.0,
    price: Annotated[
        float, typer.Option("--price", help="Times prices: amounts, and purchases by the elasticity.")
    ] = 1.0,
    elasticity: Annotated[
        float, typer.Option("--elasticity", help="Of purchases to price; -1.5: 1 % dearer, 1.5 % fewer.")
    ] = 0.0,
    horizon_days: Annotated[int, typer.Option("--horizon-days", help="Days after the as-of day.")] = 365,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Scale what customers will do from the as-of day on, and see purchases and value before and after.

    The champion's parameter draws are asked twice, so that the change has an interval of its own. Nothing is stored.

    Example: farview simulate scenario --segment 'frequency >= 2' --churn 0.9 --horizon-days 365
    """
    from cli.console import print_json
    from cli.database import open_store
    from jobs.scenario import ScenarioSpec, scenario
    from ltv.scenarios import Change

    change = Change(churn, purchase_rate, spend, price, elasticity)
    day, instant = parse_date("--as-of", as_of), parse_instant("--known-at", known_at)
    with open_store(database) as store:
        report = scenario(store, ScenarioSpec(change, segment, horizon_days, day, instant))
    if as_json:
        print_json(report)
        return
    _show(report)


def _show(report: dict[str, Any]) -> None:
    from cli.console import interval, out, table

    out.print(
        f"{report['model']} on what was known by {report['as_of']}: {report['customers_changed']:,} of "
        f"{report['customers']:,} customers changed, {report['horizon_days']:,} days ahead."
    )
    rows = [
        [
            state,
            *(interval(*(report[measure][state][key] for key in ("mean", "q05", "q95"))) for measure in _UNITS),
        ]
        for state in ("before", "after", "difference")
    ]
    titles = ["", *(f"{measure}, {unit or report['currency']}" for measure, unit in _UNITS.items())]
    out.print(table("Totals of all customers, with 90 % intervals", titles, rows))
    out.print("Intervals: what is unknown about the model and the period, not the luck of single purchases.")
