"""Next-item models on one split of purchases: what they learn from, who is judged, and how well they do.

Whoever compares them (an evaluation of a file, a training, a gate) goes this way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy import sparse

from farview.core.errors import InvalidInput
from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.catalogue_metrics import list_ndcg
from jobs.purchase_file import PurchaseLog
from ranking.model_names import ITEM_KNN, LAST_CATEGORY, POPULARITY, SEQUENCE
from ranking.next_item import SHRINKAGES, Histories, ItemKnn, LastCategory, NextItemModel, Popularity, top_items

K = 10
TRAIN_SHARE = 0.7
_BLOCK = 256  # customers scored at once: a block of scores of 20,000 items is 40 MB
RULE = (
    f"highest mean NDCG@{K} at an earlier split, the day by which {TRAIN_SHARE:.0%} of the learnt purchases had passed"
)


@dataclass(frozen=True, slots=True)
class NextItemSpec:
    """What is asked."""

    split_date: date | None = None  # last day that models see; default: that by which TRAIN_SHARE of rows have passed
    cross_sell: bool = False  # only items of categories that the customer has not bought count, and are shown
    most_active: float = 1.0  # share of customers judged: those with the most items bought by the split
    sequence: bool = False  # fit the recurrent network too
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """What was bought by a day, and what is sought after it."""

    histories: Histories
    relevant: sparse.csr_matrix  # (customers, items) first bought after the split, and allowed
    judged: IntArray  # (j,) customers


def day_by_which(days: np.ndarray) -> np.datetime64:
    """The day by which TRAIN_SHARE of rows had passed; days ascending, at least one."""
    return days[min(int(TRAIN_SHARE * len(days)), len(days) - 1)]


def split_at(log: PurchaseLog, spec: NextItemSpec, known: np.ndarray, day: np.datetime64) -> Split:
    """Of the rows `known`, those up to the day as histories and the others as what is sought.

    Raises:
        InvalidInput: on `--split-date`, when nobody is left to be judged.
    """
    past, future = known & (log.day <= day), known & (log.day > day)
    shape = log.customers, log.items
    histories = Histories.of(log.customer[past], log.item[past], shape)
    bought, later = histories.bought, Histories.of(log.customer[future], log.item[future], shape).bought
    relevant = later.multiply(later - bought.multiply(later)).tocsr()
    if spec.cross_sell:
        known_category = bought @ _one_hot(log.category)
        cells = relevant.tocoo()
        new = np.asarray(known_category[cells.row, log.category[cells.col]]).ravel() == 0
        relevant = sparse.csr_matrix((cells.data[new], (cells.row[new], cells.col[new])), shape=relevant.shape)
    items_bought = np.asarray(bought.sum(axis=1)).ravel()
    buyers = items_bought[items_bought > 0]
    least = np.quantile(buyers, 1 - spec.most_active) if len(buyers) else np.inf
    active = (items_bought > 0) & (items_bought >= least)
    judged = np.flatnonzero(active & (np.asarray(relevant.sum(axis=1)).ravel() > 0))
    if len(judged) == 0:
        raise InvalidInput.of("--split-date", f"nobody who bought by {day} buys anything new that counts after it")
    return Split(histories, relevant, judged)


def tuned(log: PurchaseLog, inner: Split, spec: NextItemSpec) -> tuple[float, dict[str, float]]:
    """The shrinkage that does best at the inner split, and every model's NDCG there."""

    def ndcg(model: NextItemModel) -> float:
        return float(judge(model, inner, log, spec)[1].mean())

    tried = {shrinkage: ndcg(ItemKnn.fit(inner.histories, shrinkage)) for shrinkage in SHRINKAGES}
    best = max(tried, key=lambda shrinkage: tried[shrinkage])
    others = [name for name in names_of(log, spec) if name != ITEM_KNN]
    figures = {name: ndcg(fitted(name, inner.histories, log.category, best, spec.seed)) for name in others}
    return best, {**figures, ITEM_KNN: tried[best]}


def names_of(log: PurchaseLog, spec: NextItemSpec) -> tuple[str, ...]:
    """Models that a log and a specification leave to compare."""
    by_category = log.category.max() > 0 and not spec.cross_sell  # the category bought last is never new
    return (
        POPULARITY,
        ITEM_KNN,
        *((LAST_CATEGORY,) if by_category else ()),
        *((SEQUENCE,) if spec.sequence else ()),
    )


def fitted(name: str, histories: Histories, category: IntArray, shrinkage: float, seed: int) -> NextItemModel:
    """One model, fitted.

    Args:
        name: POPULARITY, ITEM_KNN, LAST_CATEGORY or SEQUENCE.
        histories: what customers bought.
        category: of each item, shape (items,).
        shrinkage: of ITEM_KNN.
        seed: of SEQUENCE.
    """
    if name == ITEM_KNN:
        return ItemKnn.fit(histories, shrinkage)
    if name == SEQUENCE:
        from ranking.item_sequences_fit import (  # torch: 1.5 s that others need not wait
            SequenceOptions,
            fit_item_sequences,
        )

        return fit_item_sequences(histories, SequenceOptions(seed=seed))
    popular = Popularity.fit(histories)
    return popular if name == POPULARITY else LastCategory(popular.buyers, category)


def models_of(split: Split, log: PurchaseLog, shrinkage: float, spec: NextItemSpec) -> Mapping[str, NextItemModel]:
    """Every model, fitted to the histories of a split."""
    return {name: fitted(name, split.histories, log.category, shrinkage, spec.seed) for name in names_of(log, spec)}


def judge(model: NextItemModel, split: Split, log: PurchaseLog, spec: NextItemSpec) -> tuple[IntArray, FloatArray]:
    """Lists of the judged customers, shape (j, K), and their NDCG, (j,). Equal scores go to the more popular item.

    Whatever is as wide as the catalogue is made for a block of customers at a time.
    """
    popular = Popularity.fit(split.histories).buyers
    one_hot = _one_hot(log.category)
    lists, ndcg = [], []
    for start in range(0, len(split.judged), _BLOCK):
        customers = split.judged[start : start + _BLOCK]
        bought = split.histories.bought[customers]
        allowed = bought.toarray() == 0
        if spec.cross_sell:
            allowed &= (bought @ one_hot).toarray()[:, log.category] == 0
        scores = model.scores(split.histories, customers)
        lists.append(top_items(scores, allowed, K, popular))
        ndcg.append(list_ndcg(lists[-1], split.relevant[customers].toarray() > 0))
    return np.concatenate(lists), np.concatenate(ndcg)


def _one_hot(category: IntArray) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(len(category)), (np.arange(len(category)), category)))
