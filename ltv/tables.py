"""What scoring reads of a model, computed once: parameter draws, spend nodes, and tables by whole counts.

Nothing here depends on the order or size of batches: a table is extended or forgotten, never changed.
"""

from threading import Lock

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, gammaincc, gammaincinv, gammaln, polygamma

from farview.core.errors import InvalidInput
from farview.core.randomness import generator
from ltv.kernel_expected import LEVEL_SIZE, LEVEL_START, LEVEL_STEP, Points
from ltv.kernel_purchases import Purchases
from ltv.kernel_rows import Draws, Spend
from ltv.kernel_value import SpendNodes
from ltv.model import BgNbdModel, LtvModel

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

POINTS = 512  # of the law of a customer's expected purchases
LATTICE_RULE = 189
"""Korobov's rule j (1, 189) / 512, best of all by the P2 criterion of Sloan, Joe (1994), Lattice Methods, section 4."""

FIRST_COUNTS = 512
SLOTS = 2048
NARROWEST_SPEND = 3_000.0  # largest p of a node: spends that vary by less than 1.8 % count as varying by 1.8 %


class Tables:
    """Tables of one model and seed. Threads may share them: what was handed out never changes."""

    def __init__(self, model: LtvModel, seed: int) -> None:
        """The seed shifts the lattice rule.

        Raises:
            InvalidInput: a model that is not bg_nbd.
        """
        if not isinstance(model, BgNbdModel):
            raise InvalidInput.of("model", f"{model.name} cannot be scored by this version (train bg_nbd)")
        self._r, self._alpha, self._a, self._b = np.ascontiguousarray(model.purchase_draws.T)
        self._spend = Spend(*np.ascontiguousarray(model.spend_draws.T))
        self._stay = np.ones((1, len(self._r)))
        self._nodes = _spend_nodes(model.spend_draws)
        self._log_gamma = (np.empty((len(self._nodes), 0)), np.empty((len(self._nodes), 0)))
        self._draw, self._uniforms = _lattice_points(len(self._r), seed)
        self._slot: dict[int, int] = {}
        self._by_slot = self._room(0)
        self._lock = Lock()
        self.reach(FIRST_COUNTS)

    @property
    def draws(self) -> int:
        """S, the number of parameter draws."""
        return len(self._r)

    def reach(self, counts: int) -> None:
        """Extends the tables over whole numbers to at least that many."""
        with self._lock:
            have = len(self._stay)
            if counts <= have:
                return
            size = max(counts, 2 * have)
            p, q = self._nodes[:, 0:1], self._nodes[:, 1:2]
            whole = np.arange(size, dtype=np.float64)
            self._log_gamma = (gammaln(p * np.maximum(whole, 1.0)), gammaln(p * whole + q))
            k = whole[have - 1 : -1, None]
            # One product from start to end, however often it is extended: rounding must not depend on that.
            steps = np.vstack([self._stay[-1:], (self._b + k) / (self._a + self._b + k)])
            self._stay = np.vstack([self._stay[:-1], np.cumprod(steps, axis=0)])

    def whole_numbers(self) -> tuple[Draws, SpendNodes]:
        """Draws and spend nodes with their tables over whole numbers."""
        with self._lock:
            extremes = (self._r.max(), self._alpha.min(), self._a.min(), self._b.max())
            purchases = Purchases(self._r, self._alpha, self._a, self._b, self._stay, *map(float, extremes))
            p, q, v, weight = np.ascontiguousarray(self._nodes.T)
            return Draws(purchases, self._spend), SpendNodes(p, q, v, weight, *self._log_gamma)

    def points(self, frequency: IntArray) -> tuple[Points, IntArray]:
        """Quasi-random points, and the slot of each row's x in them."""
        distinct, row = np.unique(frequency, return_inverse=True)
        with self._lock:
            missing = [int(x) for x in distinct if int(x) not in self._slot]
            if len(self._slot) + len(missing) > SLOTS:
                self._slot, self._by_slot = {}, self._room(0)
                missing = [int(x) for x in distinct]
            for x in missing:
                self._keep(x)
            slots = np.array([self._slot[int(x)] for x in distinct], dtype=np.int64)[row]
            return Points(self._draw, self._alpha[self._draw], *self._by_slot), slots

    def _room(self, slots: int) -> list[FloatArray]:
        """Empty tables by slot: rates, dropout probabilities, cdf of the spend level, its unit."""
        return [np.empty((slots, *shape)) for shape in ((POINTS,), (POINTS,), (len(self._nodes), LEVEL_SIZE), ())]

    def _keep(self, x: int) -> None:
        slot = len(self._slot)
        if slot == len(self._by_slot[0]):
            more = self._room(max(64, slot))
            self._by_slot = [np.concatenate(tables) for tables in zip(self._by_slot, more, strict=True)]
        rate, drop, level, level_sd = self._by_slot
        s, u = self._draw, self._uniforms
        rate[slot] = gammaincinv(self._r[s] + x, u[0])
        drop[slot] = betaincinv(self._a[s], self._b[s] + x, u[1])
        shape = self._nodes[:, 1:2] + self._nodes[:, 0:1] * x
        level_sd[slot] = np.sqrt(polygamma(1, shape.min()))
        at = (LEVEL_START + LEVEL_STEP * np.arange(LEVEL_SIZE)) * level_sd[slot]
        level[slot] = gammaincc(shape, shape * np.exp(-at))
        self._slot[x] = slot


def _lattice_points(draws: int, seed: int) -> tuple[IntArray, FloatArray]:
    """Which draw each point belongs to, (POINTS,), and its place in the unit square, (2, POINTS)."""
    random = generator(seed, "expected value")
    j = np.arange(POINTS, dtype=np.int64)
    square = (np.stack([j, j * LATTICE_RULE % POINTS]) / POINTS + random.random((2, 1))) % 1.0
    # Draws may come in some order, the first coordinate certainly does: they are matched at random.
    return random.permutation(j) % draws, np.clip(square, 2.0**-32, 1.0 - 2.0**-32)


def _spend_nodes(draws: FloatArray) -> FloatArray:
    """Points (J, 4) of p, q, v and weight with the mean and covariance of the draws in log p, log (q - 1), log v.

    Source: the symmetric sigma points of Julier, Uhlmann (2004), Proc. IEEE 92(3), with no weight on the centre.
    """
    logs = np.log(np.column_stack([draws[:, 0], draws[:, 1] - 1.0, draws[:, 2]]))
    if len(draws) > 6:
        values, vectors = np.linalg.eigh(np.cov(logs, rowvar=False))
        arms = np.sqrt(3.0 * np.maximum(values, 0.0)) * vectors
        logs = logs.mean(axis=0) + np.concatenate([arms.T, -arms.T])
    p, rest, v = np.exp(logs).T
    # Scaling p and q - 1 alike keeps the mean spend and the weight of the customer's own purchases.
    blur = np.minimum(NARROWEST_SPEND / p, 1.0)
    return np.column_stack([p * blur, 1.0 + rest * blur, v, np.full(len(logs), 1.0 / len(logs))])
