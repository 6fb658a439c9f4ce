"""`farview evaluate next-item`: which items customers newly buy, sought in the whole catalogue."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import CustomerColumn, JsonOut, Seed, TimeColumn, parse_date
from cli.report_files import json_path, write_json


def evaluate_next_item(
    *,
    purchases: Annotated[
        Path, typer.Option("--purchases", help="One row an item bought; CSV, CSV.gz or Parquet.", show_default=False)
    ],
    catalogue: Annotated[
        Path | None, typer.Option("--catalogue", help="Items with their category, one row each.")
    ] = None,
    split_date: Annotated[
        str | None,
        typer.Option(
            "--split-date",
            metavar="DATE",
            help="Last day that models see.",
            show_default="the day by which 70 % of purchases have passed",
        ),
    ] = None,
    cross_sell: Annotated[
        bool, typer.Option("--cross-sell", help="Only categories that the customer has not bought from.")
    ] = False,
    most_active: Annotated[
        float,
        typer.Option(
            "--most-active", min=0.01, max=1.0, metavar="SHARE", help="Judge the customers with the most items bought."
        ),
    ] = 1.0,
    sequence: Annotated[
        bool, typer.Option("--sequence", help="Fit a recurrent network of the order of purchases too (minutes).")
    ] = False,
    customer_column: CustomerColumn = "customer_id",
    item_column: Annotated[str, typer.Option("--item-column")] = "item_id",
    time_column: TimeColumn = "time",
    amount_column: Annotated[str | None, typer.Option("--amount-column", help="For mean prices.")] = None,
    category_column: Annotated[
        str | None, typer.Option("--category-column", help="Of --catalogue, or of --purchases without one.")
    ] = None,
    json_out: JsonOut = None,
    seed: Seed = 0,
) -> None:
    """Recommend what customers have not bought, and see what they newly bought after a day. Needs no database.

    Models see purchases up to the split; they are tuned, and the champion is chosen, at an earlier split inside those.
    Every item ever bought is a candidate. Lines of baskets are enough; values of baskets are not computed from them.

    Example: farview evaluate next-item --purchases lines.csv.gz --catalogue products.csv.gz --category-column category
    """
    from cli.console import print_json, progress
    from farview.core.errors import InvalidInput
    from jobs.evaluate_next_item import evaluate_next_item as run
    from jobs.next_item_trials import NextItemSpec
    from jobs.purchase_file import PurchaseColumns, read_purchases

    if category_column is None and (cross_sell or catalogue is not None):
        raise InvalidInput.of("--category-column", "is not given; --cross-sell and --catalogue need it")
    written = json_path(json_out)
    columns = PurchaseColumns(customer_column, item_column, time_column, amount_column, category_column)
    spec = NextItemSpec(parse_date("--split-date", split_date), cross_sell, most_active, sequence, seed)
    with progress() as bar:
        bar.start(f"read {purchases.name}")
        log = read_purchases(purchases, columns, catalogue)
        bar.start("recommend")
        report = run(log, spec)
        bar.done()
    report["protocol"] |= {"file": purchases.name}
    if json_out == "-":
        print_json(report)
        return
    if written is not None:
        write_json(written, report)
    _show(report)


def _show(report: dict[str, Any]) -> None:
    from cli.console import out, table

    protocol, champion = report["protocol"], report["champion"]
    if protocol["rejected_rows"]:
        out.print(f"Rejected rows: {protocol['rejected_rows']:,} without customer, item or time.")
    out.print(
        f"{protocol['purchases']:,} purchases of {protocol['items']:,} items by {protocol['customers']:,} customers. "
        f"Models saw those to {protocol['split_date']}; judged are {protocol['judged_customers']:,} customers by what "
        f"they newly bought later" + (", of categories new to them." if protocol["cross_sell"] else ".")
    )
    rows = []
    for name, figures in report["models"].items():
        rows.append(
            [
                f"{name} (champion)" if name == champion else name,
                f"{figures['ndcg@10']:.4f}",
                *(_gap(figures.get(f"ahead_of_{other}")) for other in ("popularity", "item_knn")),
            ]
        )
    out.print(
        table("What is found in the first 10 places", ["model", "NDCG@10", "ahead of popularity", "of item_knn"], rows)
    )
    reach = []
    for name, figures in report["models"].items():
        items, popular = (f"{100 * figures[key]:.1f} %" for key in ("item_coverage", "popularity_percentile"))
        reach.append([name, items, _around(figures, "category_coverage", 100), popular, _around(figures, "mean_price")])
    titles = ["model", "items shown", "categories, %", "popularity", "mean price"]
    note = "Popularity: share of items with no more buyers than those shown."
    out.print(table("What is shown", titles, reach, caption=note))
    out.print(f"Champion: {champion}, by an earlier split ({protocol['inner_split_date']}).")


def _gap(gap: dict[str, float] | None) -> str:
    return "-" if gap is None else f"{gap['estimate']:+.4f} ({gap['lower']:+.4f} - {gap['upper']:+.4f})"


def _around(figures: dict[str, Any], name: str, times: float = 1.0) -> str:
    """The figure and its interval."""
    interval = figures["intervals"][name]
    if interval is None:
        return "-"
    return f"{times * figures[name]:.2f} ({times * interval['lower']:.2f} - {times * interval['upper']:.2f})"
