"""Touch logs to at-risk steps: the unit of every journey model.

The rules, for logs as messy as they come:

- A step is a customer's k-th touch with what is known up to and including it. Rows whose interaction is `conversion`
  are conversions and never touches. k counts on after a conversion; that the customer converted is part of the state.
- Rows need no order. At the same instant touches come before conversions, so that a conversion belongs to the touch
  it is stamped with; tied touches are ordered by channel, then interaction. Identical rows are kept.
- Target: a conversion before the next touch and at most `window_days` after this one. Several count once. What ends
  the window (conversion, next touch, or the window's length) tells the target, at the instant `resolved_us`.
- A step whose window reaches past the log's end with no such ending is unresolved: censored, not negative.
- Conversions before any touch, and those later than the window, belong to no step and are counted.
- Customers first seen within one window of the log's start may have had touches before it: `history_cut`.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import compress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from farview.core.errors import InvalidInput
from farview.features.journey_log import (
    NEVER_US,
    CodeArray,
    FloatArray,
    LogColumns,
    LogLimits,
    codes,
    outcomes,
    read_columns,
)
from farview.features.journey_state import DAY_US, BoolArray, Float32Array, IntArray, state_matrix

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The channels and the interactions of touches that codes refer to; any other name has the code `len(...)`."""

    channels: tuple[str, ...]
    interactions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepRules:
    """How a log is cut; see the head of this file."""

    zone: str  # IANA, in which time of day, week and year are read
    window_days: float = 7.0
    since: datetime | None = None  # the log's start; default: its first row
    until: datetime | None = None  # first instant that the log does not cover; default: just after its last row


@dataclass(frozen=True, slots=True)
class LogCounts:
    """What the log held, and what of it belongs to no step."""

    rows: int
    customers: int
    touches: int
    conversions: int
    converting_steps: int
    repeats_in_window: int  # further conversions in a step that had converted
    after_window: int
    without_touch: int  # conversions before any touch of the customer
    customers_without_touch: int


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """At-risk steps as flat arrays, by customer and time. Customer i has the steps offsets[i] to offsets[i + 1]."""

    customer_ids: tuple[str, ...]  # ascending
    offsets: IntArray  # (customers + 1,)
    time_us: IntArray  # (steps,) UTC microseconds since 1970
    channel: CodeArray  # (steps,)
    interaction: CodeArray  # (steps,)
    state: Float32Array  # (steps, len(STATE_COLUMNS))
    converted: BoolArray  # (steps,) the target where resolved
    value: FloatArray  # (steps,) sum of the conversion values in the window
    resolved_us: IntArray  # (steps,) when the target was known; NEVER_US if the log ends first
    next_channel: CodeArray  # (steps,) of the touch that ended the window; NO_TOUCH if none did
    conversions_before: IntArray  # (steps,) of the customer, before the touch
    propensity: FloatArray  # (steps,) of the channel under the policy that chose it; NaN where it was not logged
    conversions: IntArray  # (customers,) of the customer in the whole log
    history_cut: BoolArray  # (customers,)
    vocabulary: Vocabulary
    limits: LogLimits
    counts: LogCounts  # of the whole log

    def __len__(self) -> int:
        return len(self.time_us)

    @property
    def index(self) -> IntArray:
        """k of each step, from 1: the strata of the stratified AUC."""
        return np.arange(len(self)) - np.repeat(self.offsets[:-1], np.diff(self.offsets)) + 1

    @property
    def customer(self) -> IntArray:
        """Position in `customer_ids` of each step's customer."""
        return np.repeat(np.arange(len(self.customer_ids)), np.diff(self.offsets))

    def take(self, chosen: BoolArray) -> "Steps":
        """The steps of the chosen customers, a mask of shape (customers,)."""
        lengths = np.diff(self.offsets)
        rows = np.repeat(chosen, lengths)
        return replace(
            self,
            customer_ids=_chosen(self.customer_ids, chosen),
            offsets=_offsets(lengths[chosen]),
            time_us=self.time_us[rows],
            channel=self.channel[rows],
            interaction=self.interaction[rows],
            state=self.state[rows],
            converted=self.converted[rows],
            value=self.value[rows],
            resolved_us=self.resolved_us[rows],
            next_channel=self.next_channel[rows],
            conversions_before=self.conversions_before[rows],
            propensity=self.propensity[rows],
            conversions=self.conversions[chosen],
            history_cut=self.history_cut[chosen],
        )


