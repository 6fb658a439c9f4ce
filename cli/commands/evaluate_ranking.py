"""`farview evaluate ranking`: how well learned rankers order the candidates of queries they have not seen."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import JsonOut, Seed
from cli.report_files import check_folder, json_path, write_json

_LETOR = "SVMlight form, GRADE [qid:ID] INDEX:VALUE ..., plain or .gz."
_SIZES = "rows of each query, one number a line; not needed where rows carry qid."


def evaluate_ranking(
    *,
    train: Annotated[Path, typer.Option("--train", metavar="F", help=_LETOR, show_default=False)],
    train_query: Annotated[
        Path | None, typer.Option("--train-query", metavar="F", help=f"Of --train: {_SIZES}")
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option("--test", metavar="F", help="Judge on these queries. Default: cross-validate --train by query."),
    ] = None,
    test_query: Annotated[Path | None, typer.Option("--test-query", metavar="F", help=f"Of --test: {_SIZES}")] = None,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Of the cross-validation.")] = 5,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Of the cross-validation, with other folds.")] = 1,
    purchase_grade: Annotated[
        int | None,
        typer.Option(
            "--purchase-grade", min=1, help="A grade from which on a row is a purchase.", show_default="the highest"
        ),
    ] = None,
    price_feature: Annotated[
        int | None,
        typer.Option("--price-feature", min=0, metavar="INDEX", help="The feature that is the price, if one is."),
    ] = None,
    json_out: JsonOut = None,
    relevance_loss: Annotated[
        float,
        typer.Option(
            "--relevance-loss",
            min=0.0,
            metavar="SHARE",
            help="With prices: by how much the area of NDCG (1 less its mean) may grow at the operating point.",
        ),
    ] = 0.05,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", metavar="DIR", help="Draw distributions, and the frontier, as PNG.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Fit learned rankers on graded queries and judge them by NDCG on queries they have not seen. Needs no database.

    Settings, and the champion, are chosen by inner folds of the training queries alone. NDCG has gain 2^grade - 1;
    queries without a grade above 0 are left out and counted. With prices, the frontier between relevance and price
    follows: rank products along the weight of relevance, beside expected revenue.

    Example: farview evaluate ranking --train rank.svmlight.gz --train-query rank.query --json ranking.json
    """
    from cli.console import print_json, progress
    from jobs.evaluate_ranking import RankingSpec
    from jobs.evaluate_ranking import evaluate_ranking as run_evaluation
    from jobs.evaluate_ranking_frontier import frontier_document, priced_frontier, write_pictures
    from jobs.evaluate_ranking_report import document
    from jobs.letor_tables import read_tables

    written = json_path(json_out)
    check_folder("--pictures", pictures)
    with progress() as bar:
        bar.start("read")
        tables = read_tables((train, train_query), None if test is None else (test, test_query), price_feature)
        bar.done()
        result = run_evaluation(*tables, RankingSpec(folds, repeats, purchase_grade, seed), bar)
        bar.start("figures")
        report, found = document(result), priced_frontier(result, relevance_loss)
        if found is not None:
            report["frontier"] = frontier_document(found)
        drawn = [] if pictures is None else write_pictures(pictures, result, found)
        bar.done()
    report["protocol"] |= {"files": [f.name for f in (train, train_query, test, test_query) if f is not None]}
    if json_out == "-":
        print_json(report)
        return
    if written is not None:
        write_json(written, report)
    _show(report)
    for path in drawn:
        typer.echo(f"Drawn: {path}")


def _show(report: dict[str, Any]) -> None:
    from cli.console import out, table

    protocol, champion = report["protocol"], report["champion"]
    judged = protocol["judged"]
    out.print(
        f"Judged on {judged['rows']:,} rows of {judged['queries']:,} queries by models that never saw the query "
        f"({protocol['method']}); {protocol['judged_queries_without_a_grade']:,} queries without a grade above 0 are "
        f"left out."
    )
    rows = [
        [
            *_ndcgs(f"{name} (champion)" if name == champion else name, report["models"][name]),
            _figure(report["details"][name]["ild@10"]),
        ]
        for name in report["models"]
    ]
    titles = ["model", "NDCG@1", "@3", "@5", "@10", "ILD@10"]
    told = "ILD: mean cosine distance of the first 10 items' features to one another."
    out.print(table("How well unseen queries are ordered", titles, rows, caption=told))
    ahead = [[name, _ahead(report["details"][name])] for name in report["models"] if name != champion]
    note = "Intervals: 95 %, paired bootstrap over queries."
    out.print(table("How far the champion is ahead at 10", ["of", "NDCG@10"], ahead, caption=note))
    for name, reason in report["left_out"].items():
        out.print(f"[yellow]Note:[/yellow] {name} is left out: too few to learn from, {reason}.")
    chosen = report["chosen_by_inner_folds"]
    picked = ", ".join(f"{name} {times:,} times" for name, times in chosen["chosen"].items())
    out.print(
        f"Champion: {champion}, by inner folds of the training queries. Choosing anew for every fold ({picked}) gives "
        f"NDCG@10 {chosen['ndcg@10']:.4f}: what to expect of the whole procedure."
    )
    if any("average_price@10" in figures for figures in report["details"].values()):
        out.print(table("Prices of the first 10 places", ["model", "NDCP@10", "mean price"], _price_rows(report)))
    if "frontier" in report:
        _show_frontier(report["frontier"])


def _show_frontier(found: dict[str, Any]) -> None:
    from cli.console import amount, interval, out, table

    rows = [
        [
            point["blend"] + (" *" if point["blend"] == found["operating_point"] else ""),
            *(interval(*point[name].values(), digits=3) for name in ("ndcg@10", "ndcp@10")),
            amount(point["average_price@10"]["mean"]),
        ]
        for point in found["points"]
    ]
    titles = ["weight", "NDCG@10", "NDCP@10", "mean price"]
    note = "Weight of relevance in the rank product; intervals: 95 %, of each point by itself."
    out.print(table("What relevance costs and price gains", titles, rows, caption=note))
    out.print(
        f"Operating point (*): {found['operating_point']}, the most price while the area of NDCG grows by at most "
        f"{100 * found['relevance_loss']:g} % (--relevance-loss)."
    )


def _ndcgs(title: str, figures: dict[str, float]) -> list[str]:
    return [title, *(f"{figures[f'ndcg@{k}']:.4f}" for k in (1, 3, 5, 10))]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _ahead(details: dict[str, Any]) -> str:
    gap = details["champion_ahead"]
    return "-" if gap is None else f"{gap['estimate']:+.4f} ({gap['lower']:+.4f} - {gap['upper']:+.4f})"


def _price_rows(report: dict[str, Any]) -> list[list[str]]:
    from cli.console import amount

    details = report["details"]
    return [
        [name, f"{details[name]['ndcp@10']:.4f}", amount(details[name]["average_price@10"])]
        for name in report["models"]
    ]
