"""What scoring reads of a model, computed once: parameter draws, spend nodes, and tables by whole counts.

Nothing here depends on the order or size of batches: a table is extended or forgotten, never changed.
"""

from threading import Lock
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc, gammaln, polygamma

from farview.core.errors import InvalidInput
from farview.core.randomness import generator
from ltv.effects import Group
from ltv.families import BG_BB, FIRST_SPEND, MBG_NBD, PARETO_NBD
from ltv.kernel_expected import LEVEL_SIZE, LEVEL_START, LEVEL_STEP, SpendLevels
from ltv.kernel_process import PurchaseDraws, PurchasePoints
from ltv.kernel_rows import Draws, Spend
from ltv.kernel_value import SpendNodes
from ltv.model import BtydModel, LtvModel
from ltv.tables_beta_dropout import BetaDropoutTables
from ltv.tables_bg_bb import BgBbTables
from ltv.tables_pareto_nbd import ParetoNbdTables

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

POINTS = 512  # of the law of a customer's expected purchases
LATTICE_RULE = 189
"""Korobov's rule j (1, 189) / 512, best of all by the P2 criterion of Sloan, Joe (1994), Lattice Methods, section 4."""

FIRST_COUNTS = 128
FIRST_SLOTS = 16
MOST_GROUPS = 128  # whose tables are kept, each of a megabyte or less: factors may combine to thousands
SLOTS = 2048
NARROWEST_SPEND = 3_000.0  # largest p of a node: spends that vary by less than 1.8 % count as varying by 1.8 %


class PurchaseTables(Protocol):
    """What a purchase process contributes."""

    def reach(self, counts: int) -> None:
        """Extends its tables over whole numbers to that many, which is more than before."""

    def draws(self) -> PurchaseDraws:
        """Parameter draws as its kernels read them."""

    def room(self, slots: int, points: int) -> Any:
        """A named tuple of empty arrays (slots, points): what a point reads of x."""

    def beside(self, age_days: FloatArray) -> IntArray:
        """What points depend on beside x: a whole number of each age, (rows,), or 0."""

    def keep(self, into: Any, slot: int, counts: tuple[int, int], draw: IntArray, uniforms: FloatArray) -> None:
        """Fills one slot of such a tuple: point j belongs to draw[j] and lies at uniforms[:, j] of the unit square.

        counts: x and what is beside it.
        """

    def points(self, by_slot: Any, draw: IntArray) -> PurchasePoints:
        """The points as its kernels read them."""


def purchase_tables(model: BtydModel) -> PurchaseTables:
    """Those of the model's purchase process."""
    if model.purchases == PARETO_NBD:
        return ParetoNbdTables(model.purchase_draws)
    if model.purchases == BG_BB:
        return BgBbTables(model.purchase_draws, model.period_days)
    return BetaDropoutTables(model.purchase_draws, first_may_be_last=model.purchases == MBG_NBD)