def at_risk_steps(log: pa.Table, rules: StepRules, vocabulary: Vocabulary | None = None) -> Steps:
    """The at-risk steps of a touch log, of one customer or of all: the same function serves training and requests.

    Args:
        log: columns customer_id, time (timestamp with a zone), interaction, channel and, optionally,
            conversion_value and propensity; rows in any order. Only conversions may lack a channel.
        rules: window, zone and limits of the log.
        vocabulary: names that codes refer to; default: those of the log's touches, in alphabetical order.

    Returns:
        The steps of the customers who have at least one touch.

    Raises:
        InvalidInput: a column is missing or null where it must not be, the zone is unknown, or the log has no row and
            no stated limits.
    """
    rows = read_columns(log, micros(rules.until) if rules.until else NEVER_US)
    limits = _limits(rules, rows.time_us)
    vocabulary = vocabulary or _learn(rows)
    channel, interaction = codes(rows.channel, vocabulary.channels), codes(rows.interaction, vocabulary.interactions)
    order = np.lexsort((interaction, channel, rows.is_conversion, rows.time_us, rows.customer))
    sizes = np.bincount(rows.customer, minlength=len(rows.customer_ids))
    starts = _offsets(sizes)
    led_to = outcomes(starts, rows, order, channel, limits)
    is_touch = ~rows.is_conversion[order]
    touch = order[is_touch]
    touches = np.bincount(rows.customer[touch], minlength=len(sizes))
    touched = touches > 0
    offsets = _offsets(touches[touched])
    history_cut = (rows.time_us[order][starts[:-1]] < limits.since_us + limits.window_us)[touched]
    return Steps(
        customer_ids=_chosen(rows.customer_ids, touched),
        offsets=offsets,
        time_us=rows.time_us[touch],
        channel=channel[touch],
        interaction=interaction[touch],
        state=state_matrix(rows.time_us[touch], offsets, led_to.conversions_before[is_touch], history_cut, rules.zone),
        converted=led_to.converted[is_touch],
        value=led_to.value[is_touch],
        resolved_us=led_to.resolved_us[is_touch],
        next_channel=led_to.next_channel[is_touch],
        conversions_before=led_to.conversions_before[is_touch],
        propensity=rows.propensity[touch],
        conversions=(sizes - touches)[touched],
        history_cut=history_cut,
        vocabulary=vocabulary,
        limits=limits,
        counts=LogCounts(
            rows=len(order),
            customers=len(sizes),
            touches=len(touch),
            conversions=len(order) - len(touch),
            converting_steps=int(led_to.converted.sum()),
            repeats_in_window=led_to.repeats_in_window,
            after_window=led_to.after_window,
            without_touch=led_to.without_touch,
            customers_without_touch=int((~touched).sum()),
        ),
    )


def planned_state(steps: Steps, customers: IntArray, planned_us: IntArray) -> Float32Array:
    """State features of touches that are only planned: those of a log in which they happen and nothing converts.

    Args:
        steps: histories up to now.
        customers: position in `steps.customer_ids` of each of n customers, -1 for one without a touch.
        planned_us: instants of the planned touches, ascending and after the history, shape (n, L), L at least 1.

    Returns:
        Shape (n, L, len(STATE_COLUMNS)).
    """
    n, L = planned_us.shape
    begin = np.append(steps.offsets[:-1], 0)[customers]
    length = np.append(np.diff(steps.offsets), 0)[customers]
    offsets = _offsets(length + L)
    # Each customer's history, then the L planned touches; `past` and `rows` pair the history's old and new places.
    past = np.arange(length.sum()) + np.repeat(np.arange(n) * L, length)
    rows = np.arange(length.sum()) + np.repeat(begin - _offsets(length)[:-1], length)
    is_planned = np.ones(offsets[-1], np.bool_)
    is_planned[past] = False
    time_us, conversions_before = np.empty((2, offsets[-1]), np.int64)
    time_us[past], time_us[is_planned] = steps.time_us[rows], planned_us.ravel()
    conversions_before[past] = steps.conversions_before[rows]
    conversions_before[is_planned] = np.repeat(np.append(steps.conversions, 0)[customers], L)
    first_seen_late = planned_us[:, 0] >= steps.limits.since_us + steps.limits.window_us
    history_cut = np.where(customers >= 0, np.append(steps.history_cut, False)[customers], ~first_seen_late)
    state = state_matrix(time_us, offsets, conversions_before, history_cut, steps.limits.zone)
    return state[is_planned].reshape(n, L, -1)


def micros(instant: datetime) -> int:
    """Microseconds since 1970 (UTC).

    Raises:
        InvalidInput: the instant names no offset from UTC.
    """
    if instant.tzinfo is None:
        raise InvalidInput.of("time", f"{instant.isoformat()} names no offset from UTC")
    return (instant - _EPOCH) // _MICROSECOND


def instant(time_us: int) -> datetime:
    """The inverse of `micros`, in UTC."""
    return _EPOCH + time_us * _MICROSECOND


def _limits(rules: StepRules, time_us: IntArray) -> LogLimits:
    if len(time_us) == 0 and not (rules.since and rules.until):
        raise InvalidInput.of("log", "holds no row (say since when and until when it was watched)")
    return LogLimits(
        zone=rules.zone,
        window_us=round(rules.window_days * DAY_US),
        since_us=micros(rules.since) if rules.since else int(time_us.min()),
        until_us=micros(rules.until) if rules.until else int(time_us.max()) + 1,
    )


def _learn(rows: LogColumns) -> Vocabulary:
    touch = pa.array(~rows.is_conversion)
    channels, interactions = (
        tuple(sorted(pc.unique(names.filter(touch)).to_pylist())) for names in (rows.channel, rows.interaction)
    )
    return Vocabulary(channels, interactions)


def _chosen(names: tuple[str, ...], mask: BoolArray) -> tuple[str, ...]:
    return tuple(compress(names, mask))


def _offsets(lengths: IntArray) -> IntArray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
