"""Effects of actions as they were last published, held until others are."""

import threading

import numpy as np
from numpy.typing import NDArray

from farview.core.errors import FailedPrecondition, InvalidInput
from farview.store.store import Store

FloatArray = NDArray[np.float64]
ACTION = "score.treatment_effect.action"


class PublishedEffects:
    """What an action changes for customers. Safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._run_id = 0
        self._by_action: dict[str, tuple[NDArray[np.object_], FloatArray]] = {}

    def of(self, action: str, customer_ids: NDArray[np.object_]) -> FloatArray:
        """Outcome with the action minus outcome with none, shape (customers,); the mean of all for who has none.

        Raises:
            FailedPrecondition: no effects are published.
            InvalidInput: none of that action.
        """
        known, effects = self._read(action)
        place = np.minimum(np.searchsorted(known, customer_ids), len(known) - 1)
        return np.where(known[place] == customer_ids, effects[place], effects.mean())

    def _read(self, action: str) -> tuple[NDArray[np.object_], FloatArray]:
        """Customers in order and their effects."""
        run = self._store.latest_effect_run()
        if run is None:
            raise FailedPrecondition("no effects are published (run `farview train uplift`, `farview score --effects`)")
        with self._lock:
            if run.effect_run_id != self._run_id:
                self._run_id, self._by_action = run.effect_run_id, {}
            if action not in self._by_action:
                table = self._store.treatment_effects(run.effect_run_id, action)
                if len(table) == 0:
                    known = ", ".join(self._store.effect_actions(run.effect_run_id))
                    raise InvalidInput.of(ACTION, f"{action!r} has no effects; there are {known}")
                ids = table["customer_id"].to_numpy()
                order = np.argsort(ids)
                self._by_action[action] = ids[order], table["effect"].to_numpy()[order]
            return self._by_action[action]
