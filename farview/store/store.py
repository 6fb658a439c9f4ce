"""The store's front door: a database, and the doors to what it holds."""

from typing import Self

from sqlalchemy import Engine

from farview.store import business, migrate
from farview.store.doors.audiences import AudiencesDoor
from farview.store.doors.catalogue import CatalogueDoor
from farview.store.doors.events import EventsDoor
from farview.store.doors.forecasts import ForecastsDoor
from farview.store.doors.models import ModelsDoor
from farview.store.doors.plans import PlansDoor
from farview.store.doors.promises import PromisesDoor
from farview.store.doors.treatments import TreatmentsDoor
from farview.store.doors.work import WorkDoor
from farview.store.engine import open_engine
from farview.store.values import Business


class Store(
    EventsDoor,
    CatalogueDoor,
    TreatmentsDoor,
    PromisesDoor,
    ModelsDoor,
    ForecastsDoor,
    PlansDoor,
    AudiencesDoor,
    WorkDoor,
):
    """A migrated database. Safe to share between threads; every method is one transaction unless it says otherwise."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Self:
        """Opens a database that `farview init` made.

        Raises:
            InvalidInput: not a URL of SQLite or PostgreSQL.
            FailedPrecondition: the database has another revision than this code.
        """
        engine = open_engine(url)
        try:
            migrate.check(engine)
        except Exception:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Closes the pooled connections."""
        self._engine.dispose()

    def set_business(self, wanted: Business) -> Business:
        """Writes the business, or returns it when the same was written before.

        Raises:
            FailedPrecondition: another business was written before.
            InvalidInput: the time zone or currency is unknown.
        """
        return business.set_once(self._engine, wanted)

    def business(self) -> Business:
        """Raises FailedPrecondition before `farview init`."""
        return business.read(self._engine)
