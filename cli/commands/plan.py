"""`farview plan`: plans a journey for everybody with the champion and publishes the plans."""

from typing import Annotated

import typer

from cli.options import DEFAULT_DATABASE, AsOf, Database, Json, parse_amounts, parse_counts, parse_date, parse_windows


def plan(
    *,
    where: Annotated[
        str,
        typer.Option(
            "--where",
            metavar="FILTER",
            help="Only customers whose latest forecast it selects. Default: every customer with a touch.",
        ),
    ] = "",
    max_touches: Annotated[int, typer.Option("--max-touches", min=1, max=100, help="Of a plan.")] = 5,
    cap: Annotated[
        list[str] | None,
        typer.Option("--cap", metavar="CHANNEL=N", help="Most touches of a channel; may be given several times."),
    ] = None,
    cost: Annotated[
        list[str] | None,
        typer.Option(
            "--cost",
            metavar="CHANNEL=AMOUNT",
            help="Of a touch, reporting currency; may be given several times. Other channels are free.",
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option("--margin", min=0, help="What a conversion brings. Default: the log's mean conversion value."),
    ] = None,
    gap_hours: Annotated[
        float | None, typer.Option("--gap-hours", min=0.02, help="Between touches. Default: the log's median gap.")
    ] = None,
    window: Annotated[
        list[str] | None,
        typer.Option(
            "--window",
            metavar="[CHANNEL=]N/HOURS",
            help="Most touches, past ones too, in any so many hours; may be given several times. 1/24: a day apart.",
        ),
    ] = None,
    budget: Annotated[
        float | None, typer.Option("--budget", min=0, help="For all touches of a plan. Default: no limit.")
    ] = None,
    quiet: Annotated[
        str, typer.Option("--quiet", metavar="HH:MM-HH:MM", help="Customer's time of day in which nothing is sent.")
    ] = "",
    length_cost: Annotated[
        float, typer.Option("--length-cost", min=0, help="By which each touch must better a plan, beside its cost.")
    ] = 0.0,
    consent_purpose: Annotated[
        str, typer.Option("--consent-purpose", metavar="NAME", help="That customers must consent to.")
    ] = "marketing",
    after_purchase: Annotated[
        float | None,
        typer.Option("--after-purchase", metavar="DAYS", help="Only who converted in so many days: what to sell next."),
    ] = None,
    margin_by_forecast: Annotated[
        bool,
        typer.Option("--margin-by-forecast", help="A conversion brings what the forecast says a purchase does."),
    ] = False,
    residual_change: Annotated[
        float,
        typer.Option("--residual-change", help="Of what a customer is worth after a conversion, by it; or below 0."),
    ] = 0.0,
    as_of: AsOf = None,
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Plan a journey for every customer with the champion and publish the plans.

    Plans begin at the end of the as-of day. Channels that a customer denies by now are never planned.
    The same data, model and options publish once: a rerun finds what is there.

    Example: farview plan --max-touches 4 --cost call=4.50 --margin 40 --window email=2/168 --quiet 21:00-08:00
    """
    from cli.console import out, print_json, progress
    from cli.database import open_store, who
    from cli.journey_views import plan_run_as_data, plan_run_lines
    from jobs.plan import plan_customers
    from jobs.plan_terms import PlanOptions
    from journeys.windows import WindowCap

    options = PlanOptions(
        where=where,
        max_touches=max_touches,
        caps=parse_counts("--cap", cap or []),
        touch_costs=parse_amounts("--cost", cost or []),
        margin=margin,
        gap_hours=gap_hours,
        windows=tuple(WindowCap(*parts) for parts in parse_windows("--window", window or [])),
        budget=budget,
        quiet=quiet,
        length_cost=length_cost,
        consent_purpose=consent_purpose,
        after_purchase_days=after_purchase,
        margin_by_forecast=margin_by_forecast,
        residual_change=residual_change,
    )
    day = parse_date("--as-of", as_of)
    with open_store(database) as store, progress() as bar:
        planned = plan_customers(store, options=options, as_of=day, who=who(), progress=bar)
        currency = store.business().reporting_currency
    if as_json:
        print_json(plan_run_as_data(planned))
        return
    for line in plan_run_lines(planned, currency):
        out.print(line)
    out.print("Next: farview serve")
