"""Customers of one kind buy and drop out alike: static covariates, and cohorts pooled in part.

A factor is a column of the histories whose levels move the purchase rate and the dropout of their customers, on the log
scale and apart from each other: with e and d a level's effects, rates are e^e and odds (or rates) of dropout e^d times
those of the base. For a covariate this is lambda_i = lambda_0 exp(g'z), z the indicators of its levels, so that alpha
becomes alpha_0 exp(-g'z): Fader, Hardie (2007), Incorporating Time-Invariant Covariates into the Pareto/NBD and BG/NBD
Models (note 019), section 2. Effects are a priori Normal(0, 1). Those of a pooled factor are Normal(0, t), with the
spreads t learnt: levels with few customers stay near the others, those with many go their own way. They are sampled as
t times unit normals (non-centred), so that small spreads do not bend the posterior.

Within a level everything is the family's own: customers share its likelihood, and its kernels score them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from farview.core.errors import InvalidInput
from ltv.families import BG_BB, BG_NBD, MBG_NBD, PARETO_NBD, Family
from ltv.inference.target import Target
from ltv.priors import Coordinate, Prior

FloatArray = npt.NDArray[np.float64]

MOST_LEVELS = 48  # of a factor; rarer ones count as unknown
MOST_TOGETHER = 100  # of all factors, an unknown level of each counted: so that artifacts stay below 1 MB
SD = 1.0  # of a covariate's effects: a level may well buy e times as often as another
SPREAD = Coordinate("log spread of a pool", (), mean=-1.0, sd=1.0)  # levels differ by a factor of e^.14 to e^1
UNKNOWN = ""

# Directions of u in which rates and dropout grow by e.
_RATE = dict.fromkeys((BG_NBD, MBG_NBD, PARETO_NBD, BG_BB), (0.0, -1.0, 0.0, 0.0))
_DROPOUT = {
    BG_NBD: (0.0, 0.0, 0.5, -0.5),
    MBG_NBD: (0.0, 0.0, 0.5, -0.5),
    PARETO_NBD: (0.0, 0.0, 0.0, -1.0),
    BG_BB: (0.0, 0.0, 0.0, -1.0),
}


@dataclass(frozen=True, slots=True)
class Kinds:
    """By what customers are to differ in a fit: columns of text beside their histories."""

    covariates: tuple[str, ...] = ()
    pool_by: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.covariates, *([self.pool_by] if self.pool_by else []))


@dataclass(frozen=True, slots=True)
class Factor:
    """A column by whose levels customers differ."""

    column: str
    levels: tuple[str, ...]  # those that have effects of their own
    pooled: bool  # whether the spread of the effects is learnt


Group = tuple[str, ...]
"""A level of each factor; UNKNOWN for one that has no effect of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """What a posterior says of the factors' levels, beside the base parameters."""

    factors: tuple[Factor, ...]
    rate: FloatArray  # (S, L + F) effects of all factors' levels in turn; then of an unknown level of each factor
    dropout: FloatArray  # (S, L + F)

    def moved(self, family: Family, base: FloatArray, group: Group) -> FloatArray:
        """Parameter draws of a group, (S, k), from the base's."""
        at = _places(self.factors, group)
        shift = np.outer(self.rate[:, at].sum(axis=1), _RATE[family.name])
        shift += np.outer(self.dropout[:, at].sum(axis=1), _DROPOUT[family.name])
        return np.asarray(base * np.exp(shift))

    @property
    def names(self) -> list[str]:
        """Of the columns of `rate` and of `dropout`."""
        known = [f"{factor.column}={level}" for factor in self.factors for level in factor.levels]
        return known + [f"{factor.column}=?" for factor in self.factors]

    def columns(self) -> dict[str, FloatArray]:
        """Each column of `rate` and of `dropout` by a name, for the artifact."""
        sides = (("rate", self.rate), ("dropout", self.dropout))
        return {f"{side} {name}": draws[:, i] for side, draws in sides for i, name in enumerate(self.names)}

    def factors_as_data(self) -> list[dict[str, Any]]:
        """The encodings, for the artifact."""
        return [asdict(factor) for factor in self.factors]

    @classmethod
    def from_data(cls, factors: Sequence[Mapping[str, Any]], table: pa.Table) -> Self:
        """The inverse of `factors_as_data` and `columns`."""
        known = tuple(Factor(f["column"], tuple(f["levels"]), bool(f["pooled"])) for f in factors)
        names = cls(known, np.empty((0, 0)), np.empty((0, 0))).names
        rate, dropout = (np.column_stack([table[f"{side} {name}"] for name in names]) for side in ("rate", "dropout"))
        return cls(known, rate, dropout)


