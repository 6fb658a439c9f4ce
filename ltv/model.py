"""A fitted customer-value model as stored and served: draws and their provenance; no customers, no fitting library."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from farview.core.errors import ArtifactMismatch, InvalidInput
from farview.core.schemas import RFM, period_days_of
from ltv.effects import Effects, Group
from ltv.families import BG_NBD, GAMMA_GAMMA, MODELS, families_of, is_known, name_of
from ltv.priors import Priors

FloatArray = npt.NDArray[np.float64]

FORMAT_VERSION = 1
METADATA_KEY = b"farview.ltv"


class Diagnostics(Protocol):
    """What the diagnostics of every kind say, beside what only theirs do."""

    @property
    def customers(self) -> int:
        """Whom the fit saw."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """In plain words."""


class LtvModel(Protocol):
    """What the registry and the scorer need of every customer-value model."""

    @property
    def name(self) -> str:
        """The model's name in answers and backtests, for example bg_nbd."""

    @property
    def diagnostics(self) -> "Diagnostics":
        """A dataclass: what the fit saw and how it went, stored with the model."""

    @property
    def inference(self) -> "Mapping[str, PartDiagnostics]":
        """How each posterior in it was found, by name."""

    @property
    def deducts_returns(self) -> bool:
        """Whether value is net of returns; else it is gross."""

    @property
    def parameters(self) -> "Mapping[str, npt.NDArray[Any]]":
        """Everything that was learnt, by name: equal models have equal ones."""

    def to_artifact(self) -> bytes:
        """Bytes that `load` turns back into an equal model."""


