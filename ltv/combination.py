"""A linear pool of forecast laws, its weights and its recalibration fitted together by what they cost in CRPS.

The pool of laws F_k with weights w has, of an outcome, exactly the score

    CRPS(w) = sum_k w_k CRPS_k - 1/2 sum_kl w_k w_l D_kl,   D_kl = integral (F_k - F_l)^2,

so that means of the members' scores and distances over customers are all that fitting needs. A linear pool of
calibrated laws is wider than they are: Gneiting, Ranjan (2013), Electronic Journal of Statistics 7, theorem 3.1. Hence
the recalibration: before pooling, each law given that it is not 0 is raised to a power that keeps its mean; below 1
narrows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from farview.core import quantile_grid as grid
from farview.core.errors import InvalidInput
from farview.core.quantile_grid import GridLaw

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

POWERS = (0.8, 0.9, 1.0, 1.1, 1.2)
SEGMENTS = ("new", "0", "1+")
"""Customers without a repeat purchase who have been known for less than the pool was learnt to look ahead; the others
without one; those with one. Of the new, members know little but what all customers were like."""
SEGMENT_CUSTOMERS = 2_000  # of a segment, that its own weights count as much as everybody's
STEPS = 20  # of a weight between 0 and 1


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One member's laws of one origin's customers."""

    purchases: GridLaw
    value: GridLaw


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """An origin whose outcomes are known."""

    members: tuple[Member, ...]
    purchases: FloatArray  # (customers,) what came
    value: FloatArray  # (customers,) what came, net of returns
    segment: IntArray  # (customers,) index into SEGMENTS

    def take(self, rows: slice) -> "Trial":
        """Some of its customers."""
        members = tuple(Member(_rows(member.purchases, rows), _rows(member.value, rows)) for member in self.members)
        return Trial(members, self.purchases[rows], self.value[rows], self.segment[rows])


def _rows(law: GridLaw, rows: slice) -> GridLaw:
    return GridLaw(law.p_zero[rows], law.points[rows], law.counts)


@dataclass(frozen=True, slots=True)
class Weights:
    """How members are pooled."""

    by_segment: tuple[tuple[float, ...], ...]  # (SEGMENTS, members), each row adds up to 1
    power: float  # of the laws of value
    gain: float  # of the pool's loss against the best member's, on origins left out; relative, positive is better

    def of(self, segment: IntArray) -> FloatArray:
        """Weights of each customer, (customers, members)."""
        return np.array(self.by_segment)[segment]


def segments(frequency: IntArray, age_days: IntArray, new_days: int) -> IntArray:
    """Segment of each customer, (customers,), as an index into SEGMENTS.

    Args:
        frequency: repeat purchases so far, (customers,).
        age_days: since the first purchase, (customers,).
        new_days: customers without a repeat purchase are new until they have been known for so long.
    """
    return np.where(frequency > 0, 2, np.where(age_days < new_days, 0, 1)).astype(np.int64)


def fit_weights(trials: Sequence[Trial]) -> Weights:
    """Weights and power with the least sum of relative CRPS of purchases and value over the trials.

    Weights of a segment are drawn towards everybody's, the fewer customers the more. A pool has to win where it was not
    fitted: each trial in turn is left out, and unless the pools of the rest do better on them than the best single
    member, that member takes all. Of a single trial every other customer is left out instead, which proves less: what
    its days brought to all of them alike speaks for the same member in both halves.

    Args:
        trials: at least one, all with the same members.

    Raises:
        InvalidInput: there is no trial.
    """
    if not trials:
        raise InvalidInput.of("trials", "a combination needs an origin with known outcomes (let more time pass)")
    losses = [_Losses.of(part) for part in (trials if len(trials) > 1 else _halves(trials[0]))]
    alone = [sum(loss.single(k) for loss in losses) for k in range(losses[0].members)]
    best = int(np.argmin(alone))
    left_out = sum(loss.pooled(*_fitted(losses[:i] + losses[i + 1 :])) for i, loss in enumerate(losses))
    gain = 1.0 - left_out / alone[best]
    if gain <= 0.0:
        return _only(best, losses[0].members, gain)
    weights, power = _fitted(losses)
    return Weights(tuple(tuple(map(float, row)) for row in weights), POWERS[power], float(gain))


