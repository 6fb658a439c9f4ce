"""Fits a registered model again from its lineage and says whether the same comes out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from farview.core.clock import Cut
from farview.features.steps import StepRules
from farview.store.store import Store
from farview.store.values import JOURNEYS, NEXT_ITEM, RANKING, RETENTION, UPLIFT, ModelVersion
from jobs.fit_ltv import fit_by
from jobs.fit_ranking import fit_configured
from jobs.gate_journeys import fit_of
from jobs.progress import Both, Progress, Silent
from jobs.recalibrate_journeys import RECALIBRATES, recalibrated_again
from jobs.snapshot import code_version, library_versions
from jobs.train_journeys import fit_journeys, journey_context, journey_steps
from jobs.train_next_item import next_item_again
from jobs.train_ranking_table import lists_at
from jobs.train_retention import parameters_of, retention_again
from jobs.train_uplift import uplift_again
from journeys.artifact import unpack
from ltv.registered import load
from ranking.effects import Effects
from ranking.next_item_model import NextItems
from ranking.relevance_model import RelevanceModel

TOLERANCE = 1e-6
"""Largest relative difference of a parameter that passes: what another processor's rounding comes to."""

Parameters = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A model beside what its lineage gives today."""

    model: ModelVersion
    same_data: bool  # the snapshot hash of the cut is that of the lineage
    same_bytes: bool  # of the artifact
    largest_difference: float  # of a parameter, relative to the largest of its array; inf: another shape
    parameter: str  # where it is; "" when there is none
    tolerance: float
    moved: Mapping[str, tuple[str, str]]  # Farview and libraries of other versions: then, now

    @property
    def reproduced(self) -> bool:
        """Same data, and no parameter beyond the tolerance."""
        return self.same_data and (self.same_bytes or self.largest_difference <= self.tolerance)


def reproduce(
    store: Store,
    kind: str,
    version: int,
    *,
    tolerance: float = TOLERANCE,
    who: str,
    progress: Progress | None = None,
) -> Reproduction:
    """Refits a version by its lineage (cut, configuration, seed) and compares. Registers nothing.

    Attributes of customers and the catalogue have no history: what used them is refitted to those of now.

    Args:
        store: where the version and its data are.
        kind: of the version.
        version: its number.
        tolerance: largest relative difference of a parameter that counts as the same.
        who: for the record of the operation.
        progress: who watches.

    Raises:
        NotFound: no such version.
        ArtifactMismatch: the version's stored bytes are not those registered.
        FailedPrecondition: the data of its cut are gone.
    """
    model = store.model_version(kind, version)
    with store.operation("reproduce", {"model": model.name}, who=who) as operation:
        watch = Both(progress or Silent(), operation)
        stored = store.artifact(model)
        watch.start(f"fitting {model.name} again")
        cut = Cut(model.lineage.as_of, model.lineage.known_at)
        parameters: Callable[[bytes], Parameters]
        if kind == RETENTION:
            hashed, again = retention_again(stored, model.lineage)
            parameters = parameters_of
        elif kind == JOURNEYS:
            hashed, again, parameters = store.touchpoints_hash(cut), _journeys_again(store, model, cut), _of_journeys
        elif kind == RANKING:
            hashed, again, parameters = store.impressions_hash(cut), _ranking_again(store, model, cut), _of_ranking
        elif kind == NEXT_ITEM:
            hashed, again, parameters = store.impressions_hash(cut), next_item_again(store, model, cut), _of_next_item
        elif kind == UPLIFT:
            hashed, again, parameters = store.treatments_hash(cut), uplift_again(store, model), _of_uplift
        else:
            hashed, again, parameters = store.snapshot_hash(cut), _ltv_again(store, model, cut), _of_ltv
        watch.done()
        parameter, largest = largest_difference(parameters(stored), parameters(again))
        found = Reproduction(
            model=model,
            same_data=hashed == model.lineage.snapshot_hash,
            same_bytes=again == stored,
            largest_difference=largest,
            parameter=parameter,
            tolerance=tolerance,
            moved=_moved(model),
        )
        operation.finish({"model": model.name, "reproduced": found.reproduced})
    return found


def largest_difference(before: Parameters, after: Parameters) -> tuple[str, float]:
    """The parameter that differs most, and by how much of the largest absolute figure of its array."""
    worst = ("", 0.0)
    for name in sorted(before.keys() | after.keys()):
        a, b = before.get(name), after.get(name)
        if a is None or b is None or a.shape != b.shape:
            return name, float("inf")
        scale = float(np.abs(a).max(initial=0.0)) or 1.0
        gap = float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max(initial=0.0)) / scale
        if gap > worst[1]:
            worst = (name, gap)
    return worst


def _ltv_again(store: Store, model: ModelVersion, cut: Cut) -> bytes:
    fitted = fit_by(store, model.lineage.configuration, cut, model.lineage.seed)
    return fitted.to_artifact()


def _journeys_again(store: Store, model: ModelVersion, cut: Cut) -> bytes:
    if RECALIBRATES in model.lineage.configuration:
        return recalibrated_again(store, model, cut)
    told = fit_of(model)
    rules = StepRules(store.business().time_zone, told.window_days)
    steps = journey_steps(store.touchpoints(cut).read_all(), rules)
    return fit_journeys(told, steps, journey_context(store, told, steps)).to_artifact()


def _ranking_again(store: Store, model: ModelVersion, cut: Cut) -> bytes:
    fitted = fit_configured(model.lineage.configuration, lists_at(store, cut), model.lineage.seed)
    return fitted.to_artifact()


def _of_ranking(artifact: bytes) -> Parameters:
    return RelevanceModel.from_artifact(artifact).parameters()


def _of_next_item(artifact: bytes) -> Parameters:
    return NextItems.from_artifact(artifact).tensors()


def _of_ltv(artifact: bytes) -> Parameters:
    return load(artifact).parameters


def _of_journeys(artifact: bytes) -> Parameters:
    _, arrays, about = unpack(artifact)
    calibration = about["calibration"]
    return {**arrays, "calibration": np.array([calibration["temperature"], calibration["shift"]])}


def _of_uplift(artifact: bytes) -> Parameters:
    models = Effects.from_artifact(artifact).models
    return {name: np.array([getattr(model, name) for model in models]) for name in ("average", "error", "rounds")}


def _moved(model: ModelVersion) -> dict[str, tuple[str, str]]:
    then = {"farview": model.lineage.code_version, **model.lineage.library_versions}
    now = {"farview": code_version(), **library_versions()}
    return {name: (then[name], now[name]) for name in then if name in now and then[name] != now[name]}
