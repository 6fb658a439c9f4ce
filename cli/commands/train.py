"""`farview train`: fits, registers, examines; the first version of a kind becomes the champion."""

from enum import StrEnum
from typing import Annotated

import typer

from cli.options import DEFAULT_DATABASE, AsOf, Database, Json, KnownAt, Seed, parse_date, parse_instant

app = typer.Typer(help="Fit a model and register it.", no_args_is_help=True)


@app.callback()
def train() -> None:
    """Fit a model and register it."""


class Model(StrEnum):
    """Families of customer-value models."""

    BG_NBD = "bg_nbd"
    MBG_NBD = "mbg_nbd"
    BG_NBD_FIRST_SPEND = "bg_nbd+first_spend"
    MBG_NBD_FIRST_SPEND = "mbg_nbd+first_spend"


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


@app.command("ltv")
def ltv(
    *,
    model: Annotated[
        Model, typer.Option("--model", help="Family; +first_spend learns spend from first purchases too.")
    ] = Model.BG_NBD,
    method: Annotated[
        Inference,
        typer.Option(
            "--method", help="laplace checks itself and falls back to nuts; nuts samples; map keeps the mode alone."
        ),
    ] = Inference.LAPLACE,
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
    why: Annotated[str, typer.Option("--why", help="A reason, for the lineage.")] = "",
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Fit a customer-value model to what is known, register it, and hold it against the champion.

    Example: farview train ltv --as-of 1997-09-30
    """
    from cli.console import out, print_json, progress
    from cli.database import open_store, who
    from cli.gate_views import next_after, report_as_data, report_view
    from cli.views import model_as_data, model_lines
    from farview.core.errors import InvalidInput
    from jobs.gate import gate
    from jobs.train import train_ltv

    day, instant = parse_date("--as-of", as_of), parse_instant("--known-at", known_at)
    if forgetting != 1.0 and not update:
        raise InvalidInput.of("--forgetting", "needs --update (a fit forgets nothing)")
    with open_store(database) as store, progress() as bar:
        version = train_ltv(
            store,
            as_of=day,
            known_at=instant,
            model=model.value,
            method=method.value,
            update=forgetting if update else None,
            seed=seed,
            who=who(),
            why=why,
            progress=bar,
        )
        report = gate(store, version.kind, version.version, who=who(), progress=bar)
    if as_json:
        print_json(model_as_data(version) | {"gate_report": report_as_data(report)})
        return
    for line in model_lines(version):
        out.print(line)
    out.print(report_view(report, whole=False))
    out.print(next_after(report))


@app.command("journeys")
def journeys(
    *,
    model: Annotated[
        JourneyModel,
        typer.Option("--model", help="Networks read whole journeys; markov the last channel, markov2 the last two."),
    ] = JourneyModel.LSTM,
    window_days: Annotated[
        float, typer.Option("--window-days", min=0.01, help="How long a touch may take to convert.")
    ] = 7.0,
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            "--attribute",
            metavar="NAME",
            help="An attribute of customers that a network may use; may be given several times. Default: all.",
        ),
    ] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    seed: Seed = 0,
    why: Annotated[str, typer.Option("--why", help="A reason, for the lineage.")] = "",
    database: Database = DEFAULT_DATABASE,
    as_json: Json = False,
) -> None:
    """Fit a model of how touches lead to conversions, register it, and hold it against the champion.

    Example: farview train journeys --model lstm --window-days 7
    """
    from cli.console import out, print_json, progress
    from cli.database import open_store, who
    from cli.gate_views import next_after, report_as_data, report_view
    from cli.journey_views import journey_model_lines
    from cli.views import model_as_data
    from jobs.gate import gate
    from jobs.train_journeys import JourneyFit, train_journeys

    day, instant = parse_date("--as-of", as_of), parse_instant("--known-at", known_at)
    fit = JourneyFit(model.value, window_days, attribute or None, seed)
    with open_store(database) as store, progress() as bar:
        version = train_journeys(store, fit=fit, as_of=day, known_at=instant, who=who(), why=why, progress=bar)
        report = gate(store, version.kind, version.version, who=who(), progress=bar)
    if as_json:
        print_json(model_as_data(version) | {"gate_report": report_as_data(report)})
        return
    for line in journey_model_lines(version):
        out.print(line)
    out.print(report_view(report, whole=False))
    out.print(next_after(report))
