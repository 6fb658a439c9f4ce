"""`farview train`: fits, registers, examines; the first version of a kind becomes the champion."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.commands.train_retention import train_retention
from cli.options import (
    DEFAULT_DATABASE,
    AsOf,
    Attributes,
    Database,
    Json,
    KnownAt,
    Seed,
    Why,
    WindowDays,
    parse_date,
    parse_instant,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farview.store.gate_reports import GateReport
    from farview.store.values import ModelVersion

app = typer.Typer(help="Fit a model and register it.", no_args_is_help=True)
app.command("retention")(train_retention)


@app.callback()
def train() -> None:
    """Fit a model and register it."""


class Model(StrEnum):
    """Families of customer-value models."""

    BG_NBD = "bg_nbd"
    MBG_NBD = "mbg_nbd"
    PARETO_NBD = "pareto_nbd"
    BG_NBD_FIRST_SPEND = "bg_nbd+first_spend"
    MBG_NBD_FIRST_SPEND = "mbg_nbd+first_spend"
    PARETO_NBD_FIRST_SPEND = "pareto_nbd+first_spend"
    BG_BB = "bg_bb"
    BG_BB_FIRST_SPEND = "bg_bb+first_spend"
    BOOST = "boost"
    GRU = "gru"
    TRANSFORMER = "transformer"
    COMBINATION = "combination"


class Inference(StrEnum):
    """Ways to the posterior."""

    LAPLACE = "laplace"
    NUTS = "nuts"
    MAP = "map"


class JourneyModel(StrEnum):
    """Families of journey models."""

    LSTM = "lstm"
    GRU = "gru"
    TRANSFORMER = "transformer"
    MARKOV = "markov"
    MARKOV2 = "markov2"


class RankingModel(StrEnum):
    """What may order items."""

    LAMBDAMART = "lambdamart"
    LAMBDAMART_DEBIASED = "lambdamart_debiased"
    GRADE_REGRESSION = "grade_regression"
    PURCHASE_CLASSIFIER = "purchase_classifier"
    PURCHASE_CLASSIFIER_BY_PRICE = "purchase_classifier_by_price"
    POOL = "pool"
    BEST_FEATURE = "best_feature"


class NextItemModel(StrEnum):
    """What may find items."""

    POPULARITY = "popularity"
    ITEM_KNN = "item_knn"
    LAST_CATEGORY = "last_category"
    GRU4REC = "gru4rec"


@app.command("ltv")
def ltv(
    *,
    model: Annotated[
        Model | None,
        typer.Option(
            "--model",
            help="Left out: pairs, boost and combination compete on earlier days, the best is registered. +first_spend "
            "learns spend from first purchases too; boost corrects a pair by trees; gru and transformer read events; "
            "combination pools.",
            show_default=False,
        ),
    ] = None,
    members: Annotated[
        str,
        typer.Option(
            "--members",
            metavar="NAME,...",
            help="Without --model: what combination pools. transformer competes only when named here: four fits of a "
            "minute for 20,000 customers. Default: boost,gru.",
        ),
    ] = "",
    method: Annotated[
        Inference,
        typer.Option(
            "--method", help="laplace checks itself and falls back to nuts; nuts samples; map keeps the mode alone."
        ),
    ] = Inference.LAPLACE,
    period_days: Annotated[
        int | None,
        typer.Option(
            "--period-days",
            help="Of bg_bb: days of one opportunity to buy, counted back from the as-of day; purchases within it are "
            "one. Default: 7.",
        ),
    ] = None,
    covariates: Annotated[
        str,
        typer.Option(
            "--covariates",
            metavar="COLUMN,...",
            help="Attributes of customers by whose levels purchase rates and dropout differ.",
        ),
    ] = "",
    pool_by: Annotated[
        str | None,
        typer.Option(
            "--pool-by",
            metavar="cohort|ATTRIBUTE",
            help="As --covariates, with the levels pooled: small ones stay near the others. cohort: month of first "
            "purchase.",
        ),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Carry the champion on by what happened since, each event counted once.")
    ] = False,
    forgetting: Annotated[
        float,
        typer.Option(
            "--forgetting", help="With --update: power of what was learnt before, at most 1, which forgets nothing."
        ),
    ] = 1.0,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    seed: Seed = 0,
    why: Why = "",
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Fit a customer-value model to what is known, register it, and hold it against the champion.

    Example: farview train ltv --as-of 1997-09-30
    """
    from cli.console import progress
    from cli.database import open_store, who
    from cli.views import model_lines
    from farview.core.errors import InvalidInput
    from farview.store.values import LTV_REVENUE
    from jobs.gate import gate
    from jobs.ltv_configuration import MEMBERS
    from jobs.train import train_ltv
    from jobs.train_best import Contest, train_best_ltv
    from ltv.effects import Kinds

    day, instant = parse_date("--as-of", as_of), parse_instant("--known-at", known_at)
    if forgetting != 1.0 and not update:
        raise InvalidInput.of("--forgetting", "needs --update (a fit forgets nothing)")
    if model is None and not update and method is not Inference.LAPLACE:
        raise InvalidInput.of("--method", f"{method.value} needs --model (all models are compared by laplace)")
    kinds = Kinds(tuple(name.strip() for name in covariates.split(",") if name.strip()), pool_by)
    if model is None and not update and (kinds.columns or period_days is not None):
        raise InvalidInput.of("--model", "is needed by --covariates, --pool-by and --period-days (which model?)")
    if members and (model is not None or update):
        raise InvalidInput.of("--members", "are of the comparison of all models (leave --model and --update out)")
    with open_store(database) as store, progress() as bar:
        if model is None and not update:
            pool = tuple(name.strip() for name in members.split(",")) if members else MEMBERS
            contest = Contest(day, instant, members=pool, seed=seed)
            version = train_best_ltv(store, contest, who=who(), why=why, progress=bar)
        else:
            version = train_ltv(
                store,
                as_of=day,
                known_at=instant,
                model=model.value if model else store.champion(LTV_REVENUE).model,
                method=method.value,
                period=period_days,
                kinds=kinds,
                update=forgetting if update else None,
                seed=seed,
                who=who(),
                why=why,
                progress=bar,
            )
        report = gate(store, version.kind, version.version, who=who(), progress=bar)
    _say(version, report, model_lines(version), as_json=as_json)


