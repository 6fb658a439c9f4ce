"""A door of the store. Audiences."""

from collections.abc import Iterator

import pyarrow as pa
from sqlalchemy import Engine

from farview.store import audiences
from farview.store.audiences import NewAudience, StoredAudience


class AudiencesDoor:
    """Audiences that jobs made."""

    _engine: Engine

    def add_audience(self, new: NewAudience, members: pa.Table, *, who: str) -> StoredAudience:
        """Stores an audience and its members (audiences.MEMBERS) in one transaction; one an operation."""
        return audiences.add(self._engine, new, members, who)

    def audience_of(self, operation_id: int) -> StoredAudience | None:
        """What an operation has stored; None: nothing yet."""
        return audiences.made_by(self._engine, operation_id)

    def audience(self, audience_id: int) -> StoredAudience:
        """Raises NotFound."""
        return audiences.one(self._engine, audience_id)

    def audience_page(self, audience_id: int, *, page_size: int, after: int = 0) -> pa.Table:
        """audiences.MEMBERS of the places behind `after`."""
        return audiences.page(self._engine, audience_id, page_size, after)

    def audience_members(self, audience_id: int) -> Iterator[pa.RecordBatch]:
        """All of audiences.MEMBERS in pieces, so that memory does not grow with them."""
        return audiences.members(self._engine, audience_id)
