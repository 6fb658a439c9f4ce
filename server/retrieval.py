"""Retrieves candidates from the whole catalogue by the next-item model that is served."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from structlog.typing import FilteringBoundLogger

from farview.core import columns as c
from farview.core.errors import FailedPrecondition
from farview.store.store import Store
from farview.store.values import NEXT_ITEM
from server.convert.item_retrieval import Retrieval, Retrieved
from server.named_models import NamedModels
from server.relevance import MOST_OWN_ROWS

if TYPE_CHECKING:
    from ranking.next_item_model import NextItems


def _read(artifact: bytes) -> "NextItems":
    from ranking.next_item_model import NextItems  # scipy's sparse matrices: not before a model is served

    return NextItems.from_artifact(artifact)


class ServedNextItems:
    """Next-item models by name: "next-item" is the champion, "next-item/3" a version."""

    def __init__(self, store: Store, logger: FilteringBoundLogger) -> None:
        self._store = store
        self._models = NamedModels(store, NEXT_ITEM, _read, logger)

    def refresh(self) -> bool:
        """Loads the champion if it is another than the one served. True when it swapped."""
        return self._models.refresh()

    def retrieved(self, asked: Retrieval) -> Retrieved:
        """The items that the customer may want next, with what the catalogue tells of them.

        Raises:
            FailedPrecondition: no next-item model is registered yet, or the customer took all items.
            NotFound: no such version.
        """
        loaded = self._models.named(asked.name)
        model = loaded.model
        taken = self._taken(asked.customer_id, model.least_grade)
        found = model.best(taken, asked.item_count, again=asked.include_taken)
        if len(found) == 0:
            raise FailedPrecondition("the customer took every item of the catalogue (send include_taken)")
        ids = [model.items[code] for code in found.tolist()]
        catalogue = self._store.items(ids)
        row = pc.index_in(pa.array(ids, pa.string()), value_set=catalogue[c.ITEM_ID].combine_chunks())
        facts = catalogue.select(["price", "category", "brand", "stock"]).take(row)
        return Retrieved(loaded.version.name, tuple(ids), model.takers[found], facts, frozenset(taken))

    def _taken(self, customer_id: str, least_grade: int) -> list[str]:
        """Items that the customer took, oldest first."""
        own = self._store.impressions_of(customer_id, datetime.now(UTC), MOST_OWN_ROWS)
        rows = own.filter(pc.greater_equal(own["grade"], least_grade))
        ordered = rows.sort_by([(c.TIME, "ascending"), ("query_id", "ascending"), ("position", "ascending")])
        taken: list[str] = ordered[c.ITEM_ID].to_pylist()
        return taken
