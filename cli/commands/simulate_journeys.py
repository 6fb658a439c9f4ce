"""`farview simulate journeys`: ways of choosing touches side by side."""

from typing import Annotated, Any

import typer

from cli.options import DEFAULT_DATABASE, AsOf, Database, Json, Seed, parse_amounts, parse_counts, parse_date

_TITLES = {
    "historical": "as the log did",
    "random": "at random",
    "greedy": "greedy",
    "best_fixed": "best fixed plan",
    "decision_process": "decision process",
    "planner": "planner",
}


def simulate_journeys(
    *,
    where: Annotated[
        str,
        typer.Option("--where", metavar="FILTER", help="Whom, by the latest forecast. Default: who was touched."),
    ] = "",
    customers: Annotated[int, typer.Option("--customers", min=2, max=20_000, help="At most so many, drawn.")] = 500,
    max_touches: Annotated[int, typer.Option("--max-touches", min=1, max=100, help="Of a journey.")] = 5,
    cap: Annotated[
        list[str] | None, typer.Option("--cap", metavar="CHANNEL=N", help="Most touches of a channel; several times.")
    ] = None,
    cost: Annotated[
        list[str] | None, typer.Option("--cost", metavar="CHANNEL=AMOUNT", help="Of a touch; several times.")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option("--margin", min=0, help="What a conversion brings. Default: the log's mean conversion value."),
    ] = None,
    residual_change: Annotated[
        float,
        typer.Option("--residual-change", help="Of what a customer is worth after a conversion, by it; or below 0."),
    ] = 0.0,
    gap_hours: Annotated[
        float | None, typer.Option("--gap-hours", min=0.02, help="Between touches. Default: the log's median gap.")
    ] = None,
    exploration: Annotated[
        str, typer.Option("--exploration", metavar="SHARES", help="Of greedy touches that are drawn instead.")
    ] = "0,0.1,0.3",
    diversity: Annotated[
        str, typer.Option("--diversity", metavar="SHARES", help="Of a gain taken off for each use of the channel.")
    ] = "0,0.25,0.5",
    as_of: AsOf = None,
    seed: Seed = 0,
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Roll out journeys by six ways of choosing touches, and greedy ones by exploration and diversity.

    All figures are the champion's, under the same constraints and consent. Nothing is stored.

    Example: farview simulate journeys --max-touches 4 --cost call=4.50 --margin 40
    """
    from cli.console import print_json, progress
    from cli.database import open_store
    from jobs.plan_terms import PlanOptions
    from jobs.simulate_journeys import SimulateSpec
    from jobs.simulate_journeys import simulate_journeys as simulated
    from journeys.comparison import WhatIf

    options = PlanOptions(
        where=where,
        max_touches=max_touches,
        caps=parse_counts("--cap", cap or []),
        touch_costs=parse_amounts("--cost", cost or []),
        margin=margin,
        gap_hours=gap_hours,
        residual_change=residual_change,
    )
    what_if = WhatIf(_shares("--exploration", exploration), _shares("--diversity", diversity))
    spec = SimulateSpec(options, customers, what_if, parse_date("--as-of", as_of), seed)
    with open_store(database) as store, progress() as bar:
        report = simulated(store, spec, bar)
    if as_json:
        print_json(report)
        return
    _show(report)


def _shares(option: str, text: str) -> tuple[float, ...]:
    """Of "0,0.1,0.3".

    Raises:
        InvalidInput: not shares from 0 to 1, or more than ten.
    """
    from farview.core.errors import InvalidInput

    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InvalidInput.of(option, f"{text!r} is not of the form 0,0.1,0.3") from None
    if not all(0 <= share <= 1 for share in shares) or len(shares) > 10:
        raise InvalidInput.of(option, f"{text!r} are not at most ten shares from 0 to 1")
    return shares


def _show(report: dict[str, Any]) -> None:
    from cli.console import out, table

    said, currency = report["protocol"], report["protocol"]["currency"]
    out.print(
        f"{said['customers']:,} customers on {said['as_of']}, at most {said['max_touches']} touches "
        f"{said['gap_hours']:.1f} hours apart; a conversion brings {said['conversion_margin']:,.2f} {currency}."
    )
    titles = ["touches chosen", "convert, %", "revenue", "value", "days", "supported"]
    rows = [[_TITLES[name], *_cells(each)] for name, each in report["policies"].items()]
    out.print(table(f"A journey by each way, {currency}", titles, rows))
    out.print(
        "Value: over no touch, less cost. Days: to the conversion. Supported: of the conversions, those at touches "
        "whose channel the log shows at least 100 times after the one before; the rest is the model's word alone."
    )
    names = report["best_fixed_plan"]
    out.print(f"Best fixed plan: {', '.join(names) if names else 'no touch'}.", markup=False)
    across = list(dict.fromkeys(each["diversity"] for each in report["what_if"]))
    shares = {(each["exploration"], each["diversity"]): each["conversion"]["mean"] for each in report["what_if"]}
    grid = [
        [f"{share:g}", *(f"{100 * shares[share, other]:.2f}" for other in across)]
        for share in dict.fromkeys(each["exploration"] for each in report["what_if"])
    ]
    out.print(table("Greedy: convert, %, by exploration (down) and diversity", ["", *map("{:g}".format, across)], grid))
    steps = len(next(iter(report["policies"].values()))["cumulative_conversion"])
    cumulative = [
        [_TITLES[name], *(f"{100 * share:.1f}" for share in each["cumulative_conversion"])]
        for name, each in report["policies"].items()
    ]
    out.print(table("Converted after so many touches, %", ["", *map(str, range(steps))], cumulative))
    out.print(f"By {said['model']}, whose evidence is {said['evidence']}. Intervals are of customers drawn anew.")


def _cells(figures: dict[str, Any]) -> list[str]:
    from cli.console import interval

    conversion, value = figures["conversion"], figures["value"]
    days, known = figures["hours_to_conversion"], figures["supported_share"]
    return [
        interval(*(100 * conversion[key] for key in ("mean", "lower", "upper"))),
        f"{figures['revenue']['mean']:,.2f}",
        interval(*(value[key] for key in ("mean", "lower", "upper"))),
        "" if days is None else f"{days['mean'] / 24:.1f}",
        "" if known is None else f"{100 * known['mean']:.0f} %",
    ]
