"""Fits a model to what is known and registers it with its lineage."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, cast

from farview.core.clock import Cut
from farview.features.specification import feature_schema_hash
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, Lineage, ModelVersion
from jobs.fit_ltv import carried_on, fit_by
from jobs.ltv_configuration import configured, differing
from jobs.progress import Both, Progress, Silent
from jobs.snapshot import code_version, cut_of, library_versions, require_unchanged
from ltv.effects import Kinds
from ltv.fit import Method
from ltv.model import LtvModel
from ltv.registered import inputs_of


def train_ltv(
    store: Store,
    *,
    as_of: date | None = None,
    known_at: datetime | None = None,
    model: str = "bg_nbd",
    method: Method = "laplace",
    period: int | None = None,
    kinds: Kinds = Kinds(),  # noqa: B008 - frozen
    update: float | None = None,
    seed: int = 0,
    who: str,
    why: str = "",
    progress: Progress | None = None,
) -> ModelVersion:
    """Fits a customer-value model and registers it: the first becomes champion, a later one candidate.

    Args:
        store: where transactions come from and the model goes to.
        as_of: last day whose events are seen, business zone; by default the last event's day.
        known_at: events ingested after it are not seen; by default now.
        model: one of `jobs.value_models.MODELS`.
        method: "laplace", "map" or "nuts".
        period: of bg_bb, days of an opportunity to buy; by default 7.
        kinds: attributes, or the cohort, by which customers' rates and dropout are to differ.
        update: carry the champion on instead of fitting anew, with this power of what it has learnt; 1 forgets nothing.
        seed: same seed and data, same draws.
        who: for the lineage.
        why: for the lineage.
        progress: who watches.

    Raises:
        FailedPrecondition: there are no transactions.
        InvalidInput: an unknown model or method, nobody bought by then, or an update of what cannot be carried on.
        NotFound: an update without a champion.
        Conflict: a file was being imported meanwhile.
    """
    cut = cut_of(store, as_of, known_at)
    configuration = configured(model, method, period) | differing(kinds)
    if update is not None:
        configuration = carried_on(store.champion(LTV_REVENUE), configuration, cut, update)
    with store.operation(
        "train", {"as_of": cut.as_of.isoformat(), **configuration, "seed": seed}, who=who
    ) as operation:
        watch = Both(progress or Silent(), operation)
        watch.start(f"fitting {model}")
        snapshot = store.snapshot_hash(cut)
        fitted = fit_by(store, configuration, cut, seed)
        require_unchanged(store.snapshot_hash, cut, snapshot)
        watch.done()
        registered = register(store, fitted, Fitted(cut, snapshot, configuration, seed), who=who, why=why)
        operation.finish({"model": registered.name})
    return registered


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a model was fitted to, and how."""

    cut: Cut
    snapshot_hash: str
    configuration: Mapping[str, str]
    seed: int


def register(
    store: Store, model: LtvModel, fitted: Fitted, *, who: str, why: str, told: Mapping[str, Any] | None = None
) -> ModelVersion:
    """The model in the registry with its lineage.

    Args:
        store: the registry.
        model: whatever its kind.
        fitted: to what, and how.
        who: for the lineage.
        why: for the lineage.
        told: figures beside the model's own diagnostics.
    """
    lineage = Lineage(
        as_of=fitted.cut.as_of,
        known_at=fitted.cut.known_at,
        snapshot_hash=fitted.snapshot_hash,
        feature_schema_hash=feature_schema_hash(inputs_of(model).features),
        code_version=code_version(),
        library_versions=library_versions(),
        seed=fitted.seed,
        configuration=dict(fitted.configuration),
        who=who,
        why=why,
    )
    metrics = asdict(cast(Any, model.diagnostics)) | dict(told or {})
    return store.register_model(LTV_REVENUE, model.name, model.to_artifact(), lineage, metrics)
