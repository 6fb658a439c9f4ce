"""`farview evaluate ranking` as a person and a script meet it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from cli.commands.evaluate import app
from farview.core.errors import InvalidInput
from ranking import relevance_choice, relevance_models


@pytest.fixture(scope="module", autouse=True)
def few_settings() -> Iterator[None]:
    """Inner folds choose among two: how many there are is no concern of the command."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(relevance_models, "_SHAPES", ((4, 0.3),))
        for module in (relevance_models, relevance_choice):
            patched.setattr(module, "ROUNDS", (20, 40))
        yield


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """24 queries of 8 rows; the grade rises with feature 1, feature 2 is noise, feature 3 a price."""
    folder = tmp_path_factory.mktemp("letor")
    random = np.random.default_rng(1)
    signal, noise, price = random.random((3, 24, 8))
    grades = np.digitize(signal + 0.3 * noise, [0.5, 0.7, 0.9, 1.0])
    grades[0] = 0
    lines = [
        f"{grades[q, i]} 1:{signal[q, i]:.3f} 2:{noise[q, i]:.3f} 3:{10 + 90 * price[q, i]:.2f}"
        for q in range(24)
        for i in range(8)
    ]
    (folder / "r.svmlight").write_text("\n".join(lines))
    (folder / "r.query").write_text("8\n" * 24)
    return ["--train", str(folder / "r.svmlight"), "--train-query", str(folder / "r.query")]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["ranking", *arguments], env={"COLUMNS": "80"})


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures of `report` go."""
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def report(files: list[str], pictures: Path) -> dict[str, Any]:
    """Cross-validated in two folds, with prices."""
    options = ["--folds", "2", "--price-feature", "3", "--pictures", str(pictures)]
    result = run(*files, *options, "--json", "-")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_report_has_the_published_form(report: dict[str, Any]) -> None:
    assert {"models", "champion"} <= set(report)
    assert report["champion"] in report["models"]
    assert {tuple(figures) for figures in report["models"].values()} == {("ndcg@1", "ndcg@3", "ndcg@5", "ndcg@10")}


def test_learned_rankers_beat_a_random_order(report: dict[str, Any]) -> None:
    assert report["models"]["lambdamart"]["ndcg@10"] > report["models"]["random_order"]["ndcg@10"] + 0.1


def test_queries_without_a_grade_are_counted(report: dict[str, Any]) -> None:
    assert report["protocol"]["judged_queries_without_a_grade"] == 1


def test_prices_bring_a_classifier_weighted_by_them(report: dict[str, Any]) -> None:
    assert "purchase_classifier_by_price" in report["models"]
    assert 10 <= report["details"]["lambdamart"]["average_price@10"] <= 100


def test_prices_bring_the_frontier_with_its_operating_point(report: dict[str, Any]) -> None:
    blends = [point["blend"] for point in report["frontier"]["points"]]
    assert blends[0] == "1.00"
    assert blends[-1] == "p x price"
    assert report["frontier"]["operating_point"] in blends


def test_pictures_are_drawn_for_the_figures_there_are(report: dict[str, Any], pictures: Path) -> None:
    assert sorted(path.name for path in pictures.iterdir()) == ["frontier.png", "ndcg.png", "price.png"]


@pytest.fixture(scope="module")
def judged(files: list[str], tmp_path_factory: pytest.TempPathFactory) -> Result:
    """On a test file, where nothing counts as a purchase."""
    path = tmp_path_factory.mktemp("judged") / "t.svmlight"
    path.write_text("0 qid:1 1:0.1\n3 qid:1 1:0.9\n1 qid:2 1:0.5\n0 qid:2 1:0.4\n")
    result = run(*files, "--test", str(path), "--purchase-grade", "9")
    assert result.exit_code == 0, result.output
    return result


def test_a_test_file_is_judged_whole(judged: Result) -> None:
    assert "Judged on 4 rows of 2 queries" in judged.output
    assert "(champion)" in judged.output


def test_a_classifier_without_purchases_is_left_out_and_named(judged: Result) -> None:
    assert "purchase_classifier is left out: too few to learn from" in judged.output


def test_too_few_queries_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.svmlight").write_text("0 qid:1 1:0.1\n3 qid:1 1:0.9\n")
    result = run("--train", str(tmp_path / "t.svmlight"), "--folds", "2")
    assert isinstance(result.exception, InvalidInput)
    assert "2 folds of 1 queries" in str(result.exception)


def test_an_unwritable_report_is_refused_before_the_work(files: list[str], tmp_path: Path) -> None:
    result = run(*files, "--json", str(tmp_path / "no" / "out.json"))
    assert isinstance(result.exception, InvalidInput)
    assert "cannot be written" in str(result.exception)
