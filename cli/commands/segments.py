"""`farview segments`: filters with names."""

from typing import Annotated

import typer

from cli.options import DEFAULT_DATABASE, Database, Json

app = typer.Typer(help="Keep filters of customers under a name.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.", show_default=False)]


@app.callback()
def segments() -> None:
    """Keep filters of customers under a name."""


@app.command("set")
def set_segment(
    name: Name,
    where: Annotated[str, typer.Argument(metavar="FILTER", help="Who belongs; see docs/filters.md.")],
    description: Annotated[str, typer.Option("--description", help="For people.")] = "",
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Keep a filter under a name, in place of the one it had.

    Example: farview segments set loyal 'p_alive > 0.8 AND purchases_mean >= 2'
    """
    from cli.console import out, print_json
    from cli.database import open_store, who
    from cli.promise_terms import segment_of
    from cli.promise_views import segment_as_data

    segment = segment_of(name, where, description)
    with open_store(database) as store:
        stored = store.set_segment(segment, who=who())
    if as_json:
        print_json(segment_as_data(stored))
        return
    out.print(f"Segment {name} is everyone with {where}.", markup=False)
    out.print("Next: name it in PrioritizeCustomers, or farview guarantees set NAME --segment", name, "--share 0.2")


@app.command("list")
def list_segments(database: Database = DEFAULT_DATABASE, as_json: Json = False) -> None:
    """List all segments by name.

    Example: farview segments list
    """
    from cli.console import out, print_json
    from cli.database import open_store
    from cli.promise_views import every, segment_as_data, segments_table

    with open_store(database) as store:
        found = every(store.segments, lambda one: one.segment.segment_id)
    if as_json:
        print_json([segment_as_data(one) for one in found])
    elif not found:
        out.print("No segments yet. Next: farview segments set loyal 'p_alive > 0.8'")
    else:
        out.print(segments_table(found))


@app.command("delete")
def delete_segment(name: Name, database: Database = DEFAULT_DATABASE) -> None:
    """Forget a segment that is no guarantee's cohort. Requests that name it fail from then on.

    Example: farview segments delete loyal
    """
    from cli.console import out
    from cli.database import open_store, who

    with open_store(database) as store:
        store.delete_segment(name, who=who())
    out.print(f"Segment {name} is forgotten.")
