"""Joint draws of what groups of customers will buy and spend together.

Draw k of every group, horizon and measure belongs to parameter draw k mod S, so what nobody knows about the parameters
moves all groups together, and so does a factor that a period shares (`ltv.period`); given both, customers are
independent. Noise given the parameters is a gamma law with the group's exact mean and variance, one uniform for a
group's draw, shared by its horizons and measures.
"""

import json
from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import gammaincinv

from farview.core.errors import InvalidInput
from farview.core.randomness import generator
from farview.core.schemas import TOTALS
from ltv.period import period_factors

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FEWEST_DRAWS = 512
MEASURES = ("purchases", "value")
_SHAPE = b"farview.totals"
_GOLDEN = 0.6180339887498949  # multiples of it, modulo 1, are spread evenly


class Totals:
    """Sums over customers seen so far, by cohort; small, and mergeable between workers."""

    def __init__(self, horizons_days: Sequence[int], parameter_draws: int) -> None:
        self.horizons_days = tuple(horizons_days)
        self._groups: dict[str, int] = {}
        self._customers = np.zeros(0, dtype=np.int64)
        self._means = np.zeros((0, len(self.horizons_days), 2))
        self._drawn_means = np.zeros((0, len(self.horizons_days), 2))  # those that `_sums` are of
        # (groups, H, 4, S): mean and variance of purchases, then of value, given each parameter draw
        self._sums = np.zeros((0, len(self.horizons_days), 4, parameter_draws))

    def groups(self, names: Sequence[str]) -> IntArray:
        """The number of each named group; new ones start empty."""
        for name in names:
            self._groups.setdefault(name, len(self._groups))
        more = len(self._groups) - len(self._customers)
        if more:
            self._customers = np.append(self._customers, np.zeros(more, dtype=np.int64))
            for name in ("_means", "_drawn_means"):
                setattr(self, name, np.append(getattr(self, name), np.zeros((more, *self._means.shape[1:])), axis=0))
            self._sums = np.append(self._sums, np.zeros((more, *self._sums.shape[1:])), axis=0)
        return np.array([self._groups[name] for name in names], dtype=np.int64)

    @property
    def sums(self) -> FloatArray:
        """What the scoring kernel adds to, (groups, H, 4, S); valid until the next call of `groups`."""
        return self._sums

    def add_means(self, group: IntArray, copies: FloatArray, purchases: FloatArray, value: FloatArray) -> None:
        """Adds customers' forecast means, purchases and value (n, H), each times `copies` (n,), to their groups."""
        np.add.at(self._customers, group, copies.astype(np.int64))
        means = np.stack([purchases, value], axis=2) * copies[:, None, None]
        np.add.at(self._means, group, means)
        np.add.at(self._drawn_means, group, means)

    def merge(self, other: Self) -> None:
        """Adds what another worker has seen with the same model and horizons.

        Raises:
            InvalidInput: the other has other horizons or another number of parameter draws.
        """
        if other.horizons_days != self.horizons_days or other._sums.shape[3] != self._sums.shape[3]:
            raise InvalidInput.of("totals", "are of other horizons or of another model")
        into = self.groups(list(other._groups))
        self._customers[into] += other._customers
        for name in ("_means", "_drawn_means", "_sums"):
            getattr(self, name)[into] += getattr(other, name)

    def add_corrected(
        self, other: Self, group: Sequence[str], horizons: Sequence[int], means: Sequence[FloatArray]
    ) -> None:
        """Adds customers whose forecasts were corrected one by one after another scorer had added them up.

        In the end a group's draws are multiplied by what the corrections did to its mean, their variances by the
        square: of the whole group, so that it does not matter in which batches customers came.

        Args:
            other: of the same customers and parameter draws, before the correction.
            group: of each customer, (n,).
            horizons: which horizons of `other` these are, in order.
            means: corrected purchases and value, each (n, H).
        """
        into, held = self._add_means_of(other, group, means)
        self._drawn_means[into] += other._drawn_means[held][:, horizons]
        self._sums[into] += other._sums[held][:, horizons]

    def add_pooled(
        self, others: Sequence[Self], share: Sequence[float], group: Sequence[str], means: Sequence[FloatArray]
    ) -> None:
        """Adds customers whose forecasts are pooled from those of several models.

        Each joint draw is one model's, as many as its share: what models disagree on moves all customers together.

        Args:
            others: of the same customers and horizons, a model each.
            share: of the models, adds up to 1.
            group: of each customer, (n,).
            means: pooled purchases and value, each (n, H).
        """
        self._add_means_of(others[0], group, means)
        names = [name for name in self._groups if name in others[0]._groups]
        draws = np.arange(self._sums.shape[3])
        model = np.searchsorted(np.cumsum(share)[:-1], np.mod((draws + 0.5) * _GOLDEN, 1.0), side="right")
        drawn = np.zeros((len(names), *self._sums.shape[1:]))
        for k, other in enumerate(others):
            its = draws[model == k]
            held = [other._groups[name] for name in names]
            drawn[..., its] = other._sums[held][..., its % other._sums.shape[3]]
        into = np.array([self._groups[name] for name in names], dtype=np.int64)
        self._sums[into] += drawn
        self._drawn_means[into] += drawn[:, :, 0::2].mean(axis=3)

    def _add_means_of(
        self, other: Self, group: Sequence[str], means: Sequence[FloatArray]
    ) -> tuple[IntArray, list[int]]:
        """Adds customers' own means; the groups' numbers here, and in the other that holds the same customers."""
        names, number = np.unique(np.asarray(group, dtype=np.str_), return_inverse=True)
        into = self.groups(names.tolist())
        np.add.at(self._means, into[number], np.stack(means, axis=2))
        held = [other._groups[name] for name in names.tolist()]
        self._customers[into] += other._customers[held]
        return into, held

    def to_bytes(self) -> bytes:
        """An Arrow file that `from_bytes` turns back into equal sums."""
        columns = {"group": list(self._groups), "customers": self._customers}
        columns |= {name: self._flat(array) for name, array in self._arrays()}
        table = pa.table(columns).replace_schema_metadata({_SHAPE: json.dumps(self._shape())})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as file:
            file.write_table(table)
        return bytes(sink.getvalue())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The sums that `to_bytes` wrote."""
        table = pa.ipc.open_file(pa.BufferReader(data)).read_all()
        horizons_days, draws = json.loads(table.schema.metadata[_SHAPE])
        totals = cls(horizons_days, draws)
        totals.groups(table["group"].to_pylist())
        totals._customers[:] = table["customers"].to_numpy()
        for name, array in totals._arrays():
            array[:] = table[name].combine_chunks().flatten().to_numpy().reshape(array.shape)
        return totals

    def _arrays(self) -> tuple[tuple[str, FloatArray], ...]:
        return ("means", self._means), ("drawn_means", self._drawn_means), ("sums", self._sums)

    def _shape(self) -> tuple[tuple[int, ...], int]:
        return self.horizons_days, self._sums.shape[3]

    @staticmethod
    def _flat(array: FloatArray) -> pa.Array:
        """Shape (groups, ...) as a list a group."""
        size = int(np.prod(array.shape[1:]))
        return pa.FixedSizeListArray.from_arrays(pa.array(array.reshape(-1)), size)

    def table(self, seed: int, period_sd: float = 0.0) -> pa.Table:
        """Rows of schemas.TOTALS: the base, then cohorts by name; each draw of the base is the sum of its cohorts'.

        Args:
            seed: of the draws.
            period_sd: of the log factor that everybody's period shares, see `ltv.period`.
        """
        names = sorted(self._groups)
        count = max(FEWEST_DRAWS, self._sums.shape[3])
        shared = period_factors(period_sd, count, seed)
        drawn = {name: self._draws(name, seed) * shared for name in names}
        order = [self._groups[name] for name in names]
        base = sum((drawn[name] for name in names), np.zeros((len(self.horizons_days), len(MEASURES), count)))
        rows = self._rows("base", "", int(self._customers.sum()), self._means[order].sum(axis=0), base)
        for name in names:
            g = self._groups[name]
            rows += self._rows("cohort", name, int(self._customers[g]), self._means[g], drawn[name])
        return pa.Table.from_pylist(rows, schema=TOTALS)

    def _draws(self, name: str, seed: int) -> FloatArray:
        """(H, measures, draws) of one group."""
        sums = self._sums[self._groups[name]]
        count = max(FEWEST_DRAWS, sums.shape[2])
        random = generator(seed, "totals", name)
        uniform = (random.permutation(count) + random.random(count)) / count  # stratified: less noise of its own
        wanted, drawn = (array[self._groups[name]][..., None] for array in (self._means, self._drawn_means))
        factor = np.where(drawn > 0, wanted / np.where(drawn > 0, drawn, 1.0), 0.0)
        draw = np.arange(count) % sums.shape[2]
        mean, variance = sums[:, 0::2, draw] * factor, sums[:, 1::2, draw] * factor**2
        noisy = (variance > 0) & (mean > 0)
        spread = np.where(noisy, variance, 1.0) / np.where(noisy, mean, 1.0)
        noise = gammaincinv(np.where(noisy, mean, 1.0) / spread, uniform) * spread
        return np.where(noisy, noise, mean)

    def _rows(
        self, kind: str, name: str, customers: int, means: FloatArray, draws: FloatArray
    ) -> list[dict[str, object]]:
        return [
            {
                "group_kind": kind,
                "group_name": name,
                "horizon_days": days,
                "measure": measure,
                "customers": customers,
                "mean": means[h, m],
                "draws": draws[h, m],
            }
            for h, days in enumerate(self.horizons_days)
            for m, measure in enumerate(MEASURES)
        ]
