"""Fits a model of what customers take next from the lists that they were shown, and registers it with its lineage."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import FailedPrecondition, InvalidInput
from farview.evaluation.arrays import FloatArray
from farview.evaluation.bootstrap import difference, resampled_means
from farview.features.item_log import PURCHASE, business_days
from farview.features.specification import feature_schema_hash
from farview.store.store import Store
from farview.store.values import NEXT_ITEM, Lineage, ModelVersion
from jobs.next_item_trials import K, NextItemSpec, Split, day_by_which, fitted, judge, split_at, tuned
from jobs.progress import Both, Progress, Silent
from jobs.purchase_file import PurchaseLog
from jobs.snapshot import code_version, impression_cut_of, library_versions, require_unchanged
from ranking.model_names import NEXT_ITEM_MODELS, SEQUENCE
from ranking.next_item import FEWEST_SEQUENCES, Histories, Popularity
from ranking.next_item_model import NextItems

RESAMPLES = 400


@dataclass(frozen=True, slots=True)
class NextItemFit:
    """What is to be fitted."""

    model: str | None = None  # one of NEXT_ITEM_MODELS; None: the best at an earlier split
    least_grade: int = PURCHASE  # from which on an item of a list counts as taken
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class TakenItems:
    """What customers took, by time, and the names of the items."""

    log: PurchaseLog
    items: tuple[str, ...]  # by code, increasing


def train_next_item(
    store: Store,
    *,
    fit: NextItemFit = NextItemFit(),
    as_of: date | None = None,
    known_at: datetime | None = None,
    who: str,
    why: str = "",
    progress: Progress | None = None,
) -> ModelVersion:
    """Fits a next-item model and registers it: the first becomes champion, a later one candidate.

    Args:
        store: where lists and catalogue come from and the model goes to. The catalogue is that of now.
        fit: which model, of what.
        as_of: last day whose lists are seen, business zone; by default the last one's day.
        known_at: rows ingested after it are not seen; by default now.
        who: for the lineage.
        why: for the lineage.
        progress: who watches.

    Raises:
        FailedPrecondition: there are no lists, or too little was taken from them.
        InvalidInput: an unknown model, or one that the catalogue cannot teach.
        Conflict: a file was being imported meanwhile.
    """
    if fit.model is not None and fit.model not in NEXT_ITEM_MODELS:
        raise InvalidInput.of("--model", f"{fit.model!r} is not known (known: {', '.join(NEXT_ITEM_MODELS)})")
    cut = impression_cut_of(store, as_of, known_at)
    asked = {"kind": NEXT_ITEM, "as_of": cut.as_of.isoformat(), **asdict(fit)}
    with store.operation("train", asked, who=who) as operation:
        watch = Both(progress or Silent(), operation)
        watch.start("comparing models at an earlier split")
        snapshot_hash = store.impressions_hash(cut)
        taken = taken_at(store, cut, fit.least_grade)
        require_unchanged(store.impressions_hash, cut, snapshot_hash)
        configuration, validation = configure(taken.log, fit)
        watch.start(f"fitting {configuration['model']}")
        model = fit_configured(configuration, taken, fit.seed)
        watch.done()
        lineage = _lineage(cut, snapshot_hash, configuration, fit.seed, who, why)
        metrics = {**_counts(taken.log), "validation": validation}
        registered = store.register_model(NEXT_ITEM, model.name, model.to_artifact(), lineage, metrics)
        operation.finish({"model": registered.name})
    return registered


def taken_at(store: Store, cut: Cut, least_grade: int) -> TakenItems:
    """What was taken from lists inside a cut, over the catalogue as it is now.

    Raises:
        FailedPrecondition: nothing was.
    """
    shown, catalogue = store.impressions(cut).read_all(), store.items()
    rows = shown.filter(pc.greater_equal(shown["grade"], least_grade)).sort_by(
        [(c.TIME, "ascending"), (c.CUSTOMER_ID, "ascending"), ("query_id", "ascending"), ("position", "ascending")]
    )
    if rows.num_rows == 0:
        raise FailedPrecondition(f"nothing was taken: no item of a list has a grade of {least_grade} or more")
    items = pa.array(sorted({*catalogue[c.ITEM_ID].to_pylist(), *rows[c.ITEM_ID].unique().to_pylist()}))
    customer = pc.dictionary_encode(rows[c.CUSTOMER_ID].combine_chunks())
    log = PurchaseLog(
        customer=customer.indices.to_numpy().astype(np.int64),
        item=pc.index_in(rows[c.ITEM_ID].combine_chunks(), value_set=items).to_numpy().astype(np.int64),
        day=business_days(rows[c.TIME], store.business().time_zone).astype("datetime64[D]"),
        amount=np.full(rows.num_rows, np.nan),
        category=_categories(items, catalogue),
        customers=len(customer.dictionary),
        rejected_rows=0,
    )
    return TakenItems(log, tuple(items.to_pylist()))


def configure(log: PurchaseLog, fit: NextItemFit) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an earlier split decides, and what it showed.

    Returns:
        A configuration (JSON data), from which `fit_configured` makes the model, and the figures behind it.

    Raises:
        FailedPrecondition: nobody took anything new after the split.
        InvalidInput: the model needs categories, and there is one alone.
    """
    split = later_takers(log, day_by_which(log.day))
    enough = split.histories.sequences >= FEWEST_SEQUENCES
    spec = NextItemSpec(sequence=fit.model == SEQUENCE or (fit.model is None and enough), seed=fit.seed)
    shrinkage, ndcg = tuned(log, split, spec)
    if fit.model is not None and fit.model not in ndcg:
        raise InvalidInput.of("--model", f"{fit.model} needs items of several categories")
    chosen = fit.model or max(ndcg, key=lambda name: ndcg[name])
    configuration = {"model": chosen, "shrinkage": shrinkage, "least_grade": fit.least_grade}
    figures = judge(fitted(chosen, split.histories, log.category, shrinkage, fit.seed), split, log, spec)[1]
    validation = {
        "customers": len(split.judged),
        "split_date": str(day_by_which(log.day)),
        f"ndcg@{K}": ndcg,
        f"ndcg@{K}_ahead_of_random_order": ahead_of_random(figures, split, fit.seed),
    }
    return configuration, validation