class Tables:
    """Tables of one model and seed. Threads may share them: what was handed out never changes."""

    def __init__(self, model: LtvModel, seed: int) -> None:
        """The seed shifts the lattice rule.

        Raises:
            InvalidInput: a model that does not buy till it dies.
        """
        if not isinstance(model, BtydModel):
            raise InvalidInput.of("model", f"{model.name} cannot be scored by this version (train bg_nbd)")
        self.reads_first_purchase = model.spend == FIRST_SPEND
        self.check = model.check
        """Refuses histories that the model cannot read."""
        self.factors = model.effects.factors if model.effects else ()
        """By which groups of customers differ; each group has tables of its own."""
        self._model, self._seed = model, seed
        self._of_group: dict[Group, Tables] = {}
        self.period_sd = model.period_sd
        """Of the log factor that everybody's period shares."""
        self.draws = len(model.purchase_draws)
        """S, the number of parameter draws."""
        self._purchases = purchase_tables(model)
        spend = _with_first(model.spend_draws)
        self._spend = Spend(*np.ascontiguousarray(spend.T))
        self._nodes = _spend_nodes(spend, model.spend_draws.shape[1])
        self._counts = 1
        self._log_gamma = (np.empty((len(self._nodes), 0)), np.empty((2, len(self._nodes), 0)))
        self._draw, self._uniforms = _lattice_points(self.draws, seed)
        self._slot: dict[tuple[int, int, bool], int] = {}
        self._by_slot = self._room(0)
        self._lock = Lock()
        self.reach(FIRST_COUNTS)

    def of_group(self, group: Group) -> "Tables":
        """Those of the customers with these levels of the factors; of the groups asked for last they are kept."""
        with self._lock:
            found = self._of_group.pop(group, None) or Tables(self._model.of_group(group), self._seed)
            self._of_group[group] = found
            if len(self._of_group) > MOST_GROUPS:
                del self._of_group[next(iter(self._of_group))]
            return found

    @property
    def counts(self) -> int:
        """How many whole numbers the tables reach over."""
        return self._counts

    def reach(self, counts: int) -> None:
        """Extends the tables over whole numbers to at least that many."""
        with self._lock:
            if counts <= self._counts:
                return
            size = max(counts, 2 * self._counts)
            p, q, first_shape = self._nodes[:, 0:1], self._nodes[:, 1:2], self._nodes[:, 3:4]
            whole = np.arange(size, dtype=np.float64)
            seen = np.stack([p * whole + q, p * whole + q + first_shape])
            self._log_gamma = (gammaln(p * np.maximum(whole, 1.0)), gammaln(seen))
            self._purchases.reach(size)
            self._counts = size

    def whole_numbers(self) -> tuple[Draws, SpendNodes]:
        """Draws and spend nodes with their tables over whole numbers."""
        with self._lock:
            nodes = SpendNodes(*(*np.ascontiguousarray(self._nodes.T), *self._log_gamma))
            return Draws(self._purchases.draws(), self._spend), nodes

    def points(
        self, frequency: IntArray, age: FloatArray, first: FloatArray
    ) -> tuple[PurchasePoints, SpendLevels, IntArray]:
        """Quasi-random points, laws of spend levels, and the slot of each row in both.

        Args:
            frequency: x of each row.
            age: T of each row, days.
            first: amount of each row's first purchase, 0 where none is read.
        """
        counts = np.stack([frequency, self._purchases.beside(age), first > 0.0])
        distinct, row = np.unique(counts, axis=1, return_inverse=True)
        keys = [(int(x), int(beside), bool(seen)) for x, beside, seen in distinct.T]
        with self._lock:
            missing = [key for key in keys if key not in self._slot]
            if len(self._slot) + len(missing) > SLOTS:
                self._slot, self._by_slot = {}, self._room(0)
                missing = keys
            for key in missing:
                self._keep(*key)
            slots = np.array([self._slot[key] for key in keys], dtype=np.int64)[row.reshape(-1)]
            points, levels = self._by_slot
            return self._purchases.points(points, self._draw), levels, slots

    def _room(self, slots: int) -> tuple[Any, SpendLevels]:
        """Empty tables by slot."""
        levels = SpendLevels(np.empty((slots, len(self._nodes), LEVEL_SIZE)), np.empty(slots))
        return self._purchases.room(slots, POINTS), levels

    def _keep(self, x: int, beside: int, seen: bool) -> None:
        slot = len(self._slot)
        if slot == len(self._by_slot[1].sd):
            more = self._room(max(FIRST_SLOTS, slot))
            points, levels = (
                type(have)(*(np.concatenate(pair) for pair in zip(have, new, strict=True)))
                for have, new in zip(self._by_slot, more, strict=True)
            )
            self._by_slot = points, levels
        points, levels = self._by_slot
        self._purchases.keep(points, slot, (x, beside), self._draw, self._uniforms)
        shape = self._nodes[:, 1:2] + self._nodes[:, 0:1] * x + self._nodes[:, 3:4] * seen
        levels.sd[slot] = np.sqrt(polygamma(1, shape.min()))
        at = (LEVEL_START + LEVEL_STEP * np.arange(LEVEL_SIZE)) * levels.sd[slot]
        levels.cdf[slot] = gammaincc(shape, shape * np.exp(-at))
        self._slot[x, beside, seen] = slot


def _lattice_points(draws: int, seed: int) -> tuple[IntArray, FloatArray]:
    """Which draw each point belongs to, (POINTS,), and its place in the unit square, (2, POINTS)."""
    random = generator(seed, "expected value")
    j = np.arange(POINTS, dtype=np.int64)
    square = (np.stack([j, j * LATTICE_RULE % POINTS]) / POINTS + random.random((2, 1))) % 1.0
    # Draws may come in some order, the first coordinate certainly does: they are matched at random.
    return random.permutation(j) % draws, np.clip(square, 2.0**-32, 1.0 - 2.0**-32)


def _with_first(draws: FloatArray) -> FloatArray:
    """Columns p, q, v, first_shape, first_weight of spend draws; the last two 0 in a model of repeat purchases alone.

    Draws of `first_spend` are p, q, v, first_shape f and first_ratio: the first purchase is Gamma(f, w nu) with
    w = f / (first_ratio p), so that its mean is first_ratio times a repeat purchase's.
    """
    if draws.shape[1] == 3:
        return np.column_stack([draws, np.zeros((len(draws), 2))])
    weight = draws[:, 3] / (draws[:, 4] * draws[:, 0])
    return np.column_stack([draws[:, :4], weight])


def _spend_nodes(spend: FloatArray, free: int) -> FloatArray:
    """Points (J, 6): p, q, v, first_shape, first_weight, and a weight; with the mean and covariance of the draws' logs.

    Source: the symmetric sigma points of Julier, Uhlmann (2004), Proc. IEEE 92(3), with no weight on the centre.

    Args:
        spend: as `_with_first` gives them.
        free: the first so many columns vary.
    """
    logs = np.log(np.column_stack([spend[:, 0], spend[:, 1] - 1.0, spend[:, 2:free]]))
    if len(spend) > 2 * free:
        values, vectors = np.linalg.eigh(np.cov(logs, rowvar=False))
        arms = np.sqrt(free * np.maximum(values, 0.0)) * vectors
        logs = logs.mean(axis=0) + np.concatenate([arms.T, -arms.T])
    nodes = np.zeros((len(logs), 6))
    nodes[:, :free] = np.exp(logs)
    # Scaling p, q - 1 and first_shape alike keeps the mean spend and the weight of the customer's own purchases.
    blur = np.minimum(NARROWEST_SPEND / nodes[:, 0], 1.0)
    nodes[:, 0] *= blur
    nodes[:, 1] = 1.0 + nodes[:, 1] * blur
    nodes[:, 3] *= blur
    nodes[:, 5] = 1.0 / len(logs)
    return nodes
