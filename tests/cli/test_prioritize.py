"""`farview prioritize` and `farview audiences`, as they are typed."""

import csv
import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.audience_terms import caps_of, factors_of, fatigue_of, floors_of, score_of
from farview.core.errors import FailedPrecondition, InvalidInput, NotFound
from farview.core.schemas import TREATMENT_EFFECTS
from farview.store.catalog import DescribedCustomer, SaidConsent
from farview.store.engine import write
from farview.store.store import Store
from farview.store.values import Answered, Exposure
from farview.store.writer import Writer
from ranking.score_names import NamedScore
from tests.cli.test_promises import Typed
from tests.store import worlds

NAMES = ["a", "b", "c", "d", "e"]


@pytest.fixture
def farview(new_url: str) -> Typed:
    typed, store = Typed(new_url), Store.open(new_url)
    known = [DescribedCustomer(name, None, {}, ()) for name in NAMES]
    write(store._engine, lambda connection: Writer(connection).upsert_customers(known, who="test"))
    worlds.publish(store, store.begin_run(worlds.spec(worlds.register(store))), worlds.forecasts(NAMES))
    store.close()
    return typed


def test_a_list_is_chosen_stored_and_written(farview: Typed, tmp_path: Path) -> None:
    told = farview("prioritize", "--capacity", "3", "--out", str(tmp_path / "a.csv"))
    assert "Audience 1: 3 of 5 candidates" in told
    farview("audiences", "export", "1", str(tmp_path / "a.parquet"))
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [row["customer_id"] for row in rows] == pq.read_table(tmp_path / "a.parquet")["customer_id"].to_pylist()
    scores = [float(row["score"]) for row in rows]
    assert (len(rows), scores) == (3, sorted(scores, reverse=True))
    assert sorted(path.name for path in tmp_path.iterdir() if ".part" in path.name) == []


def test_a_list_keeps_its_floors_and_says_so(farview: Typed) -> None:
    told = json.loads(farview("prioritize", "--capacity", "4", "--floor", 'new=0.5:cohort = "2024-01"', "--json"))
    assert (told["customers"], told["floors"][0]["owed"], told["floors"][0]["shortfall"]) == (4, 2, 0)


