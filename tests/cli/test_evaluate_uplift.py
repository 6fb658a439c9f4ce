"""`farview evaluate uplift`, as it is typed."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app
from farview.core.errors import InvalidInput

FEATURES = ("--feature", "age", "--feature", "city", "--control", "none")


def typed(*words: str) -> str:
    result = CliRunner().invoke(app, ["evaluate", "uplift", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def mailing(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Email adds 6 to the younger half and takes 2 from the others, who bring more whatever is done."""
    path = tmp_path_factory.mktemp("mailing") / "mailing.csv"
    rng = np.random.default_rng(3)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["age", "city", "action", "chance", "outcome", "history"])
        for _ in range(480):
            age, email = int(rng.integers(20, 60)), rng.random() < 0.4
            outcome = 0.2 * age + email * (6.0 if age < 40 else -2.0) + rng.normal()
            city, chance = ["Ulm", "Jena", ""][int(rng.integers(3))], 0.4 if email else 0.6
            writer.writerow([age, city, "email" if email else "none", chance, f"{outcome:.3f}", f"{0.2 * age:.1f}"])
    return str(path)


@pytest.fixture(scope="module")
def report(mailing: str) -> dict[str, Any]:
    words = (mailing, *FEATURES, "--history-column", "history", "--propensity-column", "chance", "--json", "-")
    found: dict[str, Any] = json.loads(typed(*words))
    return found


def test_the_effect_wins_where_it_differs_between_customers(report: dict[str, Any]) -> None:
    assert report["winner"] == "treatment_effect"
    assert report["protocol"]["evidence"] == "randomised"


def test_the_valuable_are_the_wrong_ones_where_contacts_put_them_off(report: dict[str, Any]) -> None:
    assert report["scores"]["spend_history"]["auuc_above_no_order"]["upper"] < 0


def test_the_effect_of_the_first_tenths_is_told_with_intervals(report: dict[str, Any]) -> None:
    first = report["scores"]["treatment_effect"]["first"]
    assert [one["share"] for one in first] == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert all(one["effect"]["lower"] - 0.5 < 6.0 < one["effect"]["upper"] + 0.5 for one in first)


def test_what_a_contact_costs_is_taken_off(mailing: str, report: dict[str, Any]) -> None:
    dear = json.loads(typed(mailing, *FEATURES, "--propensity-column", "chance", "--contact-cost", "3", "--json", "-"))
    free, costly = (one["scores"]["no_order"]["first"][4]["effect"]["estimate"] for one in (report, dear))
    assert free - costly == pytest.approx(3.0)


def test_tables_name_the_winner_and_the_picture_is_drawn(mailing: str, tmp_path: Path) -> None:
    picture = tmp_path / "uplift.png"
    said = typed(mailing, *FEATURES, "--picture", str(picture))
    assert "Winner: treatment_effect" in said
    assert "randomised, as assumed" in said
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--feature", "age", "--control", "nothing"), "--control: 'nothing' is never done; the file has email, none"),
        (("--feature", "height", "--control", "none"), "no column 'height'"),
        ((*FEATURES, "--history-column", "city"), "column 'city' does not hold numbers"),
        ((*FEATURES, "--propensity-column", "age"), "age is not a probability"),
        ((*FEATURES, "--propensity-column", "chance", "--observational"), "does not go with --propensity-column"),
    ],
)
def test_bad_input_is_named(mailing: str, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        typed(mailing, *words)
