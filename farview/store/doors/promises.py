"""A door of the store. Segments, guarantees and where they stand."""

from sqlalchemy import Engine

from farview.store import floor_states, guarantees, segments
from farview.store.promises import FloorState, GuaranteeTerms, Segment, StoredGuarantee, StoredSegment
from farview.store.writer import writing


class PromisesDoor:
    """Segments, guarantees and where they stand."""

    _engine: Engine

    def set_segment(self, segment: Segment, *, who: str) -> StoredSegment:
        """See Writer.set_segment."""
        return writing(self._engine, lambda writer: writer.set_segment(segment, who=who))

    def segment(self, segment_id: str) -> StoredSegment:
        """Raises NotFound."""
        return segments.one(self._engine, segment_id)

    def segments(self, *, page_size: int = 1_000, after: str = "") -> list[StoredSegment]:
        """One page by id; `after` is the last id of the page before."""
        return segments.page(self._engine, page_size, after)

    def delete_segment(self, segment_id: str, *, who: str) -> None:
        """See Writer.delete_segment."""
        writing(self._engine, lambda writer: writer.delete_segment(segment_id, who=who))

    def set_guarantee(self, terms: GuaranteeTerms, *, who: str) -> StoredGuarantee:
        """See Writer.set_guarantee."""
        return writing(self._engine, lambda writer: writer.set_guarantee(terms, who=who))

    def guarantee(self, guarantee_id: str) -> StoredGuarantee:
        """Raises NotFound."""
        return guarantees.one(self._engine, guarantee_id)

    def guarantees(self, *, page_size: int = 1_000, after: str = "") -> list[StoredGuarantee]:
        """One page by id; `after` is the last id of the page before."""
        return guarantees.page(self._engine, page_size, after)

    def delete_guarantee(self, guarantee_id: str, *, who: str) -> None:
        """See Writer.delete_guarantee."""
        writing(self._engine, lambda writer: writer.delete_guarantee(guarantee_id, who=who))

    def floor_states(self, guarantee_id: str | None = None) -> list[FloorState]:
        """Promise, kept and deficit now, of one guarantee or all, the newest window first."""
        return floor_states.read(self._engine, guarantee_id)
