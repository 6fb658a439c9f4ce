"""Models: versions, the champion, and artifacts that are what their hash says."""

import pytest
from sqlalchemy import text

from farview.core.errors import ArtifactMismatch, NotFound
from farview.store.engine import open_engine
from farview.store.store import Store
from farview.store.values import LTV_REVENUE
from tests.store import worlds


def test_the_first_version_of_a_kind_is_champion_and_the_next_candidate(store: Store) -> None:
    assert [worlds.register(store).aliases for _ in range(2)] == [("champion",), ("candidate",)]


def test_another_kind_has_its_own_versions_and_champion(store: Store) -> None:
    worlds.register(store)
    other = store.register_model("journeys", "lstm", b"weights", worlds.lineage(), {})
    assert (other.name, other.aliases) == ("journeys/1", ("champion",))


def test_lineage_metrics_and_size_come_back(store: Store) -> None:
    worlds.register(store, b"twelve bytes")
    found = store.model_version(LTV_REVENUE, 1)
    assert (found.lineage, found.metrics, found.artifact_size_bytes) == (worlds.lineage(), {"k_hat": 0.2}, 12)


def test_versions_are_listed_newest_first(store: Store) -> None:
    for _ in range(3):
        worlds.register(store)
    assert [model.name for model in store.model_versions()] == ["ltv-revenue/3", "ltv-revenue/2", "ltv-revenue/1"]


def test_an_unknown_version_is_not_found(store: Store) -> None:
    worlds.register(store)
    with pytest.raises(NotFound, match="ltv-revenue/9"):
        store.model_version(LTV_REVENUE, 9)


def test_a_kind_without_versions_has_no_champion(store: Store) -> None:
    with pytest.raises(NotFound, match="farview train"):
        store.champion()


def test_an_artifact_comes_back_byte_for_byte(store: Store) -> None:
    model = worlds.register(store, bytes(range(256)))
    assert store.artifact(model) == bytes(range(256))


def test_equal_artifacts_are_stored_once(store: Store, url: str) -> None:
    assert worlds.register(store).artifact_sha256 == worlds.register(store).artifact_sha256
    engine = open_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM artifacts")) == 1
    engine.dispose()


def test_a_tampered_artifact_is_not_loaded(store: Store, url: str) -> None:
    model = worlds.register(store, b"draws")
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE artifacts SET content = :content"), {"content": b"drawn"})
    engine.dispose()
    with pytest.raises(ArtifactMismatch, match="ltv-revenue/1"):
        store.artifact(model)
