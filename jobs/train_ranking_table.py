"""From lists that were shown to the table that rankers learn from."""

from dataclasses import dataclass

import numpy as np

from farview.core import columns as c
from farview.core.clock import Cut
from farview.core.errors import FailedPrecondition
from farview.evaluation.arrays import FloatArray, IntArray
from farview.evaluation.queries import Queries
from farview.features.item_features import Records, item_features, past_of_log
from farview.features.item_log import CLICK, Codes, item_log
from farview.store.store import Store
from ranking.examination import examination
from ranking.query_table import QueryTable
from ranking.relevance_model import LogMemory

FEWEST_LISTS = 20
MOST_LISTS = 50_000
"""Lists that are learnt from, the newest; all that there are count in the features."""

HELD_OUT = 0.3  # of the lists, the newest: what models, settings and the operating point are chosen by


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """Lists as a table, oldest first."""

    table: QueryTable
    day: IntArray  # (lists,) days since 1970
    customer: IntArray  # (lists,) code
    look: FloatArray  # (places,) chance of a look over that of the first place
    memory: LogMemory

    def take(self, chosen: IntArray) -> "Lists":
        """Some lists."""
        return Lists(self.table.take(chosen), self.day[chosen], self.customer[chosen], self.look, self.memory)

    def folds(self) -> IntArray:
        """0 for the newest HELD_OUT of the lists, whole days, -1 for the others; shape (lists,).

        Raises:
            FailedPrecondition: all lists are of one day.
        """
        first = int(np.quantile(self.day, 1 - HELD_OUT, method="lower"))
        held = self.day > first
        if not held.any():
            held = self.day == first
        if held.all():
            raise FailedPrecondition("all lists are of one day, so none is later than what is learnt from")
        return np.where(held, 0, -1)


def lists_at(store: Store, cut: Cut) -> Lists:
    """The newest MOST_LISTS lists inside a cut, with what was known before each, and the catalogue as it is now.

    Raises:
        FailedPrecondition: there are too few lists, or nothing came of any.
    """
    shown, catalogue = store.impressions(cut).read_all(), store.items()
    codes = Codes.of(catalogue, shown[c.ITEM_ID].unique().to_pylist())
    log = item_log(shown, catalogue, codes, store.business().time_zone)
    queries = Queries.of_sizes(np.bincount(log.list_of_row)) if len(log) else None
    if queries is None or len(queries) < FEWEST_LISTS:
        found = 0 if queries is None else len(queries)
        raise FailedPrecondition(f"{found:,} lists lie inside the cut; at least {FEWEST_LISTS} are needed")
    if log.grade.max() < CLICK:
        raise FailedPrecondition("nothing came of any list (all grades are 0), so no order is better than another")
    look = examination(log.facts.item, log.position, (log.grade >= CLICK).astype(np.float64))
    features = item_features(log.facts, log.day, log.list_of_row, past_of_log(log))
    prices = log.facts.price if (log.facts.price > 0).all() else None
    table = QueryTable(features, log.grade, queries, prices, look[log.position - 1])
    sizes = [len(names) for names in (codes.items, codes.categories, codes.brands)]
    first = queries.starts[:-1]
    lists = Lists(table, log.day[first], log.customer[first], look, LogMemory(codes, Records.of(log, sizes)))
    return lists.take(np.arange(max(len(queries) - MOST_LISTS, 0), len(queries)))
