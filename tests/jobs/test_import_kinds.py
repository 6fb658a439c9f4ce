"""What each kind of file may hold: good cells as the store takes them, bad rows with line, reason and mend."""

import gzip
import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.errors import InvalidInput
from farview.store.values import Business
from jobs.import_kinds import KINDS
from jobs.import_reading import FileOptions, FileReader
from tests.tiers import examples

BERLIN = Business("Europe/Berlin", "EUR", consent_required=False)

GOOD = {  # a row that is good in every column
    "transactions": {"customer_id": "a", "time": "2024-01-01", "amount": "5"},
    "touchpoints": {
        "customer_id": "a",
        "time": "2024-01-01T10:00:00Z",
        "interaction": "conversion",
        "channel": "email",
        "conversion_value": "12.5",
        "propensity": "0.5",
        "currency": "eur",
        "touchpoint_id": "t1",
    },
    "customers": {"customer_id": "a", "time_zone": "Asia/Tokyo", "segment": "new", "age": "34"},
    "consents": {
        "customer_id": "a",
        "channel": "email",
        "purpose": "survey",
        "allowed": "yes",
        "time": "2024-01-01T10:00:00Z",
    },
    "items": {
        "item_id": "i",
        "price": "9.99",
        "category": "toys",
        "brand": "B1",
        "margin": "-1",
        "stock": "7",
        "added": "2024-05-01",
        "popularity": "0.25",
    },
    "impressions": {
        "query_id": "q",
        "customer_id": "a",
        "time": "2024-01-01T10:00:00Z",
        "position": "1",
        "item_id": "i",
        "grade": "cart",
        "propensity": "1",
    },
    "treatments": {
        "customer_id": "a",
        "time": "2024-01-01T10:00:00Z",
        "action": "email",
        "propensity": "0.4",
        "outcome": "-1.5",
        "currency": "eur",
    },
    "rates": {"date": "2024-01-01", "currency": "usd", "rate": "0.92"},
}


def reader(path: Path, kind: str, **options: Any) -> FileReader:
    return FileReader(path, KINDS[kind], FileOptions(**options), BERLIN)


def rows(path: Path, kind: str, **options: Any) -> list[dict[str, Any]]:
    read = reader(path, kind, **options)
    return [row for batch in read.batches() for row in batch.to_pylist()]


def rejects(path: Path, kind: str, **options: Any) -> list[tuple[int, str]]:
    read = reader(path, kind, **options)
    for _ in read.batches():
        pass
    return [(reject.line, str(reject)) for reject in read.listed_rejects()]