def factors_of(rfm: pa.Table, kinds: Kinds) -> tuple[Factor, ...]:
    """The factors that columns of the histories give, with their most common levels.

    Raises:
        InvalidInput: a column is missing, not of text, or asked for twice; or there are too many levels.
    """
    names, factors = kinds.columns, []
    for column in names:
        if column not in rfm.column_names:
            raise InvalidInput.of(column, "is not a column of the customers")
        if names.count(column) > 1:
            raise InvalidInput.of(column, "is asked for twice")
        if not pa.types.is_string(rfm.schema.field(column).type):
            raise InvalidInput.of(column, "needs levels as text (cut numbers into bands)")
        counted = [(pair["counts"], pair["values"]) for pair in pc.value_counts(rfm.column(column)).to_pylist()]
        common = sorted(((-count, level) for count, level in counted if level), key=lambda pair: pair)[:MOST_LEVELS]
        factors.append(Factor(column, tuple(sorted(level for _, level in common)), column == kinds.pool_by))
    if (together := sum(len(factor.levels) + 1 for factor in factors)) > MOST_TOGETHER:
        most = f"a model has room for {MOST_TOGETHER} (name fewer columns, or join levels before importing)"
        raise InvalidInput.of(", ".join(names), f"have {together:,} levels together, the unknown counted; {most}")
    return tuple(factors)


def groups_of(rfm: pa.Table | pa.RecordBatch, factors: Sequence[Factor]) -> tuple[list[Group], npt.NDArray[np.int64]]:
    """The groups that occur, and which of them each customer is in.

    Raises:
        InvalidInput: a factor's column is missing.
    """
    codes = []
    for factor in factors:
        if factor.column not in rfm.schema.names:
            raise InvalidInput.of(factor.column, "is not a column of the customers, and the model differs by it")
        place = pc.index_in(rfm.column(factor.column), value_set=pa.array(factor.levels, pa.string()))
        codes.append(pc.fill_null(place, -1).to_numpy(zero_copy_only=False))
    distinct, of_row = np.unique(np.stack(codes), axis=1, return_inverse=True)
    groups = [
        tuple(UNKNOWN if code < 0 else factor.levels[code] for factor, code in zip(factors, column, strict=True))
        for column in distinct.T
    ]
    return groups, of_row.reshape(-1).astype(np.int64)


def _places(factors: Sequence[Factor], group: Group) -> list[int]:
    """Columns of `Effects.rate` that a group's effects are in."""
    places, before, levels = [], 0, sum(len(factor.levels) for factor in factors)
    for i, (factor, level) in enumerate(zip(factors, group, strict=True)):
        places.append(levels + i if level == UNKNOWN else before + factor.levels.index(level))
        before += len(factor.levels)
    return places


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the parts of the vector v lie: u of the base, unit effects on rate and on dropout, log spreads."""

    family: Family
    factors: tuple[Factor, ...]

    @property
    def base(self) -> int:
        return len(self.family.floor)

    @property
    def levels(self) -> int:
        return sum(len(factor.levels) for factor in self.factors)

    @property
    def pools(self) -> list[int]:
        return [i for i, factor in enumerate(self.factors) if factor.pooled]

    @property
    def size(self) -> int:
        return self.base + 2 * self.levels + 2 * len(self.pools)

    def columns(self) -> npt.NDArray[np.int64]:
        """(levels, 2): for each level the place of its factor's log spreads in v, rate and dropout, or -1."""
        found = []
        for i, factor in enumerate(self.factors):
            at = self.base + 2 * self.levels + 2 * self.pools.index(i) if factor.pooled else -2
            found += [(at, at + 1)] * len(factor.levels)
        return np.array(found, dtype=np.int64).reshape(-1, 2)

    def spreads(self, v: FloatArray) -> FloatArray:
        """Of each level's effects on rate and on dropout, (..., levels, 2)."""
        at = self.columns()
        return np.where(at >= 0, np.exp(v[..., np.maximum(at, 0)]), SD)

    def effects(self, v: FloatArray) -> FloatArray:
        """Of every level on rate and on dropout, (..., levels, 2)."""
        unit = v[..., self.base : self.base + 2 * self.levels].reshape(*v.shape[:-1], self.levels, 2)
        return np.asarray(unit * self.spreads(v))


