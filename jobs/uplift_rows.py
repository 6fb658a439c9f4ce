"""Treatments as a log of actions: what was known of each customer before, what was done, what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import FailedPrecondition, InvalidInput
from farview.features.attributes import attribute_kinds, attribute_table
from farview.features.customer import Attributes, customer_columns, customer_features, feature_matrix
from farview.features.journey_context import ContextEncoding
from farview.store.store import Store
from ranking.effects import ActionLog

MOST_DAYS = 12
"""Of features: treatments of other days take those of the last of these before them."""


@dataclass(frozen=True, slots=True, eq=False)
class TreatedRows:
    """Treatments whose outcome is known."""

    log: ActionLog
    columns: tuple[str, ...]  # of the features
    encoding: ContextEncoding  # of attributes
    open_rows: int  # treatments whose outcome is not known yet


def treated_rows(store: Store, cut: Cut, control: str, attributes: Sequence[str]) -> TreatedRows:
    """The log inside the cut. Without all propensities it has none: effects are then observational.

    Raises:
        FailedPrecondition: no treatment inside the cut has an outcome.
        InvalidInput: nobody got the control, or nobody has an attribute.
    """
    treated = store.treatments(cut)
    known = treated.filter(pc.is_valid(treated["outcome"]))
    if len(known) == 0:
        raise FailedPrecondition(
            "no treatment has an outcome; run `farview import treatments FILE`, and again when outcomes are known"
        )
    found = set(known["action"].to_pylist())
    if control not in found:
        raise InvalidInput.of("control", f"{control!r} was never done; there are {', '.join(sorted(found))}")
    names = (control, *sorted(found - {control}))
    encoding, knowledge = _attributes(store, attributes)
    log = ActionLog(
        features=_features(store, cut, known, knowledge),
        action=pc.index_in(known["action"], pa.array(names)).to_numpy().astype(np.int64),
        outcome=known["outcome"].to_numpy(),
        propensity=known[c.PROPENSITY].to_numpy() if known[c.PROPENSITY].null_count == 0 else None,
        group=pc.dictionary_encode(known[c.CUSTOMER_ID].combine_chunks()).indices.to_numpy().astype(np.int64),
        names=names,
    )
    return TreatedRows(log, customer_columns(knowledge), encoding, len(treated) - len(known))


def stored_attributes(store: Store, encoding: ContextEncoding) -> Attributes:
    """What is known of customers now, as a model reads it."""
    return Attributes(attribute_table(store.attributes(), encoding.kinds), encoding)


def feature_days(before: Sequence[date]) -> list[date]:
    """The days whose features are made, of the days before treatments: all, or MOST_DAYS of them, the first too."""
    days = sorted(set(before))
    if len(days) <= MOST_DAYS:
        return days
    return [days[k * len(days) // MOST_DAYS] for k in range(MOST_DAYS)]


def _attributes(store: Store, names: Sequence[str]) -> tuple[ContextEncoding, Attributes]:
    stored = store.attributes()
    kinds = attribute_kinds(stored, sorted(set(names)))
    table = attribute_table(stored, kinds)
    encoding = ContextEncoding.learn(table, list(kinds))
    return encoding, Attributes(table, encoding)


def _features(store: Store, cut: Cut, treated: pa.Table, knowledge: Attributes) -> np.ndarray:
    """What was known on the last day before each treatment, shape (n, columns); NaN of customers who had not bought."""
    zone = store.business().time_zone
    local = pc.local_timestamp(treated[c.TIME].cast(pa.timestamp("us", tz=zone)))
    before = [stamp.date() - timedelta(days=1) for stamp in local.to_pylist()]
    days = feature_days(before)
    of_day = np.searchsorted(np.array(days), np.array(before), side="right") - 1
    ids = treated[c.CUSTOMER_ID].to_pylist()
    features = np.full((len(ids), len(customer_columns(knowledge))), np.nan, dtype=np.float32)
    features[:, len(customer_columns()) :] = knowledge.matrix(ids)
    for number, day in enumerate(days):
        rows = np.flatnonzero(of_day == number)
        wanted = pa.array([ids[row] for row in rows])
        events = store.transactions(Cut(day, cut.known_at))
        table = customer_features(events, Cut(day, cut.known_at), zone).read_all()
        place = pc.index_in(wanted, table[c.CUSTOMER_ID].combine_chunks())
        bought = place.is_valid().to_numpy(zero_copy_only=False)
        if bought.any():
            matrix = feature_matrix(table.take(place.drop_null()))
            features[rows[bought], : matrix.shape[1]] = matrix
    return features
