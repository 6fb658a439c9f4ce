"""Who is champion: promotion past the gates, the way back, and the history of both."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, select, update

from farview.core.errors import ArtifactMismatch, Conflict, FailedPrecondition, InvalidInput, NotFound
from farview.store import audit, gate_reports, registry
from farview.store.tables import AUDIT_LOG
from farview.store.tables_models import ALIASES
from farview.store.values import ModelVersion

_MOST_FAILURES_SAID = 3


@dataclass(frozen=True, slots=True)
class ChampionChange:
    """One line of a kind's history: who became champion, in whose place, by whom and why."""

    at: datetime
    kind: str
    action: str  # "register" of the first version | "promote" | "rollback"
    champion: int
    before: int | None
    who: str
    why: str
    forced: bool  # promoted past gates that had not been passed


def promote(
    connection: Connection, kind: str, number: int, expected: int | None, *, force: bool, who: str, why: str
) -> ModelVersion:
    """See Store.promote."""
    if force and not why.strip():
        raise InvalidInput.of("why", "is empty; a promotion past the gates needs its reason")
    wanted = registry.one(connection, kind, number)
    champion = _held_champion(connection, kind, expected)
    refusal = _refusal(connection, kind, number, champion)
    if refusal is not None and not force:
        raise FailedPrecondition(refusal)
    _require_sound(connection, wanted)
    _replace(connection, kind, champion, number)
    detail: dict[str, Any] = {"expected_champion": expected, "champion_before": champion, "why": why}
    if refusal is not None:
        detail["forced"] = refusal
    audit.append(connection, who, "promote", {wanted.name: detail})
    return registry.one(connection, kind, number)


def rollback(connection: Connection, kind: str, expected: int | None, *, who: str, why: str) -> ModelVersion:
    """See Store.rollback."""
    champion = _held_champion(connection, kind, expected)
    reigns = _reigns(_changes(connection, kind))
    if len(reigns) < 2:
        raise FailedPrecondition(f"{kind}/{champion} is the first champion of {kind}: there is none to go back to")
    before = registry.one(connection, kind, reigns[-2])
    _require_sound(connection, before)
    _replace(connection, kind, champion, before.version)
    detail = {"expected_champion": expected, "champion_before": champion, "why": why}
    audit.append(connection, who, "rollback", {before.name: detail})
    return registry.one(connection, kind, before.version)


def history(connection: Connection, kind: str | None) -> list[ChampionChange]:
    """See Store.champion_history."""
    if kind is None:
        kinds = connection.execute(select(ALIASES.c.kind).distinct()).scalars()
        changes = [change for name in kinds for change in _changes(connection, name)[::-1]]
        return sorted(changes, key=lambda change: change.at, reverse=True)
    changes = _changes(connection, kind)
    if not changes:
        raise NotFound("kind of model", kind, "list what there is with `farview models list`")
    return changes[::-1]


def _held_champion(connection: Connection, kind: str, expected: int | None) -> int:
    """The champion, held until the transaction ends: of two that promote, one waits and then sees the other's."""
    is_champion = and_(ALIASES.c.kind == kind, ALIASES.c.alias == registry.CHAMPION)
    champion: int | None = connection.execute(
        select(ALIASES.c.version).where(is_champion).with_for_update()
    ).scalar_one_or_none()
    if champion is None:
        raise NotFound("model", f"{kind}/{registry.CHAMPION}", "list them with `farview models list`")
    if expected is not None and champion != expected:
        raise Conflict(f"the champion is {kind}/{champion}, not {kind}/{expected}; read again and decide anew")
    return champion


def _require_sound(connection: Connection, model: ModelVersion) -> None:
    """Raises FailedPrecondition for a version whose stored bytes no server would load."""
    try:
        registry.artifact_of(connection, model)
    except ArtifactMismatch as mismatch:
        raise FailedPrecondition(f"{mismatch}; nothing would load it (train again)") from None


def _replace(connection: Connection, kind: str, champion: int, number: int) -> None:
    of_kind, now = ALIASES.c.kind == kind, datetime.now(UTC)
    swap = update(ALIASES).where(of_kind, ALIASES.c.alias == registry.CHAMPION, ALIASES.c.version == champion)
    connection.execute(swap.values(version=number, updated_at=now))
    connection.execute(
        delete(ALIASES).where(of_kind, ALIASES.c.alias == registry.CANDIDATE, ALIASES.c.version == number)
    )


def _refusal(connection: Connection, kind: str, number: int, champion: int) -> str | None:
    """Why the gates do not let a version become champion; None when they do, or when it is champion already."""
    if number == champion:
        return None
    name, report = f"{kind}/{number}", gate_reports.latest(connection, kind, number)
    if report is None:
        return f"{name} was not examined yet; run `farview models gate {name}` first"
    if not report.passed:
        failures = report.failures
        more = len(failures) - _MOST_FAILURES_SAID
        said = "; ".join(failures[:_MOST_FAILURES_SAID]) + (f"; and {more} more" if more > 0 else "")
        return f"{name} did not pass its gates: {said}"
    if report.champion != champion:
        against = report.champion_name or "nobody, being champion itself"
        held = f"{name} was held against {against}, and the champion is {kind}/{champion}"
        return f"{held}; run `farview models gate {name}` again"
    return None


def _changes(connection: Connection, kind: str) -> list[ChampionChange]:
    """Oldest first. Lines of one kind are in the order of their commits: each was written under the alias's lock."""
    query = (
        select(AUDIT_LOG)
        .where(AUDIT_LOG.c.subject.startswith(f"{kind}/", autoescape=True))
        .where(AUDIT_LOG.c.action.in_(("register", "promote", "rollback")))
        .order_by(AUDIT_LOG.c.audit_id)
    )
    changes: list[ChampionChange] = []
    for row in connection.execute(query):
        detail: Mapping[str, Any] = json.loads(row.detail)
        if row.action == "register" and detail["alias"] != registry.CHAMPION:
            continue
        number = int(row.subject.rpartition("/")[2])
        before = changes[-1].champion if changes else None
        forced = "forced" in detail
        changes.append(ChampionChange(row.at, kind, row.action, number, before, row.who, detail["why"], forced))
    return changes


def _reigns(changes: Sequence[ChampionChange]) -> list[int]:
    """Champions one after another, the present one last; a rollback forgets the one that it took back."""
    reigns: list[int] = []
    for change in changes:
        if change.action == "rollback":
            reigns.pop()
        elif not reigns or reigns[-1] != change.champion:
            reigns.append(change.champion)
    return reigns