def _halves(trial: Trial) -> tuple[Trial, Trial]:
    """Every other customer of a trial."""
    return trial.take(slice(0, None, 2)), trial.take(slice(1, None, 2))


def pooled(laws: Sequence[GridLaw], weights: FloatArray, power: float = 1.0) -> GridLaw:
    """The pool of each customer's laws.

    Args:
        laws: one a member, rows alike.
        weights: (rows, members), each row adds up to 1.
        power: of the laws given that they are not 0; counts are left as they are.
    """
    changed = [raised(law, power) for law in laws]
    some = np.stack([1.0 - law.p_zero for law in changed], axis=1) * weights
    total = some.sum(axis=1)
    share = some / np.where(total > 0, total, 1.0)[:, None]
    points = _pool_points(np.stack([law.points for law in changed], axis=1), share, grid.LEVELS)
    return GridLaw(1.0 - total, points, laws[0].counts)


def raised(law: GridLaw, power: float) -> GridLaw:
    """The law whose points are a power of the law's, with the same mean; counts are left as they are."""
    if law.counts or power == 1.0:
        return law
    top = np.where(law.points[:, -1:] > 0, law.points[:, -1:], 1.0)
    points = (law.points / top) ** power
    before, after = (grid.mean(GridLaw(np.zeros(len(top)), each, counts=False)) for each in (law.points, points))
    return GridLaw(law.p_zero, points * (before / np.where(after > 0, after, 1.0))[:, None], counts=False)


@dataclass(frozen=True, slots=True, eq=False)
class _Losses:
    """Relative losses of one trial: members' scores and distances, by segment, as shares of the zero forecast's."""

    scores: FloatArray  # (powers, segments, members) sums over customers
    distances: FloatArray  # (powers, segments, members, members)
    customers: FloatArray  # (segments,)

    @property
    def members(self) -> int:
        return self.scores.shape[2]

    @classmethod
    def of(cls, trial: Trial) -> "_Losses":
        count = len(trial.members)
        scores = np.zeros((len(POWERS), len(SEGMENTS), count))
        distances = np.zeros((len(POWERS), len(SEGMENTS), count, count))
        for name, came in (("purchases", trial.purchases), ("value", trial.value)):
            zero = float(np.abs(came).sum()) or 1.0
            laws = [getattr(member, name) for member in trial.members]
            powers = [list(range(len(POWERS)))] if laws[0].counts else [[p] for p in range(len(POWERS))]
            for alike in powers:  # counts are the same for every power
                changed = [raised(law, POWERS[alike[0]]) for law in laws]
                single, apart = _sums(changed, came, trial.segment)
                scores[alike] += single / zero
                distances[alike] += apart / zero
        return cls(scores, distances, np.bincount(trial.segment, minlength=len(SEGMENTS)).astype(np.float64))

    def single(self, member: int) -> float:
        """Loss of one member as it is."""
        return float(self.scores[POWERS.index(1.0), :, member].sum())

    def pooled(self, weights: FloatArray, power: int) -> float:
        """Loss of the pool with weights (segments, members) and the power of that number."""
        linear = (self.scores[power] * weights).sum()
        return float(linear - 0.5 * np.einsum("sk,sl,skl->", weights, weights, self.distances[power]))


def _sums(laws: Sequence[GridLaw], came: FloatArray, segment: IntArray) -> tuple[FloatArray, FloatArray]:
    """Scores (segments, members) of laws and their distances (segments, members, members), added up."""
    count = len(laws)
    single, apart = np.zeros((len(SEGMENTS), count)), np.zeros((len(SEGMENTS), count, count))
    each = [grid.crps(law, came) for law in laws]
    for k in range(count):
        single[:, k] = _by_segment(each[k], segment)
        for m in range(k):
            half = grid.crps(pooled([laws[k], laws[m]], np.full((len(came), 2), 0.5)), came)
            distance = np.maximum(2.0 * (each[k] + each[m]) - 4.0 * half, 0.0)
            apart[:, k, m] = apart[:, m, k] = _by_segment(distance, segment)
    return single, apart


