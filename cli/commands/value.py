"""`farview value`: what the customers are worth, after returns, margin, contacts and discount."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import DEFAULT_DATABASE, AsOf, Database, Json, KnownAt, Seed, parse_date, parse_instant

MOST_COHORTS = 24  # shown; the JSON has all


def value(
    *,
    horizon_days: Annotated[
        list[int] | None,
        typer.Option("--horizon-days", help="Days after the as-of day; may be repeated.", show_default="90, 365, 1095"),
    ] = None,
    discount: Annotated[
        float, typer.Option("--discount", help="Of a year: .1 makes 110 next year worth 100 today; 0: none.")
    ] = 0.1,
    margin: Annotated[float, typer.Option("--margin", help="Share of the revenue kept that is earned.")] = 1.0,
    contact_cost: Annotated[float, typer.Option("--contact-cost", help="Of one contact.")] = 0.0,
    contacts_per_year: Annotated[
        float, typer.Option("--contacts-per-year", help="To every customer, up to the horizon.")
    ] = 0.0,
    returned_share: Annotated[
        float | None,
        typer.Option(
            "--returned-share", help="Of revenue that comes back.", show_default="that of all transactions so far"
        ),
    ] = None,
    customers: Annotated[
        Path | None, typer.Option("--customers", metavar="OUT.parquet", help="Write every customer's parts.")
    ] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    seed: Seed = 0,
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Say what customers are worth net: discounted revenue less returns, times the margin, less contacts.

    By the champion, for all customers, each cohort, and one who has just bought for the first time. What comes after
    the longest horizon stands apart, and needs a discount. Nothing is stored.

    Example: farview value --margin 0.4 --contact-cost 0.5 --contacts-per-year 12 --discount 0.12
    """
    from cli.console import print_json
    from cli.database import open_store
    from cli.report_files import check_writable
    from farview.core.errors import InvalidInput
    from jobs.net_value import HORIZONS_DAYS, NetValueSpec, net_values, write_net_values
    from ltv.net_value import Terms

    if returned_share is not None and not 0 <= returned_share < 1:
        raise InvalidInput.of("--returned-share", f"must be from 0 to below 1; got {returned_share:g}")
    check_writable("--customers", customers)
    terms = Terms(discount, margin, contact_cost, contacts_per_year)
    horizons = tuple(sorted(set(horizon_days))) if horizon_days else HORIZONS_DAYS
    day, instant = parse_date("--as-of", as_of), parse_instant("--known-at", known_at)
    with open_store(database) as store:
        found = net_values(store, NetValueSpec(terms, horizons, returned_share, day, instant, seed))
    if customers is not None:
        write_net_values(found, customers)
    if as_json:
        print_json(found.report)
        return
    _show(found.report)
    if customers is not None:
        from cli.console import out

        out.print(f"{found.customers.num_rows:,} rows in {customers}", markup=False)


def _show(report: dict[str, Any]) -> None:
    from cli.console import interval, out, table

    terms, currency = report["terms"], report["currency"]
    base, newcomer, *cohorts = report["groups"]
    out.print(
        f"{report['model']} on what was known by {report['as_of']}: {base['customers']:,} customers; "
        f"{100 * report['returned_share']:.1f} % of revenue comes back, "
        f"{100 * terms['margin']:g} % of the rest is earned, discounted by {100 * terms['discount_rate']:g} % a year."
    )
    titles = ["within days", *(f"{part}, {currency}" for part in ("gross", "returned", "contacts", "net"))]
    for group, says in ((base, "All customers, with 90 % intervals"), (newcomer, "One who bought first today")):
        rows = [
            [
                f"{row['horizon_days']:,}",
                f"{row['gross']['mean']:,.2f}",
                f"{row['returned']['mean']:,.2f}",
                f"{row['contact_cost']:,.2f}",
                _interval(row["net"]),
            ]
            for row in group["horizons"]
        ]
        out.print(table(says, titles, rows))
        _say_residual(group, report["horizons_days"][-1], currency)
    rows = [
        [
            group["group_name"],
            f"{group['customers']:,}",
            *(
                interval(*(group["horizons"][-1][part][key] for key in ("mean", "q05", "q95")))
                for part in ("gross", "net")
            ),
        ]
        for group in cohorts[-MOST_COHORTS:]
    ]
    longest = report["horizons_days"][-1]
    out.print(
        table(f"Cohorts, {longest:,} days", ["cohort", "customers", f"gross, {currency}", f"net, {currency}"], rows)
    )
    out.print("Intervals: what is unknown about the model, the period and what comes back, not single purchases' luck.")


def _interval(total: dict[str, float]) -> str:
    from cli.console import interval

    return interval(total["mean"], total["q05"], total["q95"])


def _say_residual(group: dict[str, Any], longest: int, currency: str) -> None:
    from cli.console import out

    if group["residual"] is None:
        out.print(f"Beyond {longest:,} days: needs a discount above 0, since without one it may have no end.")
        return
    share = group["beyond_span_share"]
    later = "" if share is None else f"; {100 * share:.0f} % of it comes later than these data reach back"
    out.print(f"Beyond {longest:,} days: {_interval(group['residual'])} {currency} net, before contacts{later}.")