def written(folder: Path, text: str, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def table(folder: Path, kind: str, *changes: dict[str, str]) -> Path:
    """A file of GOOD rows, each with some cells changed."""
    lines = [GOOD[kind] | change for change in changes]
    quoted = ['"' + '","'.join(cell.replace('"', '""') for cell in line.values()) + '"' for line in lines]
    return written(folder, "\n".join([",".join(lines[0]), *quoted]) + "\n")


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_row_is_read(tmp_path: Path, kind: str) -> None:
    assert rejects(table(tmp_path, kind, {}), kind) == []


def test_cells_of_touchpoints_become_values(tmp_path: Path) -> None:
    (row,) = rows(table(tmp_path, "touchpoints", {"interaction": "Conversion", "channel": ""}), "touchpoints")
    assert row["interaction"] == "conversion"
    assert row["channel"] is None
    assert row["conversion_value"] == Decimal("12.5")
    assert (row["propensity"], row["touchpoint_id"]) == (0.5, "t1")
    assert row["time"] == datetime(2024, 1, 1, 10, tzinfo=UTC)


def test_a_touch_has_no_value_though_exports_write_0(tmp_path: Path) -> None:
    (row,) = rows(table(tmp_path, "touchpoints", {"interaction": "click", "conversion_value": "0.0"}), "touchpoints")
    assert row["conversion_value"] is None


def test_cells_of_items_become_values(tmp_path: Path) -> None:
    (row,) = rows(table(tmp_path, "items", {"stock": "7.0"}), "items")
    assert row == {
        "item_id": "i",
        "price": Decimal("9.99"),
        "category": "toys",
        "brand": "B1",
        "margin": Decimal("-1"),
        "stock": 7,
        "added": date(2024, 5, 1),
        "attributes": '{"popularity": 0.25}',
    }


@pytest.mark.parametrize(
    ("cell", "grade"),
    [("0", 0), ("4", 4), ("impression", 0), ("Click", 1), (" cart ", 2), ("checkout", 3), ("PURCHASE", 4)],
)
def test_grades_are_numbers_or_words(tmp_path: Path, cell: str, grade: int) -> None:
    (row,) = rows(table(tmp_path, "impressions", {"grade": cell}), "impressions")
    assert row["grade"] == grade


@pytest.mark.parametrize(
    ("cell", "allowed"), [("true", True), ("FALSE", False), ("yes", True), ("No", False), ("1", True), ("0", False)]
)
def test_consent_is_read_from_common_words(tmp_path: Path, cell: str, allowed: bool) -> None:
    (row,) = rows(table(tmp_path, "consents", {"allowed": cell}), "consents")
    assert row["allowed"] is allowed


@pytest.mark.parametrize("text", ["customer_id,channel,allowed,time\na,email,1,2024-01-01\n", None])
def test_the_purpose_is_marketing_where_none_stands(tmp_path: Path, text: str | None) -> None:
    path = written(tmp_path, text) if text else table(tmp_path, "consents", {"purpose": " "})
    assert rows(path, "consents")[0]["purpose"] == "marketing"


@pytest.mark.parametrize(
    ("kind", "column", "cell", "said"),
    [
        ("touchpoints", "customer_id", "", "is empty"),
        ("touchpoints", "time", "2999-01-01", '"2999-01-01" lies in the future'),
        ("touchpoints", "interaction", " ", "is empty"),
        ("touchpoints", "conversion_value", "12,5", '"12,5" is not a number (is the decimal mark a comma? try --deci'),
        ("touchpoints", "propensity", "0", '"0" is not above 0 and at most 1'),
        ("touchpoints", "propensity", "1.5", '"1.5" is not above 0 and at most 1'),
        ("touchpoints", "propensity", "often", '"often" is not a number'),
        ("touchpoints", "propensity", "nan", '"nan" is not a number'),
        ("touchpoints", "currency", "USD", '"USD" is not the reporting currency EUR, and there is no rate of that day'),
        ("touchpoints", "channel", "a\0b", "contains a NUL character (is the file UTF-8?)"),
        ("rates", "date", "", "is empty"),
        ("rates", "date", "soon", '"soon" is not a day (write it as 1997-09-30)'),
        ("rates", "date", "2999-01-01", '"2999-01-01" lies in the future'),
        ("rates", "date", "0199-01-01", '"0199-01-01" lies before 1900'),
        ("rates", "currency", "", "is empty"),
        ("rates", "currency", "dollars", '"dollars" is not an ISO 4217 code like EUR'),
        ("rates", "rate", "", "is empty"),
        ("rates", "rate", "0,92", '"0,92" is not a number (is the decimal mark a comma? try --decimal ,)'),
        ("rates", "rate", "0", '"0" is not above 0 (10 decimals are kept)'),
        ("rates", "rate", "1e-11", '"1e-11" is not above 0 (10 decimals are kept)'),
        ("rates", "rate", "1e7", '"1e7" is not below 10,000,000'),
        ("customers", "customer_id", "", "is empty"),
        ("customers", "time_zone", "CEST", '"CEST" is not an IANA time zone (for example Europe/Berlin)'),
        ("customers", "time_zone", "localtime", '"localtime" is not an IANA time zone'),
        ("customers", "segment", "a\0b", "contains a NUL character (is the file UTF-8?)"),
        ("consents", "channel", "", "is empty"),
        ("consents", "allowed", "", "is empty"),
        ("consents", "allowed", "maybe", '"maybe" is neither yes nor no (write true, false, yes, no, 1 or 0)'),
        ("consents", "time", "", "is empty"),
        ("items", "item_id", "", "is empty"),
        ("items", "price", "", "is empty"),
        ("items", "price", "-5", '"-5" is negative (a price is 0 or more)'),
        ("items", "price", "1e13", '"1e13" is not a number below 10^12'),
        ("items", "margin", "low", '"low" is not a number'),
        ("items", "stock", "-1", '"-1" is below 0'),
        ("items", "stock", "3.7", '"3.7" is not a whole number'),
        ("items", "added", "spring", '"spring" is not a day (write it as 1997-09-30)'),
        ("items", "added", "0199-01-01", '"0199-01-01" lies before 1900 (is the year written with four digits?)'),
        ("treatments", "customer_id", "", "is empty"),
        ("treatments", "action", " ", "is empty"),
        ("treatments", "time", "", "is empty"),
        ("treatments", "time", "2999-01-01", '"2999-01-01" lies in the future'),
        ("treatments", "propensity", "0", '"0" is not above 0 and at most 1'),
        ("treatments", "propensity", "half", '"half" is not a number'),
        ("treatments", "outcome", "much", '"much" is not a number'),
        ("treatments", "outcome", "1e12", '"1e12" is not a number below 10^12'),
        ("treatments", "currency", "dollars", '"dollars" is not an ISO 4217 code like EUR'),
        ("impressions", "query_id", "", "is empty"),
        ("impressions", "position", "0", '"0" is below 1'),
        ("impressions", "position", "", "is empty"),
        ("impressions", "position", "first", '"first" is not a whole number'),
        ("impressions", "grade", "5", '"5" is no grade (write 0 to 4, or impression, click, cart, checkout, purchase)'),
        ("impressions", "grade", "", "is empty"),
        ("impressions", "propensity", "-0.1", '"-0.1" is not above 0 and at most 1'),
    ],
)
def test_a_bad_cell_is_told_with_its_line_and_mend(
    tmp_path: Path, kind: str, column: str, cell: str, said: str
) -> None:
    key = KINDS[kind].once
    path = table(tmp_path, kind, {}, ({key: "b"} if key else {}) | {column: cell})
    ((line, reason),) = rejects(path, kind)
    assert (line, reason[: len(column) + 1 + len(said)]) == (3, f"{column} {said}")


@pytest.mark.parametrize("interaction", ["impression", "click"])
def test_a_touch_needs_a_channel(tmp_path: Path, interaction: str) -> None:
    path = table(tmp_path, "touchpoints", {"interaction": interaction, "channel": "", "conversion_value": ""})
    assert rejects(path, "touchpoints") == [(2, "channel is empty (only a conversion may have none)")]


def test_a_value_on_a_touch_is_refused_and_not_lost(tmp_path: Path) -> None:
    ((_, reason),) = rejects(table(tmp_path, "touchpoints", {"interaction": "click"}), "touchpoints")
    assert reason.startswith('conversion_value "12.5" stands on a touch (only a row whose interaction is "conversion"')


@pytest.mark.parametrize(("kind", "key"), [("customers", "customer_id"), ("items", "item_id")])
def test_the_second_row_of_a_key_is_rejected_with_its_line(tmp_path: Path, kind: str, key: str) -> None:
    path = table(tmp_path, kind, {}, {key: "b"}, {key: " a " if kind == "customers" else "i"})
    ((line, reason),) = rejects(path, kind)
    assert (line, reason.endswith("stands in the file before")) == (4, True)
    assert len(rows(path, kind)) == 2


def test_repeated_keys_are_found_far_apart_and_rows_stay_in_order(tmp_path: Path) -> None:
    ids = [f"c{i}" for i in range(150_000)]
    ids[149_000] = ids[7]
    ids[70_000] = ids[69_999]
    path = written(tmp_path, "customer_id,n\n" + "".join(f"{name},{n}\n" for n, name in enumerate(ids)))
    read = reader(path, "customers")
    kept = [json.loads(row)["n"] for batch in read.batches() for row in batch["attributes"].to_pylist()]
    assert kept == [n for n in range(150_000) if n not in (70_000, 149_000)]
    assert [reject.line for reject in read.listed_rejects()] == [70_002, 149_002]


def attributes(path: Path, **options: Any) -> list[dict[str, Any]]:
    return [json.loads(row["attributes"]) for row in rows(path, "customers", **options)]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["34", "-2", "+1"], [34, -2, 1]),
        (["34.0", "1e3", ".5"], [34, 1000, 0.5]),
        (["true", "False", "TRUE"], [True, False, True]),
        (["34", "old", "7"], ["34", "old", "7"]),
        (["true", "1", "0"], ["true", "1", "0"]),
        (["007", "1", "2"], ["007", "1", "2"]),  # a name of something
        (["1234567890123456", "1", "2"], ["1234567890123456", "1", "2"]),  # more digits than a double keeps
        (["nan", "1", "2"], ["nan", "1", "2"]),
        (['say "hi"', "ü", "\\"], ['say "hi"', "ü", "\\"]),
    ],
)
def test_a_column_is_of_numbers_truths_or_texts_as_all_its_cells_are(
    tmp_path: Path, cells: list[str], values: list[object]
) -> None:
    changes = [{"customer_id": f"c{n}", "age": cell} for n, cell in enumerate(cells)]
    found = [row["age"] for row in attributes(table(tmp_path, "customers", *changes))]
    assert (found, [type(value) for value in found]) == (values, [type(value) for value in values])


