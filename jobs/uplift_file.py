"""A file of one decision a customer, as a log of actions."""

from pathlib import Path

import numpy as np

from farview.core.errors import InvalidInput
from jobs.policy_file import DecisionColumns, Decisions, read_decisions
from ranking.effects import ActionLog


def read_uplift(path: Path, called: DecisionColumns, control: str) -> ActionLog:
    """The decisions, the control named first.

    Raises:
        InvalidInput: the file cannot be read, or nobody got the control.
    """
    return action_log(read_decisions(path, called), control, logged=called.propensity is not None)


def action_log(decisions: Decisions, control: str, *, logged: bool) -> ActionLog:
    """Each row a customer of its own.

    Raises:
        InvalidInput: on --control.
    """
    if control not in decisions.names:
        raise InvalidInput.of("--control", f"{control!r} is never done; the file has {', '.join(decisions.names)}")
    names = (control, *(name for name in decisions.names if name != control))
    number = np.array([names.index(name) for name in decisions.names])
    return ActionLog(
        features=decisions.context.astype(np.float32),
        action=number[decisions.actions],
        outcome=decisions.rewards,
        propensity=decisions.propensities if logged else None,
        group=np.arange(len(decisions.rewards)),
        names=names,
    )
