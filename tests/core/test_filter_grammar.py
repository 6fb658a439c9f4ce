"""What the filter language accepts, and how it says no."""

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core import columns as c
from farview.core.errors import InvalidInput
from farview.core.filters import (
    EVERYTHING,
    And,
    Comparison,
    FieldType,
    Filter,
    Op,
    Or,
    compile_filter,
    field_names,
    fields_of,
    unparse,
)
from farview.core.schemas import FORECAST
from tests.core.filter_cases import FIELDS, trees
from tests.tiers import examples

MARCH = Comparison("cohort", Op.EQ, "1997-03")
RICH = Comparison("value_mean", Op.GT, 12.5)


def test_comparisons_join_by_and() -> None:
    assert compile_filter('cohort = "1997-03" AND value_mean > 12.5', FIELDS) == And((MARCH, RICH))


@pytest.mark.parametrize(
    "text",
    [
        '(cohort = "1997-03") AND (value_mean > 12.5)',
        '((cohort = "1997-03" AND value_mean > 12.5))',
        "cohort='1997-03'AND(value_mean>12.5)",
        "  cohort\n=\t1997-03   AND value_mean > +1.25e1 ",
    ],
)
def test_parentheses_quotes_and_spaces_do_not_change_the_meaning(text: str) -> None:
    assert compile_filter(text, FIELDS) == And((MARCH, RICH))


OTHER = Comparison("cohort", Op.NE, "1997-03")
POOR = Comparison("value_mean", Op.LE, 12.5)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("cohort = 1997-03 OR value_mean > 12.5", Or((MARCH, RICH))),
        ("cohort = 1997-03 OR (value_mean > 12.5 OR cohort != 1997-03)", Or((MARCH, RICH, OTHER))),
        ("cohort = 1997-03 AND value_mean > 12.5 OR value_mean <= 12.5", And((MARCH, Or((RICH, POOR))))),
        ("cohort != 1997-03 OR value_mean > 12.5 AND value_mean <= 12.5", And((Or((OTHER, RICH)), POOR))),
        ("(cohort = 1997-03 AND value_mean > 12.5) OR value_mean <= 12.5", Or((And((MARCH, RICH)), POOR))),
        ("NOT cohort = 1997-03", OTHER),
        ("NOT(value_mean > 12.5)AND cohort = 1997-03", And((POOR, MARCH))),
        ("NOT (cohort = 1997-03 AND value_mean > 12.5)", Or((OTHER, POOR))),
        ("NOT (cohort = 1997-03 OR NOT (value_mean > 12.5 OR cohort = 1997-03))", And((OTHER, Or((RICH, MARCH))))),
    ],
)
def test_or_binds_closer_than_and_and_not_closest(text: str, meant: Filter) -> None:
    assert compile_filter(text, FIELDS) == meant


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_a_blank_filter_selects_everything(text: str) -> None:
    assert compile_filter(text, FIELDS) == EVERYTHING


@pytest.mark.parametrize("op", list(Op))
def test_every_comparator_is_read_as_written(op: Op) -> None:
    assert compile_filter(f"value_mean {op} 1", FIELDS) == Comparison("value_mean", op, 1.0)


@pytest.mark.parametrize(
    ("literal", "meant"),
    [
        (r'"say \"hi\""', 'say "hi"'),
        (r"'it\'s'", "it's"),
        (r'"back\\slash"', r"back\slash"),
        (r'"two\nlines\tand\r"', "two\nlines\tand\r"),
        ('"1997-03 AND (x)"', "1997-03 AND (x)"),
        ('""', ""),
        ('"OR"', "OR"),
        ("ANDREW", "ANDREW"),
        ("Zürich", "Zürich"),
        ("12", "12"),
    ],
)
def test_strings_mean_what_their_escapes_say(literal: str, meant: str) -> None:
    assert compile_filter(f"cohort = {literal}", FIELDS) == Comparison("cohort", Op.EQ, meant)


@pytest.mark.parametrize("literal", ["1997-03-31", '"1997-03-31"', "'1997-03-31'"])
def test_dates_are_written_with_or_without_quotes(literal: str) -> None:
    assert compile_filter(f"first_purchase_date < {literal}", FIELDS) == Comparison(
        "first_purchase_date", Op.LT, date(1997, 3, 31)
    )


@given(trees())
@settings(max_examples=examples(ci=200, soak=20_000))
def test_a_filter_written_out_compiles_to_itself(tree: Filter) -> None:
    assert compile_filter(unparse(tree), FIELDS) == tree