def test_an_empty_cell_is_no_attribute_and_no_reason_to_call_a_column_text(tmp_path: Path) -> None:
    path = table(tmp_path, "customers", {"age": ""}, {"customer_id": "b", "segment": " "})
    assert attributes(path) == [{"segment": "new"}, {"age": 34}]


def test_numbers_have_the_decimal_mark_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "customer_id;score;version\na;1,5;1.5\n")
    assert attributes(path, decimal=",") == [{"score": 1.5, "version": "1.5"}]


def test_named_attributes_are_the_only_ones(tmp_path: Path) -> None:
    assert attributes(table(tmp_path, "customers", {}), attributes=["age"]) == [{"age": 34}]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("height", "no column 'height'; it has customer_id, time_zone, segment, age"),
        ("time_zone", "file.csv: 'time_zone' is read already, and not as an attribute"),
    ],
)
def test_an_attribute_that_cannot_be_read_is_refused(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        reader(table(tmp_path, "customers", {}), "customers", attributes=[name])


@pytest.mark.parametrize("named", [[], ["customer_id"]])
def test_what_is_our_name_for_the_key_is_no_attribute_beside_it(tmp_path: Path, named: list[str]) -> None:
    path = written(tmp_path, "client,customer_id,age\na,1,34\n")
    with pytest.raises(InvalidInput, match=r"'customer_id' cannot be an attribute beside 'client'.*--attribute"):
        reader(path, "customers", columns={"customer_id": "client"}, attributes=named)
    only = {"columns": {"customer_id": "client"}, "attributes": ["age"]}
    assert attributes(path, **only) == [{"age": 34}]


def test_columns_without_a_name_are_no_attributes(tmp_path: Path) -> None:
    assert attributes(written(tmp_path, ",customer_id,age\n0,a,34\n")) == [{"age": 34}]


def test_two_attributes_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="more than one column 'age'"):
        reader(written(tmp_path, "customer_id,age,age\na,1,2\n"), "customers")


