"""`farview segments` and `farview guarantees`, as they are typed."""

import json

import pytest
from typer.testing import CliRunner

from cli.main import app
from farview.core.errors import FailedPrecondition, InvalidInput, NotFound

NEW = 'cohort = "2024-03"'


class Typed:
    """Commands on a database of the test's own."""

    def __init__(self, database: str) -> None:
        self.options = ["--database", database]

    def __call__(self, *words: str) -> str:
        result = CliRunner().invoke(app, [*words, *self.options], catch_exceptions=True)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output


@pytest.fixture
def farview(new_url: str) -> Typed:
    return Typed(new_url)


def test_a_segment_is_set_listed_and_deleted(farview: Typed) -> None:
    assert NEW in farview("segments", "set", "new", NEW)
    assert NEW in farview("segments", "list")
    assert [one["segment_id"] for one in json.loads(farview("segments", "list", "--json"))] == ["new"]
    farview("segments", "delete", "new")
    assert "No segments yet" in farview("segments", "list")


def test_a_guarantee_is_set_listed_and_deleted(farview: Typed) -> None:
    farview("segments", "set", "new", NEW)
    assert "0.2 of every prefix" in farview("guarantees", "set", "march", "--share", "0.2", "--segment", "new")
    (told,) = json.loads(farview("guarantees", "list", "--json"))
    assert (told["guarantee_id"], told["share"], told["filter"], told["slots"]) == ("march", 0.2, NEW, None)
    assert "march" in farview("guarantees", "list")
    farview("guarantees", "delete", "march")
    assert "No guarantees yet" in farview("guarantees", "list")


def test_a_guarantee_by_attention_says_so(farview: Typed) -> None:
    asked = ["guarantees", "set", "march", "--share", "0.2", "--filter", NEW, "--by-attention"]
    assert "0.2 of the attention of every prefix" in farview(*asked)
    (told,) = json.loads(farview("guarantees", "list", "--json"))
    assert told["by_attention"] is True


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("NAME", ["segments", "set", "New", NEW]),
        ("FILTER", ["segments", "set", "new", "nobody"]),
        ("FILTER", ["segments", "set", "new", " "]),
        ("--share", ["guarantees", "set", "g", "--share", "2", "--filter", NEW]),
        ("--filter", ["guarantees", "set", "g", "--share", ".2"]),
        ("--filter", ["guarantees", "set", "g", "--share", ".2", "--filter", NEW, "--segment", "new"]),
        ("--filter", ["guarantees", "set", "g", "--share", ".2", "--filter", "cohort"]),
        ("--ledger", ["guarantees", "set", "g", "--share", ".2", "--filter", NEW, "--ledger", "A B"]),
        ("--window-days", ["guarantees", "set", "g", "--share", ".2", "--filter", NEW, "--window-days", "0"]),
        ("--until", ["guarantees", "set", "g", "--share", ".2", "--filter", NEW, "--until", "tomorrow"]),
    ],
)
def test_bad_input_names_what_to_mend(farview: Typed, field: str, words: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        farview(*words)
    assert [wrong.field for wrong in caught.value.violations] == [field]


def test_a_promise_too_many_and_a_name_unknown_are_refused(farview: Typed) -> None:
    farview("guarantees", "set", "a", "--share", "0.9", "--filter", NEW)
    with pytest.raises(FailedPrecondition, match=r"a \(0.9\)"):
        farview("guarantees", "set", "b", "--share", "0.2", "--filter", NEW)
    with pytest.raises(NotFound):
        farview("guarantees", "delete", "b")
