"""Models as bytes: what comes back, what is refused."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from farview.core.errors import ArtifactMismatch
from ltv.fit import fit
from ltv.model import METADATA_KEY, BtydModel, _digest
from ltv.registered import load
from tests.ltv.cdnow import calibration, rfm_table
from tests.tiers import examples


@pytest.fixture(scope="module")
def model(cdnow_sample: Path) -> BtydModel:
    return fit(calibration(cdnow_sample), seed=7)


def rewritten(artifact: bytes, **changes: object) -> bytes:
    """The artifact with entries of its metadata replaced (None: removed)."""
    table = pq.read_table(pa.BufferReader(artifact))
    metadata = {**json.loads(table.schema.metadata[METADATA_KEY]), **changes}
    kept = {key: value for key, value in metadata.items() if value is not None and key != "digest"}
    kept["digest"] = _digest(table, kept)
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps(kept)}), sink)
    return bytes(sink.getvalue())


def test_a_model_comes_back_equal(model: BtydModel) -> None:
    loaded = load(model.to_artifact())
    assert isinstance(loaded, BtydModel)
    assert np.array_equal(loaded.purchase_draws, model.purchase_draws)
    assert np.array_equal(loaded.spend_draws, model.spend_draws)
    assert (loaded.diagnostics, loaded.priors) == (model.diagnostics, model.priors)


def test_the_same_fit_gives_the_same_bytes(model: BtydModel, cdnow_sample: Path) -> None:
    assert fit(calibration(cdnow_sample), seed=7).to_artifact() == model.to_artifact()


def test_another_seed_gives_other_draws(model: BtydModel, cdnow_sample: Path) -> None:
    assert not np.array_equal(fit(calibration(cdnow_sample), seed=8).purchase_draws, model.purchase_draws)


def test_an_artifact_is_small(model: BtydModel) -> None:
    assert len(model.to_artifact()) < 100_000  # the limit is 1 MB


def test_an_artifact_holds_no_customers(model: BtydModel) -> None:
    table = pq.read_table(pa.BufferReader(model.to_artifact()))
    assert (table.column_names, table.num_rows) == (["r", "alpha_days", "a", "b", "p", "q", "v"], 512)


def test_a_single_draw_survives(cdnow_sample: Path) -> None:
    model = fit(calibration(cdnow_sample), method="map")
    loaded = load(model.to_artifact())
    assert isinstance(loaded, BtydModel)
    assert np.array_equal(loaded.purchase_draws, model.purchase_draws)
    assert model.purchase_draws.shape == (1, 4)


def test_a_flipped_bit_is_refused_or_harmless_but_never_another_model(model: BtydModel) -> None:
    artifact = model.to_artifact()
    refused = 0
    for position in np.random.default_rng(0).integers(len(artifact), size=examples(ci=200, soak=5000)):
        damaged = bytearray(artifact)
        damaged[position] ^= 1 << (position % 8)
        try:
            loaded = load(bytes(damaged))
        except ArtifactMismatch:
            refused += 1
        else:
            assert loaded.to_artifact() == artifact
    assert refused > 0


def test_a_truncated_artifact_is_refused(model: BtydModel) -> None:
    with pytest.raises(ArtifactMismatch, match="not a Farview model"):
        load(model.to_artifact()[:-100])


@pytest.mark.parametrize("artifact", [b"", b"not parquet", b"PAR1" + bytes(40) + b"PAR1"])
def test_foreign_bytes_are_refused(artifact: bytes) -> None:
    with pytest.raises(ArtifactMismatch, match="not a Farview model"):
        load(artifact)


def test_a_foreign_parquet_file_is_refused() -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(rfm_table([(1, 1.0, 2.0)]), sink)
    with pytest.raises(ArtifactMismatch, match="not a Farview model"):
        load(bytes(sink.getvalue()))


def test_a_later_format_is_refused_by_number(model: BtydModel) -> None:
    with pytest.raises(ArtifactMismatch, match="format 99"):
        load(rewritten(model.to_artifact(), format_version=99))


def test_an_unknown_kind_of_model_is_refused_by_name(model: BtydModel) -> None:
    with pytest.raises(ArtifactMismatch, match="'oracle'"):
        load(rewritten(model.to_artifact(), name="oracle"))


@pytest.mark.parametrize("part", ["diagnostics", "priors"])
def test_an_artifact_without_its_provenance_is_refused(model: BtydModel, part: str) -> None:
    with pytest.raises(ArtifactMismatch, match="lacks a part"):
        load(rewritten(model.to_artifact(), **{part: None}))