def test_line_field_and_problem_of_a_rejects_file_are_no_attributes(tmp_path: Path) -> None:
    assert attributes(written(tmp_path, "line,field,problem,customer_id,age\n3,age,bad,a,34\n")) == [{"age": 34}]


def test_parquet_tells_the_types_of_attributes(tmp_path: Path) -> None:
    path = tmp_path / "customers.parquet"
    columns = {
        "customer_id": ["a", "b"],
        "zip": ["10115", "10117"],
        "score": [0.5, float("nan")],
        "age": pa.array([34, None], pa.int8()),
        "vip": [True, False],
    }
    pq.write_table(pa.table(columns), path)
    for decimal in (".", ","):
        assert attributes(path, decimal=decimal) == [
            {"zip": "10115", "score": 0.5, "age": 34, "vip": True},
            {"zip": "10117", "vip": False},
        ]


def test_parquet_without_a_number_where_one_is_optional(tmp_path: Path) -> None:
    path = tmp_path / "touchpoints.parquet"
    nan = float("nan")
    columns = {
        "customer_id": ["a"],
        "time": [datetime(2024, 1, 1, tzinfo=UTC)],
        "interaction": ["click"],
        "channel": ["email"],
        "conversion_value": [nan],
        "propensity": [nan],
    }
    pq.write_table(pa.table(columns), path)
    (row,) = rows(path, "touchpoints")
    assert (row["conversion_value"], row["propensity"]) == (None, None)


