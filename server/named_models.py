"""Registered models of a kind by name: the champion, loaded before it is named, and versions when they are named."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from structlog.typing import FilteringBoundLogger

from farview.core.errors import FailedPrecondition, NotFound
from farview.store.store import Store
from farview.store.values import ModelVersion

Model = TypeVar("Model")

_OTHERS_KEPT = 2


@dataclass(frozen=True, slots=True)
class Loaded(Generic[Model]):
    """A registered model in memory."""

    version: ModelVersion
    model: Model


class NamedModels(Generic[Model]):
    """Models by name: "ranking" is the champion of the kind, "ranking/3" a version."""

    def __init__(self, store: Store, kind: str, read: Callable[[bytes], Model], logger: FilteringBoundLogger) -> None:
        """`read` makes a model of its artifact; it is called no sooner than one is registered."""
        self._store = store
        self._kind = kind
        self._read = read
        self._logger = logger
        self._champion: Loaded[Model] | None = None
        self._others: OrderedDict[int, Loaded[Model]] = OrderedDict()
        self._lock = threading.Lock()

    def refresh(self) -> bool:
        """Loads the champion if it is another than the one served, then swaps. True when it swapped."""
        try:
            champion = self._store.champion(self._kind)
        except NotFound:
            return False
        if self._champion is not None and self._champion.version.version == champion.version:
            return False
        self._champion = self._load(champion)
        self._logger.info(f"{self._kind} model swapped", model_version=champion.name)
        return True

    def named(self, name: str) -> Loaded[Model]:
        """The model of that name.

        Raises:
            FailedPrecondition: none of the kind is registered yet.
            NotFound: no such version.
        """
        champion = self._champion
        if champion is not None and name in (self._kind, champion.version.name):
            return champion
        if name == self._kind:
            raise FailedPrecondition(f"no {self._kind} model is fitted yet (run `farview train {self._kind}`)")
        number = int(name.rpartition("/")[2])
        with self._lock:
            if number not in self._others:
                self._others[number] = self._load(self._store.model_version(self._kind, number))
            self._others.move_to_end(number)
            while len(self._others) > _OTHERS_KEPT:
                self._others.popitem(last=False)
            return self._others[number]

    def _load(self, version: ModelVersion) -> Loaded[Model]:
        return Loaded(version, self._read(self._store.artifact(version)))
