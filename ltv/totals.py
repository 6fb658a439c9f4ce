"""Joint draws of what groups of customers will buy and spend together.

Draw k of every group, horizon and measure belongs to parameter draw k mod S, so what nobody knows about the parameters
moves all groups together; given the parameters customers are independent. Noise given the parameters is a gamma law
with the group's exact mean and variance, one uniform for a group's draw, shared by its horizons and measures.
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

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FEWEST_DRAWS = 512
MEASURES = ("purchases", "value")
_SHAPE = b"farview.totals"


class Totals:
    """Sums over customers seen so far, by cohort; small, and mergeable between workers."""

    def __init__(self, horizons_days: Sequence[int], parameter_draws: int) -> None:
        self.horizons_days = tuple(horizons_days)
        self._groups: dict[str, int] = {}
        self._customers = np.zeros(0, dtype=np.int64)
        self._means = np.zeros((0, len(self.horizons_days), 2))
        # (groups, H, 4, S): mean and variance of purchases, then of value, given each parameter draw
        self._sums = np.zeros((0, len(self.horizons_days), 4, parameter_draws))

    def groups(self, names: Sequence[str]) -> IntArray:
        """The number of each named group; new ones start empty."""
        for name in names:
            self._groups.setdefault(name, len(self._groups))
        more = len(self._groups) - len(self._customers)
        if more:
            self._customers = np.append(self._customers, np.zeros(more, dtype=np.int64))
            self._means = np.append(self._means, np.zeros((more, *self._means.shape[1:])), axis=0)
            self._sums = np.append(self._sums, np.zeros((more, *self._sums.shape[1:])), axis=0)
        return np.array([self._groups[name] for name in names], dtype=np.int64)

    @property
    def sums(self) -> FloatArray:
        """What the scoring kernel adds to, (groups, H, 4, S); valid until the next call of `groups`."""
        return self._sums

    def add_means(self, group: IntArray, copies: FloatArray, purchases: FloatArray, value: FloatArray) -> None:
        """Adds customers' forecast means, purchases and value (n, H), each times `copies` (n,), to their groups."""
        np.add.at(self._customers, group, copies.astype(np.int64))
        np.add.at(self._means, group, np.stack([purchases, value], axis=2) * copies[:, None, None])

    def merge(self, other: Self) -> None:
        """Adds what another worker has seen with the same model and horizons.

        Raises:
            InvalidInput: the other has other horizons or another number of parameter draws.
        """
        if other.horizons_days != self.horizons_days or other._sums.shape[3] != self._sums.shape[3]:
            raise InvalidInput.of("totals", "are of other horizons or of another model")
        into = self.groups(list(other._groups))
        self._customers[into] += other._customers
        self._means[into] += other._means
        self._sums[into] += other._sums

    def add_corrected(
        self, other: Self, group: Sequence[str], horizons: Sequence[int], means: Sequence[FloatArray]
    ) -> None:
        """Adds customers whose forecasts were corrected one by one after another scorer had added them up.

        A group's draws are multiplied by what the corrections did to its mean, their variances by the square.

        Args:
            other: of the same customers and parameter draws, before the correction.
            group: of each customer, (n,).
            horizons: which horizons of `other` these are, in order.
            means: corrected purchases and value, each (n, H).
        """
        names, number = np.unique(np.asarray(group, dtype=np.str_), return_inverse=True)
        into = self.groups(names.tolist())
        held = [other._groups[name] for name in names.tolist()]
        before = other._means[held][:, horizons]
        after = np.zeros_like(before)
        np.add.at(after, number, np.stack(means, axis=2))
        factor = np.where(before > 0, after / np.where(before > 0, before, 1.0), 0.0)
        powers = np.stack([factor[..., 0], factor[..., 0] ** 2, factor[..., 1], factor[..., 1] ** 2], axis=2)
        self._customers[into] += other._customers[held]
        self._means[into] += after
        self._sums[into] += other._sums[held][:, horizons] * powers[..., None]

    def to_bytes(self) -> bytes:
        """An Arrow file that `from_bytes` turns back into equal sums."""
        columns = {"group": list(self._groups), "customers": self._customers}
        columns |= {name: self._flat(array) for name, array in (("means", self._means), ("sums", self._sums))}
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
        for name, array in (("means", totals._means), ("sums", totals._sums)):
            array[:] = table[name].combine_chunks().flatten().to_numpy().reshape(array.shape)
        return totals

    def _shape(self) -> tuple[tuple[int, ...], int]:
        return self.horizons_days, self._sums.shape[3]

    @staticmethod
    def _flat(array: FloatArray) -> pa.Array:
        """Shape (groups, ...) as a list a group."""
        size = int(np.prod(array.shape[1:]))
        return pa.FixedSizeListArray.from_arrays(pa.array(array.reshape(-1)), size)

    def table(self, seed: int) -> pa.Table:
        """Rows of schemas.TOTALS: the base, then cohorts by name; each draw of the base is the sum of its cohorts'."""
        names = sorted(self._groups)
        drawn = {name: self._draws(name, seed) for name in names}
        order = [self._groups[name] for name in names]
        count = len(drawn[names[0]][0, 0]) if names else max(FEWEST_DRAWS, self._sums.shape[3])
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
        mean, variance = (
            sums[:, 0::2, np.arange(count) % sums.shape[2]],
            sums[:, 1::2, np.arange(count) % sums.shape[2]],
        )
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