@pytest.mark.parametrize("name", ["touches.tsv", "touches.tsv.gz"])
def test_a_tsv_file_is_cut_at_tabs_only(tmp_path: Path, name: str) -> None:
    head = "customer_id\ttime\tinteraction\tchannel\tnotes, if any, or more, or less, or both\n"
    (row,) = rows(written(tmp_path, f"{head}a\t2024-01-01\tclick\tmail\tx\n", name), "touchpoints")
    assert row["channel"] == "mail"


@pytest.mark.parametrize("kind", GOOD)
def test_a_missing_column_is_told_with_the_option_that_names_it(tmp_path: Path, kind: str) -> None:
    required = [column for column in KINDS[kind].columns if column.required]
    for column in required:
        there = ",".join(other.name for other in required if other is not column) or "none"
        with pytest.raises(InvalidInput, match=f"no column '{column.name}'; it has .*name it with {column.option}"):
            reader(written(tmp_path, f"{there}\n"), kind)


def test_an_optional_column_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no column 'tz'; .*name it with --time-zone-column"):
        reader(table(tmp_path, "customers", {}), "customers", columns={"time_zone": "tz"})


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_blank_lines_of_a_file_with_one_column_are_no_rows(tmp_path: Path, end: str) -> None:
    path = written(tmp_path, f"customer_id\na\n\nb\na\n{end}")
    assert [row["customer_id"] for row in rows(path, "customers")] == ["a", "b"]
    assert [line for line, _ in rejects(path, "customers")] == [5]


def test_the_mapping_tells_which_columns_were_read_as_what(tmp_path: Path) -> None:
    path = table(tmp_path, "customers", {})
    every = reader(path, "customers").mapping()
    assert every == {
        "customer_id": "customer_id",
        "time_zone": "time_zone",
        "attribute segment": "",
        "attribute age": "",
        "decimal": ".",
    }
    assert reader(path, "customers", attributes=["age"]).mapping() != every


@pytest.mark.parametrize("kind", GOOD)
def test_the_page_on_importing_tells_every_column_its_option_and_whether_it_is_required(kind: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "importing.md").read_text()
    section = page.split(f"\n## {kind}\n")[1].split("\n## ")[0]
    told = [
        (name, option, rule.startswith("required"))
        for name, option, rule in re.findall(r"^\| `(\w+)` \| `(--[\w-]+)` \| (.*) \|$", section, re.MULTILINE)
    ]
    assert told == [(column.name, column.option, column.required) for column in KINDS[kind].columns]


@settings(max_examples=examples(ci=20, soak=500))
@given(st.lists(st.floats(-1e14, 1e14), min_size=1, max_size=50))
def test_numbers_come_through_a_csv_file_unchanged(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[float]
) -> None:
    path = tmp_path_factory.mktemp("numbers") / "customers.csv"
    path.write_text("customer_id,x\n" + "".join(f"c{n},{number!r}\n" for n, number in enumerate(numbers)))
    assert [row["x"] for row in attributes(path)] == numbers
