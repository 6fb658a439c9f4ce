"""A door of the store. Registered models, who is champion, and what the gates said."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine

from farview.store import champions, gate_reports, registry
from farview.store.champions import ChampionChange
from farview.store.engine import write
from farview.store.gate_reports import GateReport
from farview.store.values import LTV_REVENUE, Lineage, ModelVersion, NewModel
from farview.store.writer import writing


class ModelsDoor:
    """Registered models, who is champion, and what the gates said."""

    _engine: Engine

    def register_model(
        self, kind: str, model: str, artifact: bytes, lineage: Lineage, metrics: Mapping[str, Any]
    ) -> ModelVersion:
        """Adds the next version of a kind. The first becomes champion, a later one candidate."""
        return registry.register(self._engine, NewModel(kind, model, artifact, lineage, metrics))

    def model_versions(self, kind: str | None = None) -> list[ModelVersion]:
        """Newest first within each kind."""
        return registry.versions(self._engine, kind)

    def model_version(self, kind: str, version: int) -> ModelVersion:
        """Raises NotFound."""
        return registry.version(self._engine, kind, version)

    def champion(self, kind: str = LTV_REVENUE) -> ModelVersion:
        """Raises NotFound before the first version of the kind."""
        return registry.champion(self._engine, kind)

    def artifact(self, model: ModelVersion) -> bytes:
        """The model's bytes.

        Raises:
            ArtifactMismatch: the stored bytes do not have the sha256 that the version names.
        """
        return registry.artifact(self._engine, model)

    def promote(
        self, kind: str, version: int, *, expected_champion: int | None, force: bool = False, who: str, why: str
    ) -> ModelVersion:
        """Makes a version the champion. `expected_champion` None: whoever is champion now.

        Raises:
            NotFound: no such version.
            Conflict: the champion is not the expected one.
            FailedPrecondition: the version's last gate report did not pass, is against another champion, or there is
                none; not with `force`, which is logged with its reason. Also, always: its stored bytes are not those
                registered.
            InvalidInput: `force` without a reason.
        """
        return writing(
            self._engine,
            lambda writer: writer.promote(
                kind, version, expected_champion=expected_champion, force=force, who=who, why=why
            ),
        )

    def rollback(self, kind: str, *, expected_champion: int | None, who: str, why: str) -> ModelVersion:
        """Makes the champion before the champion again. Gates are not asked: it has served before.

        Raises:
            NotFound: the kind has no champion.
            Conflict: the champion is not the expected one.
            FailedPrecondition: there was no champion before, or its stored bytes are not those registered.
        """
        return writing(
            self._engine, lambda writer: writer.rollback(kind, expected_champion=expected_champion, who=who, why=why)
        )

    def champion_history(self, kind: str | None = None) -> list[ChampionChange]:
        """Every change of champion of a kind, or of all, newest first. Raises NotFound for a kind without versions."""
        with self._engine.connect() as connection:
            return champions.history(connection, kind)

    def keep_gate_report(
        self,
        model: ModelVersion,
        champion: ModelVersion | None,
        checks: Sequence[Mapping[str, Any]],
        protocol: Mapping[str, Any],
        *,
        who: str,
    ) -> GateReport:
        """Stores what the gates said of a version; its last report counts. `champion` None: it is the champion.

        `checks` have gate, figure, value, limit, passed and said; the version passed when every check did.
        """
        against = None if champion is None else champion.version
        return write(
            self._engine,
            lambda connection: gate_reports.keep(
                connection, model.kind, model.version, against, checks, protocol, who=who
            ),
        )

    def gate_report(self, kind: str, version: int) -> GateReport | None:
        """The last report of a version; None when it was never examined."""
        with self._engine.connect() as connection:
            return gate_reports.latest(connection, kind, version)
