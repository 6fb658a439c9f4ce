"""Stored audiences for people and for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group
from rich.markup import escape

from cli.console import table
from farview.store.audiences import StoredAudience


def audience_as_data(stored: StoredAudience) -> dict[str, Any]:
    """One audience for programs, without its members."""
    return {
        "audience_id": stored.audience_id,
        "customers": stored.customers,
        **asdict(stored.made),
        "who": stored.who,
        "created_at": stored.created_at,
    }


def audience_lines(stored: StoredAudience, first: Sequence[Mapping[str, Any]]) -> list[str | Group]:
    """What was chosen, its first members, and how its floors fared."""
    made = stored.made
    lines: list[str | Group] = [
        f"Audience {stored.audience_id}: {stored.customers:,} of {made.candidates:,} candidates, from forecast run "
        f"{made.forecast_run_id} ({made.model_version}) at {made.horizon_days} days; {made.barred:,} left out by "
        "consent or a cap."
    ]
    rows = [
        [f"{one['place']:,}", one["customer_id"], one["cohort"], f"{one['score']:,.2f}", _reason(one)] for one in first
    ]
    lines.append(table("First places", ["place", "customer", "cohort", "score", "reason"], rows, left=0))
    if made.floors:
        kept = [
            [one["name"], f"{one['share']:g}", f"{one['owed']:,}", f"{one['placed']:,}", f"{one['shortfall']:,}"]
            for one in made.floors
        ]
        lines.append(table("Floors", ["floor", "share", "promised", "kept", "short by"], kept, left=1))
        lines.extend(_attention(one["name"], one["attention"]) for one in made.floors if one.get("attention"))
    lines.extend(f"Not kept: {escape(why)}" for why in made.obstacles)
    return lines


def _attention(name: str, had: Mapping[str, Any]) -> str:
    return (
        f"{escape(name)} has {had['kept']:,.2f} of {had['total']:,.2f} attention (the first place is 1); "
        f"promised: above {had['promised']:,.2f}."
    )


def _reason(member: Mapping[str, Any]) -> str:
    return "floor" if member["forced"] else "score"
