"""`farview prioritize` and `farview audiences`: who is contacted first, as a stored list and as a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import DEFAULT_DATABASE, Database, Json

if TYPE_CHECKING:
    from farview.store.job_requests import PrioritizeEveryone

app = typer.Typer(help="Read audiences that were stored.", no_args_is_help=True)

Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the list here: .csv or .parquet.")]


@app.callback()
def audiences() -> None:
    """Read audiences that were stored."""


def prioritize(
    *,
    capacity: Annotated[int, typer.Option("--capacity", help="The most customers, up to 10,000,000.")],
    where: Annotated[str, typer.Option("--filter", metavar="FILTER", help="Only these; see docs/filters.md.")] = "",
    segment: Annotated[str, typer.Option("--segment", help="Only those of a segment, in place of --filter.")] = "",
    horizon_days: Annotated[
        int, typer.Option("--horizon-days", help="Of the forecasts.", show_default="the longest")
    ] = 0,
    score: Annotated[
        str,
        typer.Option(
            "--score",
            metavar="NAME[=OF]",
            help="expected-value, quantile=0.1, upper-confidence=1, thompson, exceedance=100, lower-tail=0.25, "
            "upper-tail=0.05, treatment-effect=ACTION.",
        ),
    ] = "expected-value",
    contact_cost: Annotated[float, typer.Option("--contact-cost", min=0, help="Of one contact.")] = 0.0,
    factor: Annotated[
        list[str] | None,
        typer.Option(
            "--factor", metavar="NUMBER:FILTER", help="Multiplies the score of whom the filter selects; several times."
        ),
    ] = None,
    fatigue: Annotated[
        str,
        typer.Option(
            "--fatigue",
            metavar="SHARE[/DAYS]",
            help="What each contact of the last 30, or so many, days leaves of the score: 0.8/14.",
        ),
    ] = "",
    floor: Annotated[
        list[str] | None,
        typer.Option("--floor", metavar="NAME=SHARE:FILTER", help="A share of every prefix; several times."),
    ] = None,
    by_attention: Annotated[
        bool, typer.Option("--by-attention", help="Floors are shares of attention: places weigh 1 / log2(1 + place).")
    ] = False,
    report_shortfall: Annotated[
        bool, typer.Option("--report-shortfall", help="Do what can be done when the floors cannot all hold.")
    ] = False,
    channel: Annotated[str, typer.Option("--channel", help="That customers must allow. Default: any.")] = "",
    purpose: Annotated[str, typer.Option("--purpose", help="That customers must allow.")] = "marketing",
    cap: Annotated[
        list[str] | None,
        typer.Option("--cap", metavar="CONTACTS/DAYS", help="The most contacts in so many days; several times."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the order among equal scores.")] = 0,
    out_file: Out = None,
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Choose whom to contact first from the latest forecasts, and store the list.

    The score is multiplied by factors and fatigue where it is above 0, then the contact's cost is taken off.

    Consent, caps and floors hold as in PrioritizeCustomers. Nothing is reserved.

    Example: farview prioritize --capacity 50000 --score lower-tail=0.25 --cap 2/7 --out monday.csv
    """
    from cli.audience_terms import caps_of, factors_of, fatigue_of, floors_of, score_of
    from farview.core.errors import InvalidInput
    from farview.store.job_requests import PrioritizeEveryone
    from jobs.audience_file import check_format

    if out_file is not None:
        check_format(out_file)
    if by_attention and not floor:
        raise InvalidInput.of("--by-attention", "says how floors are counted (add --floor, or leave it out)")
    named = score_of(score)
    asked = PrioritizeEveryone(
        capacity=capacity,
        where=where,
        segment=segment or None,
        horizon_days=horizon_days,
        score=named.name,
        score_number=named.number,
        score_action=named.action,
        contact_cost=contact_cost,
        factors=factors_of(factor or []),
        fatigue=fatigue_of(fatigue),
        floors=floors_of(floor or []),
        by_attention=by_attention,
        report_shortfall=report_shortfall,
        channel=channel or None,
        purpose=purpose,
        caps=caps_of(cap or []),
        seed=seed,
    )
    _choose(asked, out_file, database, as_json=as_json)


def _choose(asked: "PrioritizeEveryone", out_file: Path | None, database: str, *, as_json: bool) -> None:
    from cli.audience_views import audience_as_data, audience_lines
    from cli.console import out, print_json, progress
    from cli.database import open_store, who
    from jobs.audience_file import write_audience
    from jobs.prioritize import prioritize_customers

    with open_store(database) as store, progress() as watch:
        stored = prioritize_customers(store, asked, who=who(), progress=watch)
        first = store.audience_page(stored.audience_id, page_size=5).to_pylist()
        if out_file is not None:
            write_audience(store, stored.audience_id, out_file)
    if as_json:
        print_json(audience_as_data(stored))
        return
    for line in audience_lines(stored, first):
        out.print(line)
    where_to = (
        f"{out_file} has the list" if out_file else f"Next: farview audiences export {stored.audience_id} list.csv"
    )
    out.print(where_to, markup=False)


@app.command("export")
def export(
    audience_id: Annotated[int, typer.Argument(help="From farview prioritize or StartPrioritization.")],
    out_file: Annotated[Path, typer.Argument(metavar="FILE", help=".csv or .parquet.")],
    database: Database = DEFAULT_DATABASE,
) -> None:
    """Write a stored audience to a file, first place first.

    Example: farview audiences export 7 monday.parquet
    """
    from cli.console import out
    from cli.database import open_store
    from jobs.audience_file import write_audience

    with open_store(database) as store:
        rows = write_audience(store, audience_id, out_file)
    out.print(f"{rows:,} customers written to {out_file}.", markup=False)
