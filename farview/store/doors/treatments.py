"""A door of the store. What was done to customers, and what that changes."""

from collections.abc import Iterable
from datetime import date

import pyarrow as pa
from sqlalchemy import Engine

from farview.core.clock import Cut
from farview.store import as_known, business, contacts, treatments
from farview.store.tables_treatments import TREATMENTS
from farview.store.treatments import EffectRun
from farview.store.values import ModelVersion


class TreatmentsDoor:
    """What was done to customers, and what that changes."""

    _engine: Engine

    def treatments(self, cut: Cut) -> pa.Table:
        """schemas.TREATMENTS inside the cut, by customer, time and action, whatever the order in which they came."""
        return treatments.read(self._engine, cut, business.read(self._engine).time_zone)

    def last_treatment_day(self) -> date | None:
        """Business-zone day of the last treatment; None without any."""
        return as_known.last_day(self._engine, TREATMENTS, business.read(self._engine).time_zone)

    def treatments_hash(self, cut: Cut) -> str:
        """Identity of the treatments inside the cut, as snapshot_hash is of the transactions."""
        return as_known.snapshot_hash(self._engine, TREATMENTS, cut, business.read(self._engine).time_zone)

    def exposure_counts(self, cut: Cut) -> dict[str, int]:
        """How often each customer was exposed, of what is known inside the cut; who never was is absent."""
        return contacts.exposed_before(self._engine, cut, business.read(self._engine).time_zone)

    def publish_effects(
        self, model: ModelVersion, as_of: date, batches: Iterable[pa.RecordBatch], *, who: str
    ) -> EffectRun:
        """Writes schemas.TREATMENT_EFFECTS of all customers in one transaction; they take the place of those before.

        Raises:
            NotFound: no such model version.
        """
        return treatments.publish_effects(self._engine, model, as_of, batches, who=who)

    def latest_effect_run(self) -> EffectRun | None:
        """The effects that hold; None before the first were published."""
        return treatments.latest_run(self._engine)

    def effect_actions(self, run_id: int) -> list[str]:
        """The actions whose effects a run holds, in order; none of one whose place another has taken."""
        return treatments.actions(self._engine, run_id)

    def treatment_effects(self, run_id: int, action: str) -> pa.Table:
        """schemas.TREATMENT_EFFECTS of an action, by customer; empty for one whose place another has taken."""
        return treatments.effects(self._engine, run_id, action)