def _by_segment(each: FloatArray, segment: IntArray) -> FloatArray:
    return np.bincount(segment, each, minlength=len(SEGMENTS)).astype(np.float64)


def _fitted(losses: Sequence[_Losses]) -> tuple[FloatArray, int]:
    """Weights (segments, members) and the number of the power."""
    corners = _lattice(losses[0].members)
    scores, distances, customers = (
        np.sum([getattr(loss, name) for loss in losses], axis=0) for name in ("scores", "distances", "customers")
    )
    linear = np.einsum("psk,ck->psc", scores, corners)
    loss = linear - 0.5 * np.einsum("ck,cl,pskl->psc", corners, corners, distances)  # (powers, segments, corners)
    power = int(np.argmin(loss.sum(axis=1).min(axis=1)))
    everybody = corners[int(np.argmin(loss[power].sum(axis=0)))]
    own = corners[np.argmin(loss[power], axis=1)]
    trust = (customers / (customers + SEGMENT_CUSTOMERS))[:, None]
    return np.asarray(everybody + trust * (own - everybody)), power


def _lattice(members: int) -> FloatArray:
    """All weights that are multiples of 1 / STEPS, (combinations, members)."""
    axes = np.meshgrid(*[np.arange(STEPS + 1)] * (members - 1), indexing="ij") if members > 1 else []
    first = np.stack([axis.ravel() for axis in axes], axis=1) if axes else np.zeros((1, 0), dtype=np.int64)
    first = first[first.sum(axis=1) <= STEPS]
    return np.column_stack([first, STEPS - first.sum(axis=1)]) / STEPS


def _only(member: int, members: int, gain: float) -> Weights:
    row = tuple(float(k == member) for k in range(members))
    return Weights((row,) * len(SEGMENTS), 1.0, gain)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _pool_points(points: FloatArray, share: FloatArray, levels: FloatArray) -> FloatArray:
    """Quantiles at the levels of mixtures of piecewise linear laws.

    Args:
        points: (rows, members, 33).
        share: (rows, members), each row adds up to 1.
        levels: (33,).

    Returns:
        (rows, 33).
    """
    rows, members, size = points.shape
    out = np.empty((rows, size))
    for i in range(rows):
        knots = np.sort(points[i].copy().ravel())
        at = np.zeros(len(knots))
        for k in range(members):
            if share[i, k] > 0.0:
                _add_cdf(points[i, k], levels, share[i, k], knots, at)
        used = 0
        for k in range(members):  # a member without weight has no say in where the law begins and ends
            if share[i, k] > 0.0:
                out[i, 0] = points[i, k, 0] if used == 0 else min(out[i, 0], points[i, k, 0])
                out[i, size - 1] = (
                    points[i, k, size - 1] if used == 0 else max(out[i, size - 1], points[i, k, size - 1])
                )
                used += 1
        j = 0
        for level in range(1, size - 1):
            while j < len(knots) - 1 and at[j] < levels[level]:
                j += 1
            low = max(j - 1, 0)
            rise = at[j] - at[low]
            part = (levels[level] - at[low]) / rise if rise > 0.0 else 1.0
            out[i, level] = knots[low] + min(max(part, 0.0), 1.0) * (knots[j] - knots[low])
    return out


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _add_cdf(points: FloatArray, levels: FloatArray, share: float, knots: FloatArray, at: FloatArray) -> None:
    """Adds a member's share of the cdf at rising knots."""
    j, last = 0, len(points) - 1
    for n in range(len(knots)):
        while j < last and points[j + 1] <= knots[n]:
            j += 1
        if knots[n] >= points[last]:
            at[n] += share
        elif knots[n] >= points[0]:
            width = points[j + 1] - points[j]
            part = (knots[n] - points[j]) / width if width > 0.0 else 1.0
            at[n] += share * (levels[j] + part * (levels[j + 1] - levels[j]))
