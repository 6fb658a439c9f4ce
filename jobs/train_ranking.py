"""Fits a ranker to the lists that were shown and registers it with its lineage."""

from datetime import date, datetime
from typing import Any

import numpy as np

from farview.core.clock import Cut
from farview.features.item_features import ITEM_FEATURES
from farview.features.specification import feature_schema_hash
from farview.store.store import Store
from farview.store.values import RANKING, Lineage, ModelVersion
from jobs.fit_ranking import configure, fit_configured
from jobs.progress import Both, Progress, Silent
from jobs.snapshot import code_version, impression_cut_of, library_versions, require_unchanged
from jobs.train_ranking_table import Lists, lists_at

RELEVANCE_LOSS = 0.05


def train_ranking(
    store: Store,
    *,
    model: str | None = None,
    relevance_loss: float = RELEVANCE_LOSS,
    as_of: date | None = None,
    known_at: datetime | None = None,
    seed: int = 0,
    who: str,
    why: str = "",
    progress: Progress | None = None,
) -> ModelVersion:
    """Fits a ranker and registers it: the first becomes champion, a later one candidate.

    Args:
        store: where lists and catalogue come from and the model goes to. The catalogue is that of now.
        model: one of `ranking.model_names.RANKERS`; None: the best on held-out lists.
        relevance_loss: by which share the area of NDCG, 1 less its mean, may grow for the sake of price at the
            operating point.
        as_of: last day whose lists are seen, business zone; by default the last one's day.
        known_at: rows ingested after it are not seen; by default now.
        seed: same seed and data, same model.
        who: for the lineage.
        why: for the lineage.
        progress: who watches.

    Raises:
        FailedPrecondition: there are no lists, or they hold too little to learn from.
        InvalidInput: an unknown model, or one that the lists cannot teach.
        Conflict: a file was being imported meanwhile.
    """
    cut = impression_cut_of(store, as_of, known_at)
    asked = {"model": model, "relevance_loss": relevance_loss, "seed": seed}
    with store.operation("train", {"kind": RANKING, "as_of": cut.as_of.isoformat(), **asked}, who=who) as operation:
        watch = Both(progress or Silent(), operation)
        watch.start("features of every list")
        snapshot_hash = store.impressions_hash(cut)
        lists = lists_at(store, cut)
        require_unchanged(store.impressions_hash, cut, snapshot_hash)
        watch.done()
        configuration, validation = configure(lists, model, relevance_loss, seed, watch)
        watch.start(f"fitting {configuration['model']} to {len(lists.table.queries):,} lists")
        fitted = fit_configured(configuration, lists, seed)
        watch.done()
        lineage = _lineage(cut, snapshot_hash, configuration, seed, who, why)
        registered = store.register_model(
            RANKING, fitted.name, fitted.to_artifact(), lineage, {**_counts(lists), "validation": validation}
        )
        operation.finish({"model": registered.name})
    return registered


def _lineage(cut: Cut, snapshot_hash: str, configuration: dict[str, Any], seed: int, who: str, why: str) -> Lineage:
    return Lineage(
        as_of=cut.as_of,
        known_at=cut.known_at,
        snapshot_hash=snapshot_hash,
        feature_schema_hash=feature_schema_hash(ITEM_FEATURES),
        code_version=code_version(),
        library_versions=library_versions(),
        seed=seed,
        configuration=configuration,
        who=who,
        why=why,
    )


def _counts(lists: Lists) -> dict[str, Any]:
    grades = np.bincount(lists.table.grades, minlength=5)
    return {
        "lists": len(lists.table.queries),
        "rows": lists.table.queries.rows,
        "items": len(lists.memory.codes.items),
        "grades": {str(grade): int(rows) for grade, rows in enumerate(grades)},
        "chance_of_a_look": [round(float(share), 4) for share in lists.look],
    }
