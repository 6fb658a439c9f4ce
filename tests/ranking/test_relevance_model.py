"""Rankers as artifacts: they come back as they went, and nothing else is taken for one."""

import json

import numpy as np
import pytest

from farview.core.errors import ArtifactMismatch
from farview.evaluation.queries import Queries
from farview.features.item_features import Records
from farview.features.item_log import Codes
from ranking.boosting import BoostSettings, BoostTarget, fit_boosted
from ranking.purchase_chance import Logistic, PurchaseChance, calibrated
from ranking.query_table import QueryTable
from ranking.rankers import BoostedRanker, FeatureRanker, PooledRanker, Ranker
from ranking.relevance_model import LogMemory, RelevanceModel

FEATURES = np.random.default_rng(1).random((60, 4)).astype(np.float32)
TABLE = QueryTable(FEATURES, (FEATURES[:, 0] > 0.6).astype(np.int64), Queries.of_sizes(np.full(6, 10)))


def boosted(objective: str, seed: int) -> BoostedRanker:
    settings = BoostSettings(objective, depth=2, columns=1.0, rounds=5, members=2)
    return BoostedRanker(fit_boosted(FEATURES, BoostTarget(TABLE.grades.astype(float), TABLE.queries), settings, seed))


def model(name: str, ranker: Ranker) -> RelevanceModel:
    codes = Codes(("a", "b"), ("books",), ())
    records = Records(*(np.arange(5.0 * rows).reshape(rows, 5) for rows in (1, 3, 2, 1)))
    chance = PurchaseChance(boosted("binary:logistic", 3).boosted, Logistic(0.9, -1.2))
    return RelevanceModel(name, ranker, chance, 0.8, LogMemory(codes, records))


@pytest.mark.parametrize(
    ("name", "ranker"),
    [
        ("lambdamart", boosted("rank:ndcg", 1)),
        ("pool", PooledRanker((boosted("rank:ndcg", 1), boosted("reg:squarederror", 2)))),
        ("best_feature", FeatureRanker(2, descending=False)),
    ],
)
def test_a_model_comes_back_as_it_went(name: str, ranker: Ranker) -> None:
    before = model(name, ranker)
    after = RelevanceModel.from_artifact(before.to_artifact())
    rows = FEATURES[:10]
    assert np.array_equal(after.relevance(rows), before.relevance(rows))
    assert after.purchase is not None
    assert before.purchase is not None
    assert np.array_equal(after.purchase.probabilities(rows), before.purchase.probabilities(rows))
    assert (after.name, after.relevance_weight, after.memory.codes) == (name, 0.8, before.memory.codes)
    assert np.array_equal(after.memory.records.item, before.memory.records.item)
    assert after.to_artifact() == before.to_artifact()


def test_parameters_tell_models_apart() -> None:
    one, other = (model("lambdamart", boosted("rank:ndcg", seed)).parameters() for seed in (1, 2))
    assert one.keys() == other.keys()
    assert any(not np.array_equal(one[name], other[name]) for name in one)


def test_damaged_and_foreign_bytes_are_refused() -> None:
    whole = model("lambdamart", boosted("rank:ndcg", 1)).to_artifact()
    broken_tree = bytearray(whole)
    broken_tree[-200:] = bytes(200)
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    header["__metadata__"] = {"farview.ranking": "{}"}
    text = json.dumps(header).encode()
    for wrong in (b"", b"x" * 40, whole[:200], bytes(broken_tree), len(text).to_bytes(8, "little") + text):
        with pytest.raises(ArtifactMismatch, match="not a ranking model"):
            RelevanceModel.from_artifact(wrong)


def test_probabilities_are_those_of_all_lists() -> None:
    random = np.random.default_rng(5)
    margin = random.normal(0, 1.5, 40_000)
    bought = (random.random(40_000) < Logistic(0.6, -3.0)(margin)).astype(float)
    found = calibrated(margin, bought)
    assert found.slope == pytest.approx(0.6, abs=0.05)
    assert found.shift == pytest.approx(-3.0, abs=0.08)
    assert found(margin).mean() == pytest.approx(bought.mean(), rel=0.02)
