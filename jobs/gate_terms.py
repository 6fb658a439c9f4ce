"""What the gates of every kind share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from farview.evaluation.gates import Check
from farview.evaluation.origins import Origin
from farview.store.values import ModelVersion
from jobs.fit_ltv import UPDATE_OF


@dataclass(frozen=True, slots=True)
class GateTerms:
    """How strict an examination is and how far its trials look."""

    margin: float
    horizon_days: int


@dataclass(frozen=True, slots=True)
class Examination:
    """What came of it, and how it was done."""

    checks: Sequence[Check]
    protocol: Mapping[str, Any]  # JSON data


def is_refit(candidate: ModelVersion, champion: ModelVersion) -> bool:
    """Whether the candidate is the champion's own configuration, fitted anew. Seeds do not matter.

    Nor does which version it carries on: an update that forgets nothing has the posterior of a fit.
    """
    return _configuration(candidate) == _configuration(champion)


def _configuration(version: ModelVersion) -> tuple[str, dict[str, Any]]:
    told = {name: value for name, value in version.lineage.configuration.items() if name != UPDATE_OF}
    return version.model, told


def is_repeat(candidate: ModelVersion, champion: ModelVersion) -> bool:
    """Whether it has the champion's seed too, so that on the same data both are the same model."""
    both = candidate.lineage, champion.lineage
    return (
        both[0].configuration == both[1].configuration
        and both[0].seed == both[1].seed
        and is_refit(candidate, champion)
    )


def protocol(origins: Sequence[Origin], *, refit: bool) -> dict[str, Any]:
    """What a report says of how it was made."""
    trials = [{"as_of": origin.as_of.isoformat(), "target_end": origin.target_end.isoformat()} for origin in origins]
    return {"refit": refit, "origins": trials}


def days_missing(first_day: date, last_day: date) -> str:
    """The mend where data are too short for origins."""
    span = last_day - first_day
    return f"the data span {span // timedelta(days=1)} days; wait for more, or promote with --force"
