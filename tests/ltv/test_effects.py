"""Factors: known effects are found again, pools shrink, groups are scored by their own parameters."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from farview.core import columns as c
from farview.core.errors import InvalidInput
from ltv.effects import MOST_TOGETHER, Effects, Factor, Kinds, factors_of, target_of
from ltv.families import PURCHASES
from ltv.fit import DRAWS_KEPT, fit
from ltv.model import BtydModel, differs_by
from ltv.scorer import Scorer
from ltv.tables import Tables
from tests.ltv.cdnow import CALIBRATION_END
from tests.ltv.predictive import forecast, known_model
from tests.ltv.simulated import purchases_of
from tests.tiers import examples

BASE = {
    "bg_nbd": np.array([0.8, 0.4, 0.9, 2.5]),
    "mbg_nbd": np.array([0.8, 0.4, 0.9, 2.5]),
    "pareto_nbd": np.array([0.8, 0.4, 0.9, 1.5]),
    "bg_bb": np.array([0.8, 4.0, 0.9, 20.0]),
}
DAYS = 100.0  # a mean age


def shop(family: str, rate: dict[str, float], customers: int, seed: int = 3) -> pa.Table:
    """Customers of several kinds, rates e^effect times those of the base; ages around 100 days."""
    random, tables = np.random.default_rng(seed), []
    for kind, effect in rate.items():
        params = BASE[family].copy()
        params[1] *= np.exp(-effect)
        table = purchases_of(family, params, customers, random)
        scale = 1.0 if family == "bg_bb" else DAYS
        for name in (c.RECENCY_DAYS, c.AGE_DAYS):
            place = table.column_names.index(name)
            table = table.set_column(place, name, pa.array(np.round(table[name].to_numpy() * scale, 6)))
        names = [f"{kind}-{i}" for i in range(customers)]
        table = table.set_column(0, c.CUSTOMER_ID, pa.array(names)).append_column("kind", pa.array([kind] * customers))
        tables.append(table)
    return pa.concat_tables(tables)


@pytest.mark.parametrize("family", BASE)
@pytest.mark.parametrize("kinds", [Kinds(("kind",)), Kinds(pool_by="kind")])
def test_the_gradient_is_the_slope_of_the_density(family: str, kinds: Kinds) -> None:
    table = shop(family, {"a": 0.0, "b": 1.0, "c": -0.5}, 40)
    of = PURCHASES[family]
    target = target_of(of, factors_of(table, kinds), table, 10.0, of.prior)
    at = np.random.default_rng(0).normal(0, 0.4, target.dimensions)
    _, gradient = target.log_density_and_gradient(at)
    steps = 1e-5 * np.concatenate([np.eye(len(at)), -np.eye(len(at))])
    up, down = target.log_density(at + steps).reshape(2, -1)
    assert gradient == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-3)


def test_effects_of_a_covariate_are_found_again() -> None:
    """The difference between two kinds within four posterior sds of the truth, and known to a third of it."""
    model = fit(shop("bg_nbd", {"a": 0.0, "b": 1.0}, examples(ci=600, soak=2_000)), kinds=Kinds(("kind",)))
    assert model.effects is not None
    difference = model.effects.rate[:, 1] - model.effects.rate[:, 0]
    assert abs(difference.mean() - 1.0) < 4.0 * difference.std()
    assert difference.std() < 0.3
    dropout = model.effects.dropout[:, 1] - model.effects.dropout[:, 0]
    assert abs(dropout.mean()) < 4.0 * dropout.std()


def test_a_small_cohort_stays_near_the_others_and_a_large_one_goes_its_own_way() -> None:
    large = shop("bg_nbd", {"a": 0.0, "b": 0.6, "d": -0.6}, 300)
    small = shop("bg_nbd", {"c": 2.5}, 4)
    table = pa.concat_tables([large, small])
    alone = fit(small, kinds=Kinds()).purchase_draws
    pooled = fit(table, method="map", kinds=Kinds(pool_by="kind"))
    assert pooled.effects is not None
    rates = [float(np.mean(draws[:, 0] / draws[:, 1])) for draws in (
        pooled.of_group(("a",)).purchase_draws, pooled.of_group(("b",)).purchase_draws,
        pooled.of_group(("c",)).purchase_draws, alone,
    )]  # fmt: skip
    assert rates[0] < rates[1]
    assert rates[2] < rates[3]


def test_each_group_is_scored_by_its_own_parameters_in_the_order_given() -> None:
    table = shop("bg_nbd", {"a": 0.0, "b": 1.0}, 60)
    model = BtydModel.from_artifact(fit(table, method="map", kinds=Kinds(("kind",))).to_artifact())
    mixed = table.take(pa.array(np.random.default_rng(1).permutation(table.num_rows)))
    together = forecast(model, mixed, [30, 90])
    assert together["customer_id"].to_pylist()[::2] == mixed["customer_id"].to_pylist()
    for kind in ("a", "b", "?"):
        some = mixed.filter(pa.array([value == (kind if kind != "?" else "a") for value in mixed["kind"].to_pylist()]))
        if kind == "?":
            place = some.column_names.index("kind")
            some = some.set_column(place, "kind", pa.array(["unheard of"] * some.num_rows))
        apart = forecast(model.of_group((kind if kind != "?" else "",)), some, [30, 90])
        assert forecast(model, some, [30, 90]).equals(apart)


def test_tables_of_few_groups_are_held_and_forecasts_do_not_depend_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    table = shop("bg_nbd", {"a": 0.0, "b": 1.0, "c": -0.5}, 20)
    model = fit(table, method="map", kinds=Kinds(("kind",)))
    whole = forecast(model, table, [90])
    monkeypatch.setattr("ltv.tables.MOST_GROUPS", 2)
    tables = Tables(model, seed=7)
    again = Scorer(model, [90], CALIBRATION_END, 7, tables).forecast(table.combine_chunks().to_batches(max_chunksize=7))
    assert pa.Table.from_batches(again).combine_chunks().equals(whole)
    assert len(tables._of_group) == 2


@pytest.mark.parametrize(
    ("kinds", "problem"),
    [
        (Kinds(("colour",)), "colour: is not a column"),
        (Kinds(("kind",), "kind"), "kind: is asked for twice"),
        (Kinds((c.AGE_DAYS,)), "age_days: needs levels as text"),
        (Kinds(("kind", "id", "again"), "more"), "kind, id, again, more: have 149 levels together"),
    ],
)
def test_columns_that_cannot_be_factors_are_named(kinds: Kinds, problem: str) -> None:
    table = shop("bg_nbd", {"a": 0.0}, 60)
    for name in ("id", "again", "more"):  # 48 levels each, kind has one
        table = table.append_column(name, table[c.CUSTOMER_ID])
    with pytest.raises(InvalidInput, match=problem):
        fit(table, kinds=kinds)


def test_a_model_needs_no_attribute_for_what_its_histories_hold() -> None:
    factors = (Factor("kind", ("a",), pooled=False), Factor(c.COHORT, ("1997-01",), pooled=True))
    model = replace(known_model(1), effects=Effects(factors, *np.zeros((2, 1, 4))))
    assert differs_by(model) == ("kind",)


def test_with_as_many_levels_as_there_is_room_for_an_artifact_is_below_1_mb() -> None:
    factors = tuple(
        Factor(f"column {k}", tuple(f"level {i}" for i in range(n)), k == 0) for k, n in enumerate((48, 50))
    )
    assert sum(len(factor.levels) + 1 for factor in factors) == MOST_TOGETHER
    draws = np.random.default_rng(0).standard_normal((2, DRAWS_KEPT, MOST_TOGETHER))
    model = replace(known_model(DRAWS_KEPT, spend="first_spend"), effects=Effects(factors, *draws))
    assert 800_000 < len(model.to_artifact()) < 1_000_000
