"""Every kind of customer-value model behind one door: from stored bytes to forecasts.

A kind says how its bytes are read, what it reads of a customer, and how it forecasts; jobs and the server ask nothing
else of it, so that a new kind is an entry here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Protocol

import pyarrow as pa

from farview.core.errors import ArtifactMismatch
from ltv import families
from ltv.boost_drivers import Driver, drivers_of
from ltv.boost_model import BoostModel
from ltv.boost_scorer import BoostScorer, Shared
from ltv.combination_model import CombinationModel
from ltv.combination_scorer import CombinationScorer
from ltv.inputs import CUSTOMER, SEQUENCES, Inputs, joined, part_of, rfm_inputs
from ltv.model import BtydModel, LtvModel
from ltv.parts import is_packed, unpack
from ltv.scorer import Scorer
from ltv.sequence_model import NETWORKS, SequenceModel
from ltv.sequence_scorer import SequenceScorer
from ltv.tables import Tables
from ltv.totals import Totals


class ValueScorer(Protocol):
    """Forecasts of one run; one thread at a time."""

    partial_totals: Totals

    def forecast(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of the model's inputs to rows of schemas.FORECAST: customers in order, horizons rising within each."""

    def totals(self) -> pa.Table:
        """Joint draws (schemas.TOTALS) over all customers forecast so far."""


MakeScorer = Callable[[Sequence[int], date, bool], ValueScorer]
"""(rising horizons in days, as-of day, gross) to a scorer."""

Explain = Callable[[pa.RecordBatch, date], list[tuple[Driver, ...]]]
"""(inputs, as-of day) to each customer's drivers."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A model made ready: scorers share what every call extends and none changes."""

    model: LtvModel
    inputs: Inputs
    _make: MakeScorer
    _explain: Explain

    def scorer(self, horizons_days: Sequence[int], as_of: date, *, gross: bool = False) -> ValueScorer:
        """A scorer of one run.

        Args:
            horizons_days: rising.
            as_of: the day at whose end the inputs stop.
            gross: returns are not deducted from value, by models that know of them.

        Raises:
            InvalidInput: horizons that are not whole, positive and rising.
        """
        return self._make(horizons_days, as_of, gross)

    def drivers(self, inputs: pa.RecordBatch, as_of: date) -> list[tuple[Driver, ...]]:
        """What moves each customer's expected value, strongest first; empty from models that tell none.

        Args:
            inputs: rows of the model's inputs.
            as_of: the day at whose end they stop.
        """
        return self._explain(inputs, as_of)


@dataclass(frozen=True, slots=True)
class _Kind:
    read: Callable[[bytes], LtvModel]
    inputs: Callable[[Any], Inputs]  # of a model
    ready: Callable[[Any, int], tuple[MakeScorer, Explain]]  # model and seed to its scorers and drivers


def _btyd(model: BtydModel, seed: int) -> tuple[MakeScorer, Explain]:
    tables = Tables(model, seed)

    def make(horizons: Sequence[int], as_of: date, _gross: bool) -> ValueScorer:  # its value is gross
        return Scorer(model, horizons, as_of, seed, tables)

    return make, lambda inputs, _: [()] * inputs.num_rows


def _boost(model: BoostModel, seed: int) -> tuple[MakeScorer, Explain]:
    shared = Shared.of(model, seed)

    def make(horizons: Sequence[int], as_of: date, gross: bool) -> ValueScorer:
        return BoostScorer(model, horizons, as_of, seed, shared, gross=gross)

    return make, lambda inputs, as_of: drivers_of(model, inputs, as_of, seed, shared)


def _sequence(model: SequenceModel, seed: int) -> tuple[MakeScorer, Explain]:
    def make(horizons: Sequence[int], as_of: date, gross: bool) -> ValueScorer:
        return SequenceScorer(model, horizons, as_of, seed, gross=gross)

    return make, lambda inputs, _: [()] * inputs.num_rows


def _combination(model: CombinationModel, seed: int) -> tuple[MakeScorer, Explain]:
    members = [ready(member, seed) for member in model.members]

    def make(horizons: Sequence[int], as_of: date, gross: bool) -> ValueScorer:
        scorers = [partial(member.scorer, horizons, as_of, gross=gross) for member in members]
        return CombinationScorer(model, horizons, scorers, seed, gross=gross)

    return make, lambda inputs, as_of: _of_members(members, inputs, as_of)


def _of_members(members: Sequence[Ready], inputs: pa.RecordBatch, as_of: date) -> list[tuple[Driver, ...]]:
    """The drivers of the first member that tells any."""
    for number, member in enumerate(members):
        told = member.drivers(part_of(inputs, number + 1), as_of)
        if any(told):
            return told
    return [()] * inputs.num_rows


def _combination_inputs(model: CombinationModel) -> Inputs:
    return joined([rfm_inputs(), *(inputs_of(member) for member in model.members)])


def _read_combination(artifact: bytes) -> CombinationModel:
    return CombinationModel.from_artifact(artifact, load)


_BTYD = _Kind(BtydModel.from_artifact, lambda model: rfm_inputs(model.period_days), _btyd)
_PACKED: Mapping[str, _Kind] = {
    BoostModel.name: _Kind(BoostModel.from_artifact, lambda _: CUSTOMER, _boost),
    **dict.fromkeys(NETWORKS, _Kind(SequenceModel.from_artifact, lambda _: SEQUENCES, _sequence)),
    CombinationModel.name: _Kind(_read_combination, _combination_inputs, _combination),
}
"""By the name inside the artifact."""

NAMES = (*families.MODELS, *_PACKED)
"""Of all customer-value models."""


def load(artifact: bytes) -> LtvModel:
    """The model inside an artifact, whatever its kind.

    Raises:
        ArtifactMismatch: the bytes are damaged, foreign, or of a kind or format that this version does not know.
    """
    if not is_packed(artifact):
        return _BTYD.read(artifact)
    name, _, _ = unpack(artifact)
    if name not in _PACKED:
        raise ArtifactMismatch(f"the artifact holds a {name!r} model, which this version of Farview does not know")
    return _PACKED[name].read(artifact)


def ready(model: LtvModel, seed: int) -> Ready:
    """The model ready to forecast.

    Args:
        model: of a kind that `load` knows.
        seed: of lattice rules and of the totals' noise: same seed, same forecasts.
    """
    return Ready(model, inputs_of(model), *_kind(model).ready(model, seed))


def inputs_of(model: LtvModel) -> Inputs:
    """What a model reads of a customer."""
    return _kind(model).inputs(model)


def _kind(model: LtvModel) -> _Kind:
    return _PACKED.get(model.name, _BTYD)