@app.command("journeys")
def journeys(
    *,
    model: Annotated[
        JourneyModel,
        typer.Option("--model", help="Networks read whole journeys; markov the last channel, markov2 the last two."),
    ] = JourneyModel.LSTM,
    window_days: WindowDays = 7.0,
    attribute: Attributes = None,
    weighting: Annotated[
        Literal["auto", "none"],
        typer.Option("--weighting", help="auto: by the logged chances of the touches, where all were logged."),
    ] = "auto",
    as_of: AsOf = None,
    known_at: KnownAt = None,
    seed: Seed = 0,
    why: Why = "",
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Fit a model of how touches lead to conversions, register it, and hold it against the champion.

    Example: farview train journeys --model lstm --window-days 7
    """
    from cli.console import progress
    from cli.database import open_store, who
    from cli.journey_views import journey_model_lines
    from jobs.gate import gate
    from jobs.train_journeys import JourneyFit, train_journeys

    day, instant = parse_date("--as-of", as_of), parse_instant("--known-at", known_at)
    fit = JourneyFit(model.value, window_days, attribute or None, seed, weighting)
    with open_store(database) as store, progress() as bar:
        version = train_journeys(store, fit=fit, as_of=day, known_at=instant, who=who(), why=why, progress=bar)
        report = gate(store, version.kind, version.version, who=who(), progress=bar)
    _say(version, report, journey_model_lines(version), as_json=as_json)


@app.command("ranking")
def ranking(
    *,
    model: Annotated[
        RankingModel | None,
        typer.Option("--model", help="What orders items.", show_default="the best on the newest 30 % of lists"),
    ] = None,
    relevance_loss: Annotated[
        float,
        typer.Option(
            "--relevance-loss",
            min=0.0,
            metavar="SHARE",
            help="How much relevance price may cost: by which share the area of NDCG, 1 less its mean, may grow.",
        ),
    ] = 0.05,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    seed: Seed = 0,
    why: Why = "",
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Fit a model of which item is relevant to whom, from lists that were shown, and hold it against the champion.

    Models, their settings, and the weight of relevance against price are chosen by the newest lists.

    Example: farview train ranking --as-of 2025-06-30
    """
    from cli.console import progress
    from cli.database import open_store, who
    from cli.ranking_views import ranking_model_lines
    from jobs.gate import gate
    from jobs.train_ranking import train_ranking

    day, instant = parse_date("--as-of", as_of), parse_instant("--known-at", known_at)
    with open_store(database) as store, progress() as bar:
        version = train_ranking(
            store,
            model=None if model is None else model.value,
            relevance_loss=relevance_loss,
            as_of=day,
            known_at=instant,
            seed=seed,
            who=who(),
            why=why,
            progress=bar,
        )
        report = gate(store, version.kind, version.version, who=who(), progress=bar)
    _say(version, report, ranking_model_lines(version), as_json=as_json)


@app.command("next-item")
def next_item(
    *,
    model: Annotated[
        NextItemModel | None,
        typer.Option(
            "--model",
            help="What finds items. gru4rec reads the order in which they were taken (minutes).",
            show_default="the best at an earlier split",
        ),
    ] = None,
    least_grade: Annotated[
        int,
        typer.Option(
            "--least-grade",
            min=1,
            max=4,
            metavar="GRADE",
            help="From which on an item of a list counts as taken: 1 click, 2 cart, 3 checkout, 4 purchase.",
        ),
    ] = 4,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    seed: Seed = 0,
    why: Why = "",
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Fit a model that finds in the whole catalogue what a customer may want next, from what was taken of lists.

    Example: farview train next-item --least-grade 1
    """
    from cli.console import progress
    from cli.database import open_store, who
    from cli.ranking_views import next_item_model_lines
    from jobs.gate import gate
    from jobs.train_next_item import NextItemFit, train_next_item

    day, instant = parse_date("--as-of", as_of), parse_instant("--known-at", known_at)
    fit = NextItemFit(None if model is None else model.value, least_grade, seed)
    with open_store(database) as store, progress() as bar:
        version = train_next_item(store, fit=fit, as_of=day, known_at=instant, who=who(), why=why, progress=bar)
        report = gate(store, version.kind, version.version, who=who(), progress=bar)
    _say(version, report, next_item_model_lines(version), as_json=as_json)


@app.command("uplift")
def uplift(
    *,
    control: Annotated[str, typer.Option("--control", help="The action that is none.")] = "none",
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            "--attribute",
            metavar="NAME",
            help="An attribute of customers to learn from, as it is now: none that an action may have changed. "
            "May be given several times.",
        ),
    ] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    seed: Seed = 0,
    why: Why = "",
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Fit what each action changes for whom, from treatments and their outcomes, register it, and examine it.

    Example: farview train uplift --control none --attribute segment
    """
    from cli.console import progress
    from cli.database import open_store, who
    from cli.uplift_views import uplift_model_lines
    from jobs.gate import gate
    from jobs.train_uplift import UpliftFit, train_uplift

    day, instant = parse_date("--as-of", as_of), parse_instant("--known-at", known_at)
    fit = UpliftFit(control, tuple(attribute or ()), seed)
    with open_store(database) as store, progress() as bar:
        version = train_uplift(store, fit=fit, as_of=day, known_at=instant, who=who(), why=why, progress=bar)
        report = gate(store, version.kind, version.version, who=who(), progress=bar)
    _say(version, report, uplift_model_lines(version), as_json=as_json)


def _say(version: "ModelVersion", report: "GateReport", lines: "Iterable[object]", *, as_json: bool) -> None:
    """What was registered, and what the gates said of it."""
    from cli.console import out, print_json
    from cli.gate_views import next_after, report_as_data, report_view
    from cli.views import model_as_data

    if as_json:
        print_json(model_as_data(version) | {"gate_report": report_as_data(report)})
        return
    for line in lines:
        out.print(line)
    out.print(report_view(report, whole=False))
    out.print(next_after(report))
