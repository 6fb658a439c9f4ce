"""The published run that is served: immutable, in arrays, replaced as a whole when a newer run is published."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from structlog.typing import FilteringBoundLogger

from farview.core import columns as c
from farview.core.errors import FailedPrecondition, InvalidInput
from farview.core.schemas import GRID_BYTES
from farview.store.store import Store
from farview.store.values import ForecastRun
from server.metrics import Metrics

_EXPECTED = tuple(f"{c.EXPECTED_VALUE}_{suffix}" for suffix in ("mean", "sd", *c.QUANTILE_SUFFIXES))


class Snapshot:
    """One published run. Every answer is made from one snapshot, so from one run.

    Customers are ordered by id; column values stand in that order. What prioritization always needs is loaded at once,
    a column that only a filter names when it is first named: a published run never changes, so this is the same run.
    """

    def __init__(self, store: Store, run: ForecastRun) -> None:
        self.run = run
        self.horizons_days = tuple(sorted(run.spec.horizons_days))
        self._store = store
        self._lock = threading.Lock()
        identity = store.run_table(run.run_id, self.horizons_days[0], [c.CUSTOMER_ID, c.COHORT, c.FIRST_PURCHASE_DATE])
        self._shared = {name: _array(identity.column(name)) for name in identity.column_names}
        self._by_horizon: dict[int, dict[str, NDArray[Any]]] = {h: {} for h in self.horizons_days}
        for horizon in self.horizons_days:
            self._load(horizon, _EXPECTED)

    @property
    def customer_ids(self) -> NDArray[Any]:
        """Shape (customers,), strings, increasing."""
        return self._shared[c.CUSTOMER_ID]

    def horizon(self, asked: int, path: str = "horizon_days") -> int:
        """The horizon to serve: the one asked, or the longest when 0 is asked.

        Raises:
            InvalidInput: on `path`, when the run has no such horizon.
        """
        if asked == 0:
            return self.horizons_days[-1]
        return known_horizon(self.run, asked, path)

    def columns(self, horizon_days: int, names: Sequence[str]) -> Mapping[str, NDArray[Any]]:
        """Columns of schemas.FORECAST at one horizon, each shape (customers,)."""
        held = self._by_horizon[horizon_days]
        absent = [name for name in names if name not in self._shared and name not in held]
        if absent:
            with self._lock:
                self._load(horizon_days, [name for name in absent if name not in held])
        return {name: self._shared[name] if name in self._shared else held[name] for name in names}

    def indices(self, customer_ids: Sequence[str]) -> NDArray[np.int64]:
        """Where each customer stands, -1 for those whom the run does not know; shape (len(customer_ids),)."""
        asked = np.array(customer_ids, dtype=object)
        places = np.searchsorted(self.customer_ids, asked)
        inside = np.minimum(places, len(self.customer_ids) - 1)
        if len(self.customer_ids) == 0:
            return np.full(len(asked), -1)
        return np.where(self.customer_ids[inside] == asked, inside, -1)

    def _load(self, horizon_days: int, names: Sequence[str]) -> None:
        if names:
            table = self._store.run_table(self.run.run_id, horizon_days, list(names))
            self._by_horizon[horizon_days] |= {name: _array(table.column(name)) for name in names}


class Served:
    """The snapshot that is served now."""

    def __init__(self, store: Store, logger: FilteringBoundLogger, metrics: Metrics) -> None:
        self._store = store
        self._logger = logger
        self._metrics = metrics
        self._snapshot: Snapshot | None = None

    def current(self) -> Snapshot:
        """The snapshot; hold it for the whole of an answer.

        Raises:
            FailedPrecondition: nothing is published yet.
        """
        snapshot = self._snapshot
        if snapshot is None:
            raise FailedPrecondition("no forecast is published yet (run `farview train ltv`, then `farview score`)")
        return snapshot

    def refresh(self) -> bool:
        """Loads the run to serve if it is another than the one served, then swaps. True when it swapped."""
        run = self._store.latest_run()
        if run is None or (self._snapshot is not None and self._snapshot.run.run_id == run.run_id):
            return False
        self._snapshot = Snapshot(self._store, run)
        self._metrics.run_published.set(run.published_at.timestamp() if run.published_at else 0)
        self._logger.info("snapshot swapped", forecast_run_id=str(run.run_id), model_version=run.model_name)
        return True


def known_horizon(run: ForecastRun, asked: int, path: str) -> int:
    """`asked`, when the run has it.

    Raises:
        InvalidInput: on `path`; says which horizons there are.
    """
    if asked not in run.spec.horizons_days:
        known = ", ".join(str(days) for days in sorted(run.spec.horizons_days))
        raise InvalidInput.of(path, f"{asked} is not a horizon of forecast run {run.run_id}; it has {known}")
    return asked


def _array(column: pa.ChunkedArray) -> NDArray[Any]:
    """Of a quantile grid its codes, (customers, 33)."""
    array: NDArray[Any] = _codes(column) if pa.types.is_fixed_size_binary(column.type) else column.to_numpy()
    array.flags.writeable = False
    return array


def _codes(column: pa.ChunkedArray) -> NDArray[np.float16]:
    whole = column.combine_chunks()
    codes = np.frombuffer(whole.buffers()[1], dtype="<f2").reshape(-1, GRID_BYTES // 2)
    return codes[whole.offset : whole.offset + len(whole)].view()