@given(st.text(max_size=60) | st.text("()='\"\\<>!: andANDORNOTcohort19-", max_size=60))
@settings(max_examples=examples(ci=300, soak=50_000))
def test_no_text_fails_but_with_a_position_inside_it_or_one_past_its_end(text: str) -> None:
    try:
        compile_filter(text, FIELDS, "guarantees[0].filter")
    except InvalidInput as error:
        (violation,) = error.violations
        assert violation.field == "guarantees[0].filter"
        position, _ = violation.problem.removeprefix("position ").split(": ", 1)
        assert 1 <= int(position) <= len(text) + 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "cohrt = 1",
            "position 1: unknown field cohrt; known fields: cohort, value_mean, frequency, first_purchase_date",
        ),
        ("cohort = 1 AND (x < 2)", "position 17: unknown field x; known"),
        (
            'value_mean > "12"',
            'position 14: value_mean is a number and cannot be compared with "12"; write it like 12.5',
        ),
        ("value_mean > 1_000", "position 14: value_mean is a number"),
        ("value_mean > nan", "position 14: value_mean is a number"),
        ("value_mean > 1e999", "position 14: 1e999 is beyond the largest number"),
        ("value_mean > ١", "position 14: value_mean is a number"),
        ("first_purchase_date > 5", "position 23: first_purchase_date is a date and cannot be compared with 5"),
        ("first_purchase_date > 1997-3-31", 'write it like "1997-03-31"'),
        ("first_purchase_date > 1997-02-29", "position 23: 1997-02-29 is not a day of the calendar"),
        ("cohort", "position 7: the filter ends where one of = != < <= > >= after the field should stand"),
        ("cohort =", "position 9: the filter ends where a value after the comparison should stand"),
        ("cohort = a AND", "position 15: the filter ends where a field name should stand"),
        ("cohort == a", "position 9: found '=' where a value after the comparison should stand"),
        ("cohort = a b = 2", "position 12: found 'b' where AND, OR or the end of the filter should stand"),
        ("cohort = a and cohort = b", "position 12: found 'and' where AND, OR"),
        ('"cohort" = a', "position 1: found '\"cohort\"' where a field name (without quotes) should stand"),
        ("(cohort = a", 'position 12: the filter ends where AND, OR or ")" should stand'),
        ("cohort = a)", "position 11: found ')' where AND, OR or the end of the filter should stand"),
        ("()", "position 2: found ')' where a field name should stand"),
        ("cohort = OR", "position 10: found 'OR' (as a value, quote it: \"OR\") where a value"),
        ("cohort = NOT", "position 10: found 'NOT' (as a value, quote it: \"NOT\") where a value"),
        ("NOT NOT cohort = a", "position 5: found 'NOT' where a field name should stand"),
        ("cohort = a OR", "position 14: the filter ends where a field name should stand"),
        ("cohort = a NOT cohort = b", "position 12: found 'NOT' where AND, OR or the end of the filter should stand"),
        ("NOT (x < 2)", "position 6: unknown field x; known"),
        ("cohort : a", 'position 8: the operator ":" is not supported; use one of = != < <= > >='),
        ('cohort = "a', 'position 10: the quote " opened here is never closed'),
        (r'cohort = "a\q"', "position 12: unknown escape \\q"),
        ("cohort = a, b", "position 11: unexpected ','"),
        ("cohort = \0", "position 10: character U+0000"),
        ('cohort = "\ud800"', "position 11: character U+D800"),
    ],
)
def test_a_bad_filter_is_refused_with_its_place_and_the_mend(text: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        compile_filter(text, FIELDS)
    (violation,) = refusal.value.violations
    assert violation.field == "filter"
    assert problem in violation.problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cohort = " + "a" * 4096, "has 4,105 characters; at most 4,096"),
        ("(" * 33 + "cohort = a" + ")" * 33, "position 33: parentheses nest deeper than 32"),
        (" AND ".join(["cohort = a"] * 65), "more than 64 comparisons"),
    ],
)
def test_a_filter_beyond_the_limits_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidInput, match="filter: ") as refusal:
        compile_filter(text, FIELDS)
    assert problem in str(refusal.value)


def test_a_filter_at_the_limits_compiles() -> None:
    deepest = "(" * 32 + "cohort = a" + ")" * 32
    longest = " AND ".join([deepest] * 64)[:4096].rsplit(" AND ", 1)[0]
    assert isinstance(compile_filter(longest, FIELDS), And)


def test_a_filter_knows_the_fields_it_reads() -> None:
    assert field_names(compile_filter("cohort = a AND (value_mean > 1 AND cohort != b)", FIELDS)) == {
        "cohort",
        "value_mean",
    }


def test_forecast_columns_are_fields_except_their_grids() -> None:
    fields = fields_of(FORECAST)
    assert fields["cohort"] is FieldType.STRING
    assert fields["first_purchase_date"] is FieldType.DATE
    assert fields["expected_value_q10"] is FieldType.NUMBER
    assert "value_grid" not in fields


def test_the_documented_filters_and_errors_are_as_written() -> None:
    page = (Path(__file__).parents[2] / "docs" / "filters.md").read_text()
    fields = fields_of(FORECAST)
    works, fails = page.split("```")[1].strip().splitlines(), page.split("```")[5].strip().splitlines()
    for text in works:
        compile_filter(text, fields)
    wrong = ['value_mean > "12"', "cohrt = 1", "cohort = OR"]
    for text, line in zip(wrong, fails, strict=True):
        with pytest.raises(InvalidInput, match=re.escape(line.removesuffix(", ..."))):
            compile_filter(text, fields)


def test_every_documented_field_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "filters.md").read_text()
    parts = [f"{a}_{b}" for a in ("purchases", "value", "expected_value") for b in ("mean", "sd", *c.QUANTILE_SUFFIXES)]
    named = {"customer_id", "cohort", "first_purchase_date", "median_next_purchase_date", "horizon_days", "p_alive"}
    assert named | {*parts, "purchases_p_zero", "value_p_zero"} == set(fields_of(FORECAST))
    assert all(f"`{name}`" in page for name in named)