@dataclass(frozen=True, slots=True)
class PartDiagnostics:
    """How the inference of one part (purchases or spend) went. A figure that its method does not define is None."""

    method: str  # used: laplace | map | nuts
    k_hat: float | None  # Pareto shape of the importance weights; None unless Laplace was tried
    effective_size: float | None  # of the draws behind the posterior, smallest over parameters
    r_hat: float | None  # largest over parameters; NUTS only
    log_likelihood: float | None  # at the mode, time in days, money in the currency
    mode: tuple[float, ...] | None  # natural parameters, in the order of the draws
    posterior_mean: tuple[float, ...]  # natural parameters, from all draws before thinning
    posterior_sd: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FitDiagnostics:
    """What a fit saw and how it went; stored with the model and shown in its lineage."""

    method_asked: str
    customers: int
    unique_rows: int
    repeat_buyers: int
    purchases: PartDiagnostics
    spend: PartDiagnostics
    warnings: tuple[str, ...]  # in plain words
    forgets: bool = False  # an update with forgetting: earlier data count for less than in a fit

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`."""
        parts = {part: _part_from_data(data[part]) for part in ("purchases", "spend")}
        return cls(**{**data, **parts, "warnings": tuple(data["warnings"])})


def _part_from_data(data: dict[str, Any]) -> PartDiagnostics:
    tuples = {
        name: None if data[name] is None else tuple(data[name]) for name in ("mode", "posterior_mean", "posterior_sd")
    }
    return PartDiagnostics(**{**data, **tuples})


@dataclass(frozen=True, slots=True, eq=False)
class BtydModel:
    """A purchase process with a spend model, as equally weighted posterior draws.

    The two posteriors are independent: row s of one is paired with row s of the other only for convenience.
    """

    purchase_draws: FloatArray  # (S, k): parameters in the order of the family, times in days
    spend_draws: FloatArray  # (S, k): likewise, amounts in the reporting currency
    diagnostics: FitDiagnostics
    priors: Priors
    purchases: str = BG_NBD  # name of the purchase family
    spend: str = GAMMA_GAMMA  # name of the spend family
    period_days: int = 1  # by which the purchases of its histories are merged; BG/BB: days of an opportunity
    period_sd: float = 0.0  # of the log factor that everybody's period shares, see `ltv.period`
    effects: Effects | None = None  # by which groups of customers differ; the purchase draws are then the base's

    @property
    def name(self) -> str:
        """For example bg_nbd, or bg_nbd+first_spend."""
        return name_of(self.purchases, self.spend)

    @property
    def inference(self) -> Mapping[str, PartDiagnostics]:
        """Of purchases and of spend."""
        return {"purchases": self.diagnostics.purchases, "spend": self.diagnostics.spend}

    @property
    def deducts_returns(self) -> bool:
        """Never: it knows nothing of them."""
        return False

    @property
    def parameters(self) -> Mapping[str, FloatArray]:
        """The draws of purchases and of spend, and the spread of what periods share."""
        effects = self.effects.columns() if self.effects else {}
        period = np.array([self.period_sd])
        return {"purchases": self.purchase_draws, "spend": self.spend_draws, "period": period, **effects}

    def check(self, rfm: pa.Table) -> None:
        """Refuses histories that the model cannot read.

        Raises:
            InvalidInput: a history that cannot be, named by its row; or purchases merged by other periods than the
                model's.
        """
        if (merged := period_days_of(rfm.schema)) != self.period_days:
            raise InvalidInput.of(
                "rows", f"are of periods of {merged} days; the model reads periods of {self.period_days}"
            )
        families_of(self.name)[0].check(rfm)

    def of_group(self, group: Group) -> "BtydModel":
        """The plain model of the customers with these levels of the factors."""
        if self.effects is None:
            return self
        draws = self.effects.moved(families_of(self.name)[0], self.purchase_draws, group)
        return replace(self, purchase_draws=draws, effects=None)

    def to_artifact(self) -> bytes:
        """A Parquet file of the draws with the rest as JSON metadata. Equal models give equal bytes."""
        names = [name for family in families_of(self.name) for name in family.parameters]
        draws = np.hstack([self.purchase_draws, self.spend_draws])
        columns = dict(zip(names, draws.T, strict=True)) | (self.effects.columns() if self.effects else {})
        table = pa.table({name: pa.array(np.ascontiguousarray(column)) for name, column in columns.items()})
        metadata = {
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "diagnostics": asdict(self.diagnostics),
            "priors": self.priors.as_data(),
            "period_days": self.period_days,
            "period_sd": self.period_sd,
            "factors": self.effects.factors_as_data() if self.effects else [],
        }
        metadata["digest"] = _digest(table, metadata)
        sink = pa.BufferOutputStream()
        described = table.replace_schema_metadata({METADATA_KEY: json.dumps(metadata)})
        pq.write_table(described, sink, compression="zstd", use_dictionary=False)  # no two draws are equal
        return bytes(sink.getvalue())

    @classmethod
    def from_artifact(cls, artifact: bytes) -> Self:
        """The model that `to_artifact` wrote.

        Raises:
            ArtifactMismatch: the bytes are not such an artifact.
        """
        table, metadata = _read(artifact)
        if not is_known(metadata["name"]):
            raise ArtifactMismatch(f"no model named {metadata['name']!r}; known: {', '.join(MODELS)}")
        purchases, spend = families_of(metadata["name"])
        try:
            purchase_draws, spend_draws = (
                np.column_stack([table[name].to_numpy() for name in family.parameters]).astype(np.float64)
                for family in (purchases, spend)
            )
            model = cls(
                purchase_draws,
                spend_draws,
                FitDiagnostics.from_data(metadata["diagnostics"]),
                Priors.from_data(metadata["priors"]),
                purchases=purchases.name,
                spend=spend.name,
                period_days=int(metadata.get("period_days", 1)),  # artifacts before BG/BB merged days
                period_sd=float(metadata.get("period_sd", 0.0)),  # older artifacts had none
                effects=Effects.from_data(factors, table) if (factors := metadata.get("factors")) else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactMismatch(f"the artifact lacks a part of a {metadata['name']} model ({error})") from None
        if not all(
            len(part) and np.all(np.isfinite(part)) and np.all(part > 0) for part in (purchase_draws, spend_draws)
        ):
            raise ArtifactMismatch("the artifact's parameter draws are not all positive numbers")
        if not 0.0 <= model.period_sd < np.inf:
            raise ArtifactMismatch(f"the artifact's spread of periods is {model.period_sd}, not 0 or more")
        return model


def _read(artifact: bytes) -> tuple[pa.Table, dict[str, Any]]:
    """The table and the metadata of an artifact of this format version."""
    try:
        table = pq.read_table(pa.BufferReader(artifact))
        metadata = json.loads((table.schema.metadata or {})[METADATA_KEY])
        version, _ = metadata["format_version"], metadata["name"]
        intact = metadata.pop("digest") == _digest(table, metadata)
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError):
        raise ArtifactMismatch("the bytes are not a Farview model: damaged, or written by something else") from None
    if version != FORMAT_VERSION:
        raise ArtifactMismatch(f"the artifact has format {version}, this version of Farview reads {FORMAT_VERSION}")
    if not intact:
        raise ArtifactMismatch("the artifact's content is not what was written: it is damaged")
    return table, metadata


def _digest(table: pa.Table, metadata: Mapping[str, Any]) -> str:
    """BLAKE2b of the draws and the metadata: a flipped bit must not become another forecast."""
    digest = hashlib.blake2b(json.dumps(metadata, sort_keys=True).encode(), digest_size=16)
    for name in table.column_names:
        digest.update(name.encode() + np.asarray(table[name]).tobytes())
    return digest.hexdigest()


def differs_by(model: LtvModel) -> tuple[str, ...]:
    """Columns beside the RFM rows by whose levels a model's customers differ."""
    effects = model.effects if isinstance(model, BtydModel) else None
    return tuple(factor.column for factor in effects.factors if factor.column not in RFM.names) if effects else ()
