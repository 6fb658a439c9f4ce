"""Effects of actions as they were last published, held until others are."""

import threading
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from farview.core.errors import FailedPrecondition, InvalidInput
from farview.core.places import places_among
from farview.store.store import Store
from farview.store.treatments import EffectRun

FloatArray = NDArray[np.float64]
ACTION = "score.treatment_effect.action"


class PublishedEffects:
    """What actions change for customers. Safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._run_id = 0
        self._customer_ids: NDArray[Any] | None = None
        self._by_action: dict[str, FloatArray] = {}

    def of(self, action: str, customer_ids: NDArray[Any]) -> FloatArray:
        """Outcome with the action minus outcome with none, shape (customers,); the mean of all for who has none.

        Args:
            action: one that effects are published of.
            customer_ids: shape (customers,); while it is this very array, effects are not read again.

        Raises:
            FailedPrecondition: no effects are published.
            InvalidInput: none of that action.
        """
        with self._lock:
            self._look_at(self._latest(), customer_ids)
            if action not in self._by_action:
                table = self._read(action, customer_ids)
                self._by_action[action] = _aligned(table, customer_ids)
            return self._by_action[action]

    def _look_at(self, run: EffectRun, customer_ids: NDArray[Any]) -> None:
        """Forgets what is held of another run, or for other customers."""
        if run.effect_run_id != self._run_id or customer_ids is not self._customer_ids:
            self._run_id, self._customer_ids, self._by_action = run.effect_run_id, customer_ids, {}

    def _read(self, action: str, customer_ids: NDArray[Any]) -> pa.Table:
        """Not empty. Where another run takes the place of the one looked at, of that one."""
        while len(table := self._store.treatment_effects(self._run_id, action)) == 0:
            seen, latest = self._run_id, self._latest()
            if latest.effect_run_id == seen:
                known = ", ".join(self._store.effect_actions(seen))
                raise InvalidInput.of(ACTION, f"{action!r} has no effects; there are {known}")
            self._look_at(latest, customer_ids)
        return table

    def _latest(self) -> EffectRun:
        run = self._store.latest_effect_run()
        if run is None:
            raise FailedPrecondition("no effects are published (run `farview train uplift`, `farview score --effects`)")
        return run


def _aligned(table: pa.Table, customer_ids: NDArray[Any]) -> FloatArray:
    """The effects of a table in the order of the customers, the mean for those whom it lacks."""
    ids, effects = table["customer_id"].to_numpy().astype(np.str_), table["effect"].to_numpy()
    order = np.argsort(ids, kind="stable")
    places = places_among(ids[order], customer_ids)
    found: FloatArray = np.where(places >= 0, effects[order[places]], effects.mean())
    found.flags.writeable = False
    return found