def fit_configured(configuration: Mapping[str, Any], taken: TakenItems, seed: int) -> NextItems:
    """The model that a configuration gives on all that was taken; same data, configuration and seed, same model."""
    log, name = taken.log, configuration["model"]
    histories = Histories.of(log.customer, log.item, (log.customers, log.items))
    model = fitted(name, histories, log.category, configuration["shrinkage"], seed)
    return NextItems(name, model, taken.items, Popularity.fit(histories).buyers, configuration["least_grade"])


def next_item_again(store: Store, version: ModelVersion, cut: Cut) -> bytes:
    """A version fitted anew to the lists of its cut."""
    told = version.lineage.configuration
    return fit_configured(told, taken_at(store, cut, told["least_grade"]), version.lineage.seed).to_artifact()


def later_takers(log: PurchaseLog, day: np.datetime64, until: np.datetime64 | None = None) -> Split:
    """A split of what was taken until a day, None for all of it.

    Raises:
        FailedPrecondition: nobody took anything new after it.
    """
    known = np.ones(len(log.day), dtype=np.bool_) if until is None else log.day <= until
    try:
        return split_at(log, NextItemSpec(), known, day)
    except InvalidInput:
        raise FailedPrecondition(f"nobody who took an item by {day} takes a new one after it") from None


def ahead_of_random(ndcg: FloatArray, split: Split, seed: int) -> dict[str, float] | None:
    """Mean NDCG less what a random order of the items not taken gets on average, with a 95 % paired bootstrap."""
    sought = np.asarray(split.relevant[split.judged].sum(axis=1)).ravel()
    left = split.relevant.shape[1] - np.asarray(split.histories.bought[split.judged].sum(axis=1)).ravel()
    discount = np.cumsum(1 / np.log2(np.arange(K) + 2.0))
    places = np.minimum(left, K).astype(np.int64)
    random = sought / left * discount[places - 1] / discount[np.minimum(sought, K).astype(np.int64) - 1]
    drawn = resampled_means({"ours": ndcg, "random": random}, resamples=RESAMPLES, seed=seed)
    gap = difference(drawn["ours"], drawn["random"])
    return None if gap is None else asdict(gap)


def _categories(items: pa.Array, catalogue: pa.Table) -> Any:
    """Code of each item's category; those without one share 0."""
    row = pc.index_in(items, value_set=catalogue[c.ITEM_ID].combine_chunks())
    names = pc.fill_null(catalogue["category"].combine_chunks().take(row), "").to_pylist()
    return np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)[1].astype(np.int64)


def _lineage(cut: Cut, snapshot_hash: str, configuration: dict[str, Any], seed: int, who: str, why: str) -> Lineage:
    return Lineage(
        as_of=cut.as_of,
        known_at=cut.known_at,
        snapshot_hash=snapshot_hash,
        feature_schema_hash=feature_schema_hash(()),
        code_version=code_version(),
        library_versions=library_versions(),
        seed=seed,
        configuration=configuration,
        who=who,
        why=why,
    )


def _counts(log: PurchaseLog) -> dict[str, Any]:
    return {"taken": len(log.item), "customers": log.customers, "items": log.items}
