"""`farview evaluate policy`, as it is typed."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app
from farview.core.errors import FailedPrecondition, InvalidInput


def typed(*words: str) -> str:
    result = CliRunner().invoke(app, ["evaluate", "policy", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """A mailing: email earns 2, a call 1 more for each year; chosen .7 and .3; a constant and a text as context."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(600):
        years, city = float(rng.integers(0, 4)), ["Ulm", "Jena", ""][int(rng.integers(3))]
        email = rng.random() < 0.7
        reward = (2.0 if email else years) + rng.normal()
        action = "email" if email else "call"
        found.append(
            {
                "time": "x",
                "action": action,
                "propensity": 0.7 if email else 0.3,
                "reward": reward,
                "years": years,
                "city": city,
            }
        )
    return found


def test_estimates_surround_the_truth(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    report = json.loads(typed("--logs", write(tmp_path / "log.csv", rows), "--target", "always:email", "--json", "-"))
    assert set(report["estimators"]) == {"ips", "snips", "dm", "dr", "switch_dr"}
    for name, estimate in report["estimators"].items():  # the interval of dm knows nothing of its model's error
        assert name == "dm" or estimate["lower"] <= 2.0 <= estimate["upper"]
        assert estimate["value"] == pytest.approx(2.0, abs=0.25)
    assert report["protocol"]["context"] == ["years", "city"]
    assert report["max_weight"] == pytest.approx(1 / 0.7)
    assert report["ess"] == pytest.approx(sum(row["action"] == "email" for row in rows))


def test_a_file_says_what_the_target_does_with_each_decision(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    logs = write(tmp_path / "log.csv", rows)
    wanted = [{"call": float(row["years"] >= 2), "email": float(row["years"] < 2)} for row in rows]
    answers = [
        json.loads(typed("--logs", logs, "--target", target, "--json", "-"))["estimators"]["dr"]["value"]
        for target in (write(tmp_path / "target.csv", wanted), "always:email", "uniform")
    ]
    assert answers[0] == max(answers)


def test_a_person_is_shown_a_table_and_the_log_s_own_value(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    shown = typed(
        "--logs", write(tmp_path / "log.csv", rows), "--target", "uniform", "--json", str(tmp_path / "r.json")
    )
    assert "The log itself earned" in shown
    assert json.loads((tmp_path / "r.json").read_text())["estimators"]["snips"]["value"]


def test_a_target_of_which_the_log_says_too_little_is_refused(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    few = write(tmp_path / "log.csv", rows[:60])
    with pytest.raises(FailedPrecondition, match=r"of its 60 rows for this target; at least 50"):
        typed("--logs", few, "--target", "always:call")


@pytest.mark.parametrize(
    ("said", "changed"),
    [
        ("line 4: propensity is not a probability", {"propensity": 0}),
        ("line 4: propensity is not a probability", {"propensity": 1.5}),
        ("line 4: reward is not a number", {"reward": ""}),
        ("'reward' does not hold numbers", {"reward": "much"}),
        ("line 4: action names no action", {"action": ""}),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, rows: list[dict[str, Any]], said: str, changed: dict[str, Any]) -> None:
    rows[2] |= changed
    with pytest.raises(InvalidInput, match=said):
        typed("--logs", write(tmp_path / "log.csv", rows), "--target", "uniform")


@pytest.mark.parametrize(
    ("said", "target"),
    [
        ("never done in the log; its actions are call, email", "always:letter"),
        ("is no file", "nothing.csv"),
        ("a column 'letter', an action that is never done", [{"letter": 1.0}] * 600),
        ("has 2 rows for 600 decisions", [{"email": 1.0}] * 2),
        ("line 2: row is not of probabilities that sum to 1", [{"email": 0.9}] * 600),
    ],
)
def test_a_bad_target_is_named(tmp_path: Path, rows: list[dict[str, Any]], said: str, target: Any) -> None:
    name = target if isinstance(target, str) else write(tmp_path / "target.csv", target)
    with pytest.raises(InvalidInput, match=said):
        typed("--logs", write(tmp_path / "log.csv", rows), "--target", name)


def test_a_log_without_a_column_says_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="has no column 'propensity'; it has action, reward"):
        typed("--logs", write(tmp_path / "log.csv", [{"action": "a", "reward": 1}]), "--target", "uniform")