def prior_of(family: Family, factors: tuple[Factor, ...], base: Prior) -> Prior:
    """On v: the family's own on u, unit normals on effects, `SPREAD` on spreads."""
    layout = _Layout(family, factors)
    rest = layout.size - layout.base
    coordinates = [Coordinate(c.name, (*c.weights, *[0.0] * rest), c.mean, c.sd) for c in base.coordinates]
    for i in range(layout.base, layout.size):
        spread = i >= layout.base + 2 * layout.levels
        weights = tuple(float(i == j) for j in range(layout.size))
        name, mean, sd = (SPREAD.name, SPREAD.mean, SPREAD.sd) if spread else ("unit effect", 0.0, 1.0)
        coordinates.append(Coordinate(name, weights, mean, sd))
    ceilings = (*base.ceilings, *[None] * rest) if base.ceilings else ()
    return Prior(tuple(coordinates), ceilings)


def target_of(family: Family, factors: tuple[Factor, ...], rfm: pa.Table, unit: float, base: Prior) -> Target:
    """The posterior of v given histories, times in `unit` days: each group has the family's likelihood, moved."""
    layout = _Layout(family, factors)
    groups, of_row = groups_of(rfm, factors)
    rows = [family.rows(rfm.filter(pa.array(of_row == g))).in_units(unit) for g in range(len(groups))]
    places = [[at for at in _places(factors, group) if at < layout.levels] for group in groups]
    directions = np.stack([_RATE[family.name], _DROPOUT[family.name]])  # (2, k)

    def moved(v: FloatArray) -> list[FloatArray]:
        """u of each group, (..., k)."""
        effects = layout.effects(v)
        return [v[..., : layout.base] + effects[..., at, :].sum(axis=-2) @ directions for at in places]

    def value(natural: FloatArray) -> FloatArray:
        of_groups = moved(np.log(natural))
        return np.sum([family.log_likelihood(np.exp(u), of) for u, of in zip(of_groups, rows, strict=True)], axis=0)

    def value_and_gradient(natural: FloatArray) -> tuple[float, FloatArray]:
        v = np.log(natural)
        spreads, effects = layout.spreads(v), layout.effects(v)
        total, slope, of_effects = 0.0, np.zeros(layout.size), np.zeros((layout.levels, 2))
        for u, of, at in zip(moved(v), rows, places, strict=True):
            found, gradient = family.log_likelihood_and_gradient(np.exp(u), of)
            total += found
            slope[: layout.base] += gradient * np.exp(u)
            of_effects[at] += directions @ (gradient * np.exp(u))
        slope[layout.base : layout.base + 2 * layout.levels] = (of_effects * spreads).reshape(-1)
        learnt = layout.columns()
        np.add.at(slope, learnt[learnt >= 0], (of_effects * effects)[learnt >= 0])
        return total, slope / natural

    return Target(value, value_and_gradient, prior_of(family, factors, base), np.zeros(layout.size))


def effects_of(family: Family, factors: tuple[Factor, ...], v: FloatArray, random: np.random.Generator) -> Effects:
    """The effects in draws of v. An unknown level is one more draw from its pool; of a covariate it has no effect."""
    layout = _Layout(family, factors)
    unknown = np.zeros((len(v), len(factors), 2))
    for place, i in enumerate(layout.pools):
        at = layout.base + 2 * layout.levels + 2 * place
        unknown[:, i] = np.exp(v[:, at : at + 2]) * random.standard_normal((len(v), 2))
    both = np.concatenate([layout.effects(v), unknown], axis=1)
    return Effects(factors, np.ascontiguousarray(both[..., 0]), np.ascontiguousarray(both[..., 1]))
