"""What people and programs see of gates, of champions and of models fitted again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cli.console import table
from farview.store.champions import ChampionChange
from farview.store.gate_reports import GateReport
from farview.store.values import JOURNEYS, NEXT_ITEM, RANKING, RETENTION, UPLIFT

if TYPE_CHECKING:
    from jobs.reproduce import Reproduction


def report_as_data(report: GateReport) -> dict[str, Any]:
    """One report for programs."""
    return {"name": report.name, "champion_name": report.champion_name, **asdict(report)}


def report_view(report: GateReport, *, whole: bool = True) -> Group:
    """One report for people: the verdict, then a table of every check, or only of those that did not pass."""
    against = f" against {report.champion_name}" if report.champion_name else ", the champion"
    verdict = "[green]passed[/green]" if report.passed else "[red]not passed[/red]"
    said = f"Gates of [bold]{report.name}[/bold]{against}: {verdict} ({report.made_at:%Y-%m-%d %H:%M} UTC)."
    shown = [check for check in report.checks if whole or not check["passed"]]
    return Group(Text.from_markup(said), *([_checks(shown)] if shown else []))


def _checks(checks: Sequence[Mapping[str, Any]]) -> Table:
    """A sentence a check, wrapped within its own column; a gate is named at its first check."""
    built = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("gate", "", "what was found"):
        built.add_column(column, no_wrap=column != "what was found", overflow="fold")
    gate = None
    for check in checks:
        if gate not in (None, check["gate"]):
            built.add_section()
        mark = "[green]ok[/green]" if check["passed"] else "[red]NO[/red]"
        built.add_row("" if check["gate"] == gate else str(check["gate"]), mark, escape(str(check["said"])))
        gate = check["gate"]
    return built


def next_after(report: GateReport) -> str:
    """The next useful command."""
    if report.champion is None:
        return next_with(report.kind)
    if report.passed:
        return f"Next: farview models promote {report.name}"
    return f"Kept as candidate. To promote it all the same: farview models promote {report.name} --force --why REASON"


def next_with(kind: str) -> str:
    """The command that uses a champion of that kind."""
    commands = {
        JOURNEYS: "farview plan",
        RANKING: "farview serve, and RankItems with relevance_model",
        NEXT_ITEM: "farview serve, and RankItems with retrieval",
        RETENTION: "farview evaluate retention FILE",
        UPLIFT: "farview score --effects",
    }
    return "Next: " + commands.get(kind, "farview score")


def history_table(changes: Sequence[ChampionChange]) -> Group:
    """Changes of champion, newest first."""
    rows = [
        [
            f"{change.at:%Y-%m-%d %H:%M}",
            f"{change.kind}/{change.champion}",
            "-" if change.before is None else f"{change.kind}/{change.before}",
            change.action + (", forced" if change.forced else ""),
            change.who,
            change.why or "-",
        ]
        for change in changes
    ]
    return table("Champions", ["since (UTC)", "champion", "in place of", "by way of", "by", "why"], rows, left=6)


def reproduction_as_data(found: "Reproduction") -> dict[str, Any]:
    """One refit for programs."""
    return {
        "name": found.model.name,
        "reproduced": found.reproduced,
        "same_data": found.same_data,
        "same_bytes": found.same_bytes,
        "largest_difference": found.largest_difference,
        "parameter": found.parameter,
        "tolerance": found.tolerance,
        "moved": {name: {"then": then, "now": now} for name, (then, now) in found.moved.items()},
    }


def reproduction_lines(found: "Reproduction") -> Iterator[str]:
    """One refit for people."""
    name = found.model.name
    if not found.same_data:
        yield f"{name}: the data of its cut are not those it was fitted to (rows came in or were corrected for then)."
    if found.same_bytes:
        yield f"{name}: the refit gives the same bytes (sha256 {found.model.artifact_sha256[:16]})."
    else:
        yield (
            f"{name}: the refit gives other bytes; the largest difference of a parameter is "
            f"{found.largest_difference:.2g} ({found.parameter or 'none differs'}), at most {found.tolerance:.2g}."
        )
    for library, (then, now) in found.moved.items():
        yield f"  {library} was {then} then and is {now} now."
    yield f"{name} is [green]reproduced[/green]." if found.reproduced else f"{name} is [red]not reproduced[/red]."