def test_a_list_keeps_its_floors_by_attention_and_says_so(farview: Typed) -> None:
    asked = ["prioritize", "--capacity", "4", "--floor", 'new=0.5:cohort = "2024-01"', "--by-attention"]
    told = json.loads(farview(*asked, "--json"))
    attention = told["floors"][0]["attention"]
    assert attention["total"] == pytest.approx(2.561607)
    assert attention["promised"] == pytest.approx(2.561607 / 2 - 0.815465)
    assert f"promised: above {attention['promised']:.2f}" in farview(*asked)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("--by-attention", ["--by-attention"]),
        ("--score", ["--score", "best"]),
        ("--score", ["--score", "upper-tail"]),
        ("--score", ["--score", "thompson=1"]),
        ("--score", ["--score", "treatment-effect"]),
        ("--score", ["--score", "quantile=0.3"]),
        ("--score", ["--score", "exceedance=-3"]),
        ("--score", ["--score", "lower-tail=2"]),
        ("--floor", ["--floor", "new=2:p_alive > 0.5"]),
        ("--floor", ["--floor", "new=0.5:nothing = 1"]),
        ("--cap", ["--cap", "2"]),
        ("--factor", ["--factor", "p_alive > 0.5"]),
        ("--factor", ["--factor", "-1:p_alive > 0.5"]),
        ("--factor", ["--factor", "2:nothing = 1"]),
        ("--factor", ["--factor", "2:p_alive > 0.5"] * 17),
        ("--fatigue", ["--fatigue", "1"]),
        ("--fatigue", ["--fatigue", "0.5/0"]),
        ("--fatigue", ["--fatigue", "0.5/"]),
        ("--out", ["--out", "list.xls"]),
        ("--out", ["--out", "nowhere/list.csv"]),
        ("capacity", ["--capacity", "0"]),
        ("horizon_days", ["--horizon-days", "7"]),
        ("segment", ["--segment", "new", "--filter", "p_alive > 0.5"]),
    ],
)
def test_what_makes_no_list_is_named(farview: Typed, field: str, words: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        farview("prioritize", "--capacity", "3", *words)
    assert caught.value.violations[0].field == field


def test_a_list_needs_forecasts_and_an_export_a_list(farview: Typed, initialised: Path, tmp_path: Path) -> None:
    bare = Typed(f"sqlite:///{shutil.copy(initialised, tmp_path / 'bare.db')}")
    with pytest.raises(FailedPrecondition, match="no forecast is published"):
        bare("prioritize", "--capacity", "3")
    with pytest.raises(NotFound, match="audience '9'"):
        farview("audiences", "export", "9", str(tmp_path / "a.csv"))
    assert not (tmp_path / "a.csv").exists()


def test_a_list_by_an_action_begins_with_whom_it_changes_most(farview: Typed) -> None:
    with pytest.raises(FailedPrecondition, match="farview score --effects"):
        farview("prioritize", "--capacity", "2", "--score", "treatment-effect=email")
    store = Store.open(farview.options[-1])
    model = store.register_model("uplift", "x_learner", b"bytes", worlds.lineage(), {})
    rows = [{"customer_id": name, "action": "email", "effect": float(k)} for k, name in enumerate(NAMES)]
    store.publish_effects(model, date(2024, 2, 29), [pa.RecordBatch.from_pylist(rows, TREATMENT_EFFECTS)], who="ada")
    store.close()
    told = farview("prioritize", "--capacity", "2", "--score", "treatment-effect=email", "--contact-cost", "1.5")
    assert [line.split()[1:2] for line in told.splitlines() if line.split()[:1] in (["1"], ["2"])] == [["e"], ["d"]]
    assert "2.50" in told


def test_a_factor_a_fatigue_and_a_purpose_act_on_the_list(farview: Typed, tmp_path: Path) -> None:
    def listed(*words: str) -> dict[str, float]:
        farview("prioritize", "--capacity", "5", *words, "--out", str(tmp_path / "list.csv"))
        rows = csv.DictReader((tmp_path / "list.csv").read_text().splitlines())
        return {row["customer_id"]: float(row["score"]) for row in rows}

    before = listed()
    store = Store.open(farview.options[-1])
    now = datetime.now(UTC)
    shown = [Exposure(1, now, "a", None), Exposure(2, now, "a", None), Exposure(3, now, "b", None)]
    answered = Answered("x", "PrioritizeCustomers", None, None, None)
    write(store._engine, lambda connection: Writer(connection).record_exposures(answered, shown, who="ada"))
    refusal = DescribedCustomer("c", None, {}, (SaidConsent("email", "newsletter", allowed=False, time=now),))
    write(store._engine, lambda connection: Writer(connection).upsert_customers([refusal], who="ada"))
    store.close()
    doubled = {name: 2 * x if name in {"b", "d"} else x for name, x in before.items()}
    assert listed("--factor", '2:cohort = "2024-01"') == pytest.approx(doubled)
    tired = {"a": 0.25, "b": 0.5}
    assert listed("--fatigue", "0.5") == pytest.approx({name: x * tired.get(name, 1) for name, x in before.items()})
    assert set(listed("--purpose", "newsletter", "--channel", "email")) == set(before) - {"c"}


def test_words_become_terms() -> None:
    assert score_of("upper-tail=0.05") == NamedScore("upper-tail", 0.05)
    assert score_of("treatment-effect=email") == NamedScore("treatment-effect", action="email")
    assert floors_of(["new=0.2:p_alive > 0.9"]) == (("new", "p_alive > 0.9", 0.2),)
    assert factors_of(["0.5:p_alive > 0.9"]) == (("p_alive > 0.9", 0.5),)
    assert [fatigue_of(text) for text in ("", "0.8", "0.8/7")] == [None, (0.8, 30), (0.8, 7)]
    assert caps_of(["2/7", "5/30"]) == ((2, 7), (5, 30))
