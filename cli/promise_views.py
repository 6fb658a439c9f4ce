"""Segments and guarantees for people and for programs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from rich.console import Group

from cli.console import table
from farview.store.promises import FloorState, StoredGuarantee, StoredSegment

_PAGE = 1_000
T = TypeVar("T")


def every(page: Callable[..., list[T]], name: Callable[[T], str]) -> list[T]:
    """All that a paged listing has."""
    found: list[T] = []
    while more := page(page_size=_PAGE, after=name(found[-1]) if found else ""):
        found += more
    return found


def segment_as_data(stored: StoredSegment) -> dict[str, Any]:
    """One segment for programs."""
    return {
        "segment_id": stored.segment.segment_id,
        "filter": stored.segment.filter,
        "description": stored.segment.description,
        "who": stored.who,
        "updated_at": stored.updated_at,
    }


def segments_table(found: Sequence[StoredSegment]) -> Group:
    """Segments, one line each."""
    rows = [[one.segment.segment_id, one.segment.filter, one.segment.description] for one in found]
    return table("Segments", ["segment", "filter", ""], rows, left=3)


def guarantee_as_data(stored: StoredGuarantee) -> dict[str, Any]:
    """One guarantee for programs."""
    terms = stored.terms
    return {
        "guarantee_id": terms.guarantee_id,
        "ledger": terms.ledger,
        "share": float(terms.share),
        "filter": stored.filter,
        "segment_id": terms.segment_id,
        "window_days": terms.window_days,
        "by_attention": terms.by_attention,
        "end_time": terms.end_time,
        "who": stored.who,
        "updated_at": stored.updated_at,
    }


def standing_as_data(state: FloorState | None) -> dict[str, Any]:
    """How a guarantee stands for programs; nulls before the first slot."""
    names = ("window_start", "window_end", "slots", "promised", "kept", "deficit", "reserved")
    data = {name: None if state is None else getattr(state, name) for name in names}
    return data | ({"attention": asdict(state.attention)} if state is not None and state.attention is not None else {})


def guarantees_table(found: Sequence[StoredGuarantee], standing: Mapping[str, FloorState]) -> Group:
    """Guarantees, one line each, with what was promised, kept and is owed now."""
    rows = [_row(one, standing.get(one.terms.guarantee_id)) for one in found]
    heads = ["guarantee", "ledger", "share", "slots", "promised", "kept", "owed", "reserved"]
    return table(
        "Guarantees of exposure",
        heads,
        rows,
        left=2,
        caption="Slots since the window began or the ledger's guarantees changed. Owed: due at the next slots. Figures "
        "with decimals are attention, in first places of a list.",
    )


def _row(stored: StoredGuarantee, state: FloorState | None) -> list[str]:
    terms = stored.terms
    figures = ["-"] * 5
    if state is not None:
        promised, kept, owed = state.promised or 0, state.kept, state.deficit or 0
        figures = [f"{count:,}" for count in (state.slots, promised, kept, owed, state.reserved)]
        if had := state.attention:
            figures[1:4] = [f"{figure:,.2f}" for figure in (had.promised, had.kept, had.deficit)]
    return [terms.guarantee_id, terms.ledger, f"{float(terms.share):.4g}", *figures]
