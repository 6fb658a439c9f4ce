"""Fits a model to what is known and registers it with its lineage."""

from dataclasses import asdict
from datetime import date, datetime

from farview.core.clock import Cut
from farview.features.rfm import rfm
from farview.features.specification import feature_schema_hash
from farview.store.store import Store
from farview.store.values import LTV_REVENUE, Lineage, ModelVersion
from jobs.progress import Both, Progress, Silent
from jobs.snapshot import code_version, cut_of, library_versions, require_unchanged
from ltv.fit import Method, fit


def train_ltv(
    store: Store,
    *,
    as_of: date | None = None,
    known_at: datetime | None = None,
    model: str = "bg_nbd",
    method: Method = "laplace",
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
        model: one of `ltv.families.MODELS`.
        method: "laplace", "map" or "nuts".
        seed: same seed and data, same draws.
        who: for the lineage.
        why: for the lineage.
        progress: who watches.

    Raises:
        FailedPrecondition: there are no transactions.
        InvalidInput: an unknown model or method, or nobody bought by then.
        Conflict: a file was being imported meanwhile.
    """
    cut = cut_of(store, as_of, known_at)
    configuration = {"model": model, "method": method}
    with store.operation(
        "train", {"as_of": cut.as_of.isoformat(), **configuration, "seed": seed}, who=who
    ) as operation:
        watch = Both(progress or Silent(), operation)
        watch.start("features of every customer")
        lineage = _lineage(store, cut, configuration, seed=seed, who=who, why=why)
        customers = rfm(store.transactions(cut), cut, store.business().time_zone).read_all()
        require_unchanged(store.snapshot_hash, cut, lineage.snapshot_hash)
        watch.start(f"fitting {model} to {customers.num_rows:,} customers")
        fitted = fit(customers, model=model, method=method, seed=seed)
        watch.done()
        registered = store.register_model(
            LTV_REVENUE, fitted.name, fitted.to_artifact(), lineage, asdict(fitted.diagnostics)
        )
        operation.finish({"model": registered.name})
    return registered


def _lineage(store: Store, cut: Cut, configuration: dict[str, str], *, seed: int, who: str, why: str) -> Lineage:
    return Lineage(
        as_of=cut.as_of,
        known_at=cut.known_at,
        snapshot_hash=store.snapshot_hash(cut),
        feature_schema_hash=feature_schema_hash(),
        code_version=code_version(),
        library_versions=library_versions(),
        seed=seed,
        configuration=configuration,
        who=who,
        why=why,
    )
