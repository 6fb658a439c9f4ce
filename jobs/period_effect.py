"""How far a business's periods lie from their forecasts, from origins inside what is known."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import Cut
from farview.evaluation.origins import origins_apart
from jobs.known import Known
from jobs.past import Past, actuals_of, past_of
from ltv.boost_model import BoostModel
from ltv.combination_model import CombinationModel
from ltv.fit import fit
from ltv.model import BtydModel, LtvModel
from ltv.period import FloatArray, period_sd
from ltv.scorer import Scorer

CUSTOMERS = 2_000  # evenly taken, that it is learnt from: what they share shows in so many
ORIGINS = 6  # at most
HORIZON_DAYS = 90


def with_period(model: LtvModel, read: Callable[[], pa.RecordBatchReader], cut: Cut, zone: str, seed: int) -> LtvModel:
    """The model with the spread of what its periods share; a network, whose totals miss by their own, as it is.

    Args:
        model: fitted.
        read: gives schemas.EVENTS of the cut, read twice as streams.
        cut: what the fit saw.
        zone: of the business.
        seed: of the model and of the totals it is learnt from.
    """
    pairs = pairs_of(model)
    if not pairs:
        return model
    some = past_of_some(read, cut.as_of, zone)
    return _sharing(model, max(period_sd_of(name, days, some, seed) for name, days in pairs.items()))


def pairs_of(model: LtvModel) -> Mapping[str, int]:
    """The pairs that a model's totals lean on, with the periods by which their histories are merged.

    A pair is its own, a boosted model has its anchor, a combination those of its members, a network none.
    """
    if isinstance(model, BtydModel):
        return {model.name: model.period_days}
    if isinstance(model, BoostModel):
        return pairs_of(model.anchor)
    members = model.members if isinstance(model, CombinationModel) else ()
    return {name: days for member in members for name, days in pairs_of(member).items()}


def _sharing(model: LtvModel, sd: float) -> LtvModel:
    if isinstance(model, BoostModel):
        return replace(model, anchor=replace(model.anchor, period_sd=sd))
    assert isinstance(model, BtydModel | CombinationModel)
    return replace(model, period_sd=sd)


def period_sd_of(name: str, period_days: int, known: Past, seed: int) -> float:
    """See `ltv.period.period_sd`: the value of the newest origins' targets beside totals of a pair fitted there.

    It is fitted by its mode; by what customers differ plays no part. An origin at which it cannot be fitted tells
    nothing.

    Args:
        name: of the pair, in `ltv.families.MODELS`.
        period_days: by which its histories are merged.
        known: what it is learnt from.
        seed: of the totals.
    """
    first_day: date | None = pc.min(known.rfm.column(c.FIRST_PURCHASE_DATE)).as_py()
    origins = () if first_day is None else origins_apart(first_day, known.as_of, HORIZON_DAYS, ORIGINS)
    actual, draws = [], []
    for origin in origins:
        past = past_of(known.events, origin.as_of, known.zone)
        try:
            forecast = _value_draws(name, period_days, past, origin.target_days, seed)
        except Exception:  # whatever a library raises on data it has not seen: the model itself is fitted already
            continue
        draws.append(forecast)
        actual.append(float(actuals_of(known.events, past, origin.target_end).gross_value.sum()))
    return period_sd(actual, draws)


def past_of_some(read: Callable[[], pa.RecordBatchReader], as_of: date, zone: str) -> Past:
    """The past of CUSTOMERS customers, evenly taken by id; of all where there are fewer."""
    everybody = pc.unique(pa.chunked_array([batch.column(c.CUSTOMER_ID) for batch in read()])).sort()
    some = everybody.take(pa.array(range(0, len(everybody), -(-len(everybody) // CUSTOMERS))))
    reader = read()
    kept = [batch.filter(pc.is_in(batch.column(c.CUSTOMER_ID), value_set=some)) for batch in reader]
    return past_of(pa.Table.from_batches(kept, reader.schema), as_of, zone)


def _value_draws(name: str, period_days: int, past: Past, days: int, seed: int) -> FloatArray:
    """Joint draws of what everybody is worth, gross, by the pair at its mode."""
    rows = Known.of(past).customers(period_days)
    scorer = Scorer(fit(rows, model=name, method="map", seed=seed), [days], past.as_of, seed)
    for _ in scorer.forecast(rows.to_batches()):
        pass  # only their totals are wanted
    totals = scorer.totals()
    base = totals.filter((pc.field("group_kind") == "base") & (pc.field("measure") == c.VALUE))
    drawn: FloatArray = base.column("draws").combine_chunks().flatten().to_numpy()
    return drawn
