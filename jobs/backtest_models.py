"""Models that a backtest compares: each fits on a past and forecasts a horizon for the same customers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.evaluation.arrays import FloatArray
from farview.evaluation.marginals import GridMarginal, Marginal, PointMarginal
from farview.features.rfm import rfm
from farview.features.window import GROSS_VALUE
from jobs.fit_once import FitOnce
from jobs.ltv_configuration import MEMBERS
from jobs.past import Past
from ltv.period import period_factors

if TYPE_CHECKING:
    from jobs.fit_combination import Pool

BTYD = (
    "bg_nbd",
    "mbg_nbd",
    "pareto_nbd",
    "bg_nbd+first_spend",
    "mbg_nbd+first_spend",
    "pareto_nbd+first_spend",
    "bg_bb",
    "bg_bb+first_spend",
)
"""Buy-till-you-die models, simpler ones first; see `ltv.families`."""

STANDING = ("bg_nbd", "mbg_nbd", "pareto_nbd")
"""Those that stand beside whatever was asked for."""

SEQUENCES = ("gru", "transformer")
"""Networks over a customer's events; see `ltv.sequence_fit`."""


@dataclass(frozen=True, slots=True)
class Forecasts:
    """What will be observed of each customer of the past, in its order."""

    purchases: Marginal
    value: Marginal  # net of returns
    gross_value: Marginal
    totals: pa.Table | None = None  # schemas.TOTALS
    warnings: tuple[str, ...] = ()  # of the fit, in plain words
    leans_on: Mapping[str, int] = field(default_factory=dict)  # see `period_effect.pairs_of`


def net_of_returns(gross: Forecasts, kept: float) -> Forecasts:
    """Forecasts whose net value and whose totals of value are a share of the gross value of each law."""
    marginal = gross.gross_value
    assert isinstance(marginal, GridMarginal)
    net = GridMarginal(kept * marginal.mean, replace(marginal.law, points=kept * marginal.law.points))
    return replace(gross, value=net, totals=None if gross.totals is None else _kept_totals(gross.totals, kept))


def with_totals_of_a_period(made: Forecasts, sd: float, seed: int) -> Forecasts:
    """Forecasts whose totals share the factor of a period with that spread; see `ltv.period`."""
    if made.totals is None:
        return made
    draws = np.array(made.totals["draws"].to_pylist())
    shared = pa.array(list(draws * period_factors(sd, draws.shape[1], seed)), made.totals.schema.field("draws").type)
    place = made.totals.schema.get_field_index("draws")
    return replace(made, totals=made.totals.set_column(place, made.totals.schema.field(place), shared))


def _kept_totals(totals: pa.Table, kept: float) -> pa.Table:
    """schemas.TOTALS with the value's means and draws times a share."""
    rows = totals.to_pylist()
    for row in rows:
        if row["measure"] == c.VALUE:
            row["mean"], row["draws"] = kept * row["mean"], [kept * draw for draw in row["draws"]]
    return pa.Table.from_pylist(rows, schema=totals.schema)


Predict = Callable[[int], Forecasts]
"""Forecasts over so many days after the past's end."""

Fit = Callable[[Past], Predict]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model as a backtest sees it."""

    fit: Fit
    extrapolation: str  # what carries it beyond the longest horizon it was judged on
    buys_till_it_dies: bool = False  # a member of the buy-till-you-die family
    standing: bool = True  # stands beside the others whatever was asked for
    members: "Mapping[str, Candidate]" = field(default_factory=dict)  # of a combination
    pooled: "Callable[[Pool], Fit] | None" = None  # of a combination: its fit by weights learnt before


def candidates(seed: int) -> Mapping[str, Candidate]:
    """The models by name, in the order in which ties are broken; each is fitted once to one past, whoever asks."""
    once = FitOnce(seed)
    fitted = fitted_by(once)
    return {
        **{name: fitted[name] for name in BTYD},
        "past_rate": Candidate(_fit_past_rate, "the past daily rate, held constant"),
        "past_spend": Candidate(_fit_past_spend, "none: the same figure for every horizon"),
        "zero": Candidate(_fit_zero, "none: nothing at every horizon"),
        **{name: fitted[name] for name in ("boost", *SEQUENCES)},
        "combination": Candidate(
            partial(_fit_combination, once),
            "that of its members; their weights, held constant",
            standing=False,
            members={name: fitted[name] for name in MEMBERS},
            pooled=lambda pool: partial(_fit_pool, once, pool),
        ),
    }


def fitted_by(once: FitOnce) -> Mapping[str, Candidate]:
    """The models that may be members of a combination."""
    btyd = {
        name: Candidate(
            partial(_fit_named, name, once),
            "its purchase and dropout process, run on",
            buys_till_it_dies=True,
            standing=name in STANDING,
        )
        for name in BTYD
    }
    boost = Candidate(
        partial(_fit_named, "boost", once),
        "its buy-till-you-die process, run on; the corrections to it, held constant",
        standing=False,
    )
    networks = {
        name: Candidate(partial(_fit_named, name, once), "the curve of purchases it learnt, run on", standing=False)
        for name in SEQUENCES
    }
    return {**btyd, "boost": boost, **networks}


def histories(past: Past, period_days: int) -> pa.Table:
    """The past's customers with purchases merged by periods, in its order."""
    if period_days == 1:
        return past.rfm
    rows = rfm(past.events, past.cut, past.zone, period_days=period_days).read_all()
    member = pc.is_in(rows.column(c.CUSTOMER_ID), value_set=past.rfm.column(c.CUSTOMER_ID).combine_chunks())
    return rows.filter(member).combine_chunks()


def _fit_named(name: str, once: FitOnce, past: Past) -> Predict:
    from jobs.value_models import predict_by

    return predict_by(once.model(name, past), past, once.seed)


def _fit_combination(once: FitOnce, past: Past) -> Predict:
    from jobs.fit_combination import PoolTerms, fit_combination
    from jobs.value_models import predict_by

    fitted: list[Predict] = []

    def predict(horizon_days: int) -> Forecasts:
        if not fitted:  # weights are learnt for the horizon asked for first, and held for others
            model = fit_combination(past, PoolTerms(horizon_days), once)
            fitted.append(predict_by(model, past, once.seed))
        return fitted[0](horizon_days)

    return predict


def _fit_pool(once: FitOnce, pool: "Pool", past: Past) -> Predict:
    from jobs.fit_combination import combined
    from jobs.value_models import predict_by

    return predict_by(combined(past, pool, lambda name: once.model(name, past)), past, once.seed)


def _fit_past_spend(past: Past) -> Predict:
    return lambda horizon_days: _points(past, 1.0, 1.0)  # noqa: ARG005 - the same for every horizon


def _fit_past_rate(past: Past) -> Predict:
    age_days = np.maximum(past.rfm.column(c.AGE_DAYS).to_numpy(), 1.0)
    return lambda horizon_days: _points(past, horizon_days, age_days)


def _fit_zero(past: Past) -> Predict:
    return lambda horizon_days: _points(past, 0.0, 1.0)  # noqa: ARG005


def _points(past: Past, times: float, over: FloatArray | float) -> Forecasts:
    """The past itself, first purchase included, times a number and over another, one per customer or one for all.

    In this order: a product of whole numbers is exact, so that equal rates are equal to the last bit and stay tied.
    """
    purchases, value, gross = (
        PointMarginal(past.history.column(name).to_numpy() * times / over)
        for name in (c.PURCHASES, c.VALUE, GROSS_VALUE)
    )
    return Forecasts(purchases, value, gross)
