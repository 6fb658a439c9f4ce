"""Scores block by block are those of all at once, with what adjusts them."""

from typing import Any

import numpy as np
import pytest

from ranking import candidate_scores
from ranking.adjustments import CONTACT_COST, FACTORS, FATIGUE, Factor, Fatigue
from ranking.candidate_scores import CandidateScores
from ranking.scores import EFFECT, MEAN, QUANTILES, ExpectedValue, Score, ThompsonDraw, TreatmentEffect

CUSTOMERS = 500
IDS = np.array([f"c{number:04d}" for number in range(CUSTOMERS)])


def scored(kind: Score, **changed: Any) -> CandidateScores:
    """Four of five customers are candidates."""
    rng = np.random.default_rng(0)
    quantiles = np.sort(rng.gamma(1.0, 20.0, (len(QUANTILES), CUSTOMERS)), axis=0)
    columns = {
        MEAN: quantiles.mean(axis=0),
        EFFECT: rng.normal(size=CUSTOMERS),
        **dict(zip(QUANTILES, quantiles, strict=True)),
    }
    candidates = np.flatnonzero(np.arange(CUSTOMERS) % 5)
    whole = {
        "factors": [Factor(rng.random(len(candidates)) < 0.5, 0.3)],
        "fatigue": Fatigue(rng.integers(0, 4, CUSTOMERS), 0.8),
        "contact_cost": 0.5,
    }
    return CandidateScores(kind, columns, IDS, candidates, seed=3, **(whole | changed))


@pytest.mark.parametrize(
    "kind", [ExpectedValue(), ThompsonDraw(), TreatmentEffect()], ids=lambda kind: type(kind).__name__
)
def test_blocks_give_the_scores_of_all_at_once(monkeypatch: pytest.MonkeyPatch, kind: Score) -> None:
    by = scored(kind)
    at_once = by.of(slice(None)).score
    monkeypatch.setattr(candidate_scores, "BLOCK", 7)
    assert by.scores().tolist() == pytest.approx(at_once.tolist(), rel=1e-12)


def test_the_parts_of_some_add_up_to_their_scores() -> None:
    by, some = scored(ThompsonDraw()), np.array([399, 0, 17])
    parts = by.of(some).parts
    assert {FACTORS, FATIGUE, CONTACT_COST} <= parts.keys()
    assert sum(parts.values()) == pytest.approx(by.scores()[some])


def test_a_customer_s_draw_is_its_own_whoever_else_is_a_candidate() -> None:
    plain: dict[str, Any] = {"factors": (), "fatigue": None, "contact_cost": 0.0}
    by = scored(ThompsonDraw(), **plain)
    alone = CandidateScores(by.kind, by.columns, IDS, by.candidates[40:41], seed=3)
    assert alone.scores() == pytest.approx(by.scores()[40:41])


def test_contacts_are_those_of_their_customer() -> None:
    fatigue = Fatigue.of({"c0002": 3, "nobody": 5, "c0000": 1}, IDS[:4], 0.5)
    assert fatigue.contacts.tolist() == [1, 0, 3, 0]
