"""`farview guarantees`: promises of exposure, and how they stand."""

from typing import Annotated

import typer

from cli.options import DEFAULT_DATABASE, Database, Json

app = typer.Typer(help="Promise cohorts a share of exposure, and see how the promises stand.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.", show_default=False)]


@app.callback()
def guarantees() -> None:
    """Promise cohorts a share of exposure, and see how the promises stand."""


@app.command("set")
def set_guarantee(
    name: Name,
    *,
    share: Annotated[float, typer.Option("--share", help="Of the ledger's slots, above 0 and at most 1.")],
    where: Annotated[str, typer.Option("--filter", metavar="FILTER", help="Who belongs; see docs/filters.md.")] = "",
    segment: Annotated[str, typer.Option("--segment", help="A segment, in place of --filter.")] = "",
    ledger: Annotated[str, typer.Option("--ledger", help="Guarantees of one ledger share its slots.")] = "default",
    window_days: Annotated[int, typer.Option("--window-days", help="Slots are counted anew so often.")] = 7,
    by_attention: Annotated[
        bool, typer.Option("--by-attention", help="A share of attention: places weigh 1 / log2(1 + place).")
    ] = False,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="UTC instant at which it ends. Default: never.")
    ] = None,
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Promise a cohort a share of exposure, in place of the promise of that name.

    Example: farview guarantees set new --share 0.2 --filter 'first_purchase_date >= "2024-03-01"'
    """
    from dataclasses import replace

    from cli.console import out, print_json
    from cli.database import open_store, who
    from cli.options import parse_instant
    from cli.promise_terms import Cohort, guarantee_of
    from cli.promise_views import guarantee_as_data

    cohort = Cohort(where, segment)
    terms = guarantee_of(name, share, cohort, ledger, window_days, parse_instant("--until", until))
    terms = replace(terms, by_attention=by_attention)
    with open_store(database) as store:
        stored = store.set_guarantee(terms, who=who())
    if as_json:
        print_json(guarantee_as_data(stored))
        return
    what = "the attention of every prefix" if by_attention else "every prefix"
    out.print(
        f"{name} is promised {float(terms.share):.6g} of {what} of the slots of ledger {ledger}, anew every "
        f"{window_days} days: whoever has {stored.filter}.",
        markup=False,
    )
    out.print("Next: name it in PrioritizeCustomers (guarantee_ids), then farview guarantees list")


@app.command("list")
def list_guarantees(database: Database = DEFAULT_DATABASE, as_json: Json = False) -> None:
    """List all guarantees and how they stand: promised, kept, and what is owed.

    Example: farview guarantees list
    """
    from cli.console import out, print_json
    from cli.database import open_store
    from cli.promise_views import every, guarantee_as_data, guarantees_table, standing_as_data

    with open_store(database) as store:
        found = every(store.guarantees, lambda one: one.terms.guarantee_id)
        standing = {state.guarantee_id: state for state in store.floor_states() if state.is_open}
    if as_json:
        print_json([guarantee_as_data(one) | standing_as_data(standing.get(one.terms.guarantee_id)) for one in found])
    elif not found:
        out.print("No guarantees yet. Next: farview guarantees set new --share 0.2 --filter 'cohort >= \"2024-03\"'")
    else:
        out.print(guarantees_table(found, standing))


@app.command("delete")
def delete_guarantee(name: Name, database: Database = DEFAULT_DATABASE) -> None:
    """End a promise at once. What was counted for it stays in the view v_exposure_ledger.

    Example: farview guarantees delete new
    """
    from cli.console import out
    from cli.database import open_store, who

    with open_store(database) as store:
        store.delete_guarantee(name, who=who())
    out.print(f"Guarantee {name} has ended.")
