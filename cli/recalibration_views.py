"""What people and programs see of a recalibrated journey model."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Group

from cli.console import table

if TYPE_CHECKING:
    from jobs.recalibrate_journeys import Recalibration


def recalibration_as_data(done: "Recalibration") -> dict[str, Any]:
    """For programs."""
    return {
        "recalibrates": done.base.name,
        "calibration": {"before": done.old.as_data(), "after": done.new.as_data()},
        "drift": {**asdict(done.drift), "moved": done.drift.moved},
        "later_steps": {"before": asdict(done.before), "after": asdict(done.after)},
    }


def recalibration_lines(done: "Recalibration") -> Iterator[str | Group]:
    """For people: whether the hazards moved, and what the new calibration changes."""
    drift, judged = done.drift, done.version.metrics["validation"]
    yield (
        f"[bold]{done.version.name}[/bold]: {done.base.name} calibrated to {judged['steps']:,} touches since "
        f"{done.base.lineage.as_of} ({judged['conversions']:,} converted), as of {done.version.lineage.as_of}."
    )
    verdict = "more than chance makes of it" if drift.moved else "no more than chance makes of it"
    yield f"Drift of the foreseen hazards: PSI {drift.psi:.4f}, {verdict} (95 % limit {drift.limit:.4f})."
    rows = [
        ["temperature", f"{done.old.temperature:.3f}", f"{done.new.temperature:.3f}"],
        ["shift of the logit", f"{done.old.shift:+.3f}", f"{done.new.shift:+.3f}"],
        ["log loss", f"{done.before.log_loss:.4f}", f"{done.after.log_loss:.4f}"],
        ["ECE", f"{done.before.ece:.4f}", f"{done.after.ece:.4f}"],
    ]
    yield table("On the later touches, which the new calibration was learnt on", ["", "before", "after"], rows)
