"""The six tables: one set of ids, the same for any order of blocks and any number of customers."""

import itertools
import json
import re
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farview.core.errors import InvalidInput
from farview.simulation.business import World
from farview.simulation.calendar import local_to_utc, waking
from farview.simulation.customers import BLOCK, ZONES, customer_blocks, simulate_customers
from farview.simulation.files import SCHEMAS, block_tables, write_world
from farview.simulation.items import make_catalogue
from farview.simulation.world import make_world
from tests.tiers import examples

PARTS = [name for name in SCHEMAS if name != "items"]
COUNT = BLOCK + 500  # ends inside its second block


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(7, channels=4)


@pytest.fixture(scope="module")
def files(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    folder = tmp_path_factory.mktemp("world")
    write_world(world, COUNT, folder, file_format="parquet")
    return {name: pyarrow.parquet.read_table(folder / f"{name}.parquet") for name in SCHEMAS}


def tables(world: World, count: int, *, messy: bool) -> dict[str, pa.Table]:
    catalogue = make_catalogue(world)
    blocks = [block_tables(world, catalogue, block, messy=messy) for block in customer_blocks(world, count)]
    return {name: pa.concat_tables([block[name] for block in blocks]) for name in PARTS}


@pytest.mark.parametrize("messy", [False, True])
def test_blocks_are_the_same_in_any_order(world, files, messy):
    catalogue = make_catalogue(world)
    backwards = {
        block: block_tables(world, catalogue, simulate_customers(world, block), messy=messy) for block in (2, 1, 0)
    }
    forwards = tables(world, 3 * BLOCK, messy=messy)
    for name in PARTS:
        assert pa.concat_tables([backwards[block][name] for block in range(3)]).equals(forwards[name])


@pytest.mark.parametrize("messy", [False, True])
def test_the_first_customers_stay_the_same_when_more_are_simulated(world, messy):
    few, many = tables(world, COUNT, messy=messy), tables(world, 2 * BLOCK + 1, messy=messy)
    first = few["customers"]["customer_id"]
    assert len(first) == COUNT
    for name in PARTS:
        theirs = many[name].filter(pc.is_in(many[name]["customer_id"], first.combine_chunks()))
        assert theirs.equals(few[name])


def test_some_customers_of_a_block_have_the_rows_they_have_among_all(world):
    catalogue, block = make_catalogue(world), simulate_customers(world, 1)
    some = block.take(np.flatnonzero(np.arange(BLOCK) % 3 == 1))
    whole, part = (block_tables(world, catalogue, who) for who in (block, some))
    for name in PARTS:
        theirs = pc.is_in(whole[name]["customer_id"], some.ids())
        assert whole[name].filter(theirs).equals(part[name])


def test_equal_arguments_write_equal_bytes(world, tmp_path):
    written = [write_world(make_world(7, channels=4), 300, tmp_path / name) for name in ("a", "b")]
    for first, second in zip(*written, strict=True):
        assert first.path.name == second.path.name
        assert first.path.read_bytes() == second.path.read_bytes()


def test_another_seed_is_another_world(world):
    one, other = (tables(each, 50, messy=False) for each in (world, make_world(8, channels=4)))
    assert not any(one[name].equals(other[name]) for name in PARTS)


@pytest.mark.parametrize("name", [name for name in PARTS if name != "customers"])
def test_every_row_belongs_to_a_customer_of_the_customers_file(files, name):
    known = files["customers"]["customer_id"].combine_chunks()
    assert pc.all(pc.is_in(files[name]["customer_id"], known)).as_py()


def test_every_impression_is_of_an_item_of_the_items_file(files):
    known = files["items"]["item_id"].combine_chunks()
    assert pc.all(pc.is_in(files["impressions"]["item_id"], known)).as_py()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("customers", ["customer_id"]),
        ("consents", ["customer_id", "channel"]),
        ("transactions", ["transaction_id"]),
        ("items", ["item_id"]),
        ("impressions", ["query_id", "position"]),
        ("impressions", ["query_id", "item_id"]),
    ],
)
def test_keys_are_unique(files, name, key):
    assert files[name].group_by(key).aggregate([]).num_rows == files[name].num_rows


def test_a_query_is_one_list_shown_to_one_customer_at_one_time(files):
    queries = files["impressions"].group_by(["query_id", "customer_id", "time"]).aggregate([([], "count_all")])
    assert set(queries["count_all"].to_pylist()) == {10}
    assert queries.num_rows == len(queries["query_id"].unique())


def test_no_touch_uses_a_channel_without_consent(files):
    refused = files["consents"].filter(pc.invert(files["consents"]["allowed"])).select(["customer_id", "channel"])
    both = files["touchpoints"].join(refused, ["customer_id", "channel"], join_type="inner")
    assert refused.num_rows > 100
    assert both.num_rows == 0


def test_a_journey_ends_with_its_conversion_and_has_no_two_touches_at_once(files):
    log = files["touchpoints"].to_pylist()
    for before, row in itertools.pairwise(log):
        if before["customer_id"] == row["customer_id"]:
            assert before["interaction"] != "conversion"
            assert before["time"] < row["time"]


def test_conversions_follow_their_touch_within_seven_days_and_on_its_channel(files):
    log = files["touchpoints"].to_pylist()
    conversions = [(b, row) for b, row in itertools.pairwise(log) if row["interaction"] == "conversion"]
    assert len(conversions) > 100
    for before, row in conversions:
        assert before["customer_id"] == row["customer_id"]
        assert before["channel"] == row["channel"]
        assert row["time"] - before["time"] < timedelta(days=7)
        assert row["conversion_value"] > 0


def test_customers_are_touched_between_8_and_22_on_their_own_clock(files):
    zones = dict(zip(*(files["customers"][name].to_pylist() for name in ("customer_id", "time_zone")), strict=True))
    for row in files["touchpoints"].to_pylist():
        if row["interaction"] != "conversion":
            assert 8 <= row["time"].astimezone(ZoneInfo(zones[row["customer_id"]])).hour < 22


@pytest.mark.parametrize("messy", [False, True])
@pytest.mark.parametrize("name", ["transactions", "touchpoints", "impressions"])
def test_nothing_is_written_from_the_end_of_the_log_on(world, name, messy):
    latest = pc.max(tables(world, 1500, messy=messy)[name]["time"]).as_py()
    assert world.log_end - timedelta(days=2) < latest < world.log_end


@given(st.integers(0, len(ZONES) - 1), st.floats(-365, 90, exclude_max=True))
@settings(max_examples=examples(ci=200, soak=10_000))
def test_local_times_become_the_instants_that_the_zone_says(region, days):
    world = make_world(0)
    local = waking(np.array([days]))
    instant = datetime.fromtimestamp(local_to_utc(local, np.array([region]), world)[0] / 1e6, UTC)
    wall = datetime.combine(world.log_start, time()) + timedelta(seconds=float(np.floor(local[0] * 86_400)))
    assert instant.astimezone(ZoneInfo(ZONES[region])).replace(tzinfo=None) == wall


def test_csv_files_write_times_as_iso_8601_and_consent_in_words(world, tmp_path):
    write_world(world, 50, tmp_path / "csv")
    _, _, _, allowed, when = (tmp_path / "csv" / "consents.csv").read_text().splitlines()[1].split(",")
    assert allowed in ("true", "false")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", when)


def test_csv_and_parquet_hold_the_same_rows(world, tmp_path):
    write_world(world, 200, tmp_path / "csv", file_format="csv")
    write_world(world, 200, tmp_path / "parquet", file_format="parquet")
    for name, schema in SCHEMAS.items():
        options = pyarrow.csv.ConvertOptions(column_types=schema, strings_can_be_null=False)
        read = pyarrow.csv.read_csv(tmp_path / "csv" / f"{name}.csv", convert_options=options)
        kept = pyarrow.parquet.read_table(tmp_path / "parquet" / f"{name}.parquet")  # which knows no whole seconds
        assert read.cast(schema).equals(kept.cast(schema))


def test_the_files_report_counts_rows_and_bytes(world, tmp_path):
    report = {file.path.name: file for file in write_world(world, 200, tmp_path)}
    for name in SCHEMAS:
        assert report[f"{name}.csv"].rows == len((tmp_path / f"{name}.csv").read_text().splitlines()) - 1
    assert all(file.size_bytes == file.path.stat().st_size for file in report.values())


def test_the_truth_file_holds_the_numbers_of_the_world(world, tmp_path):
    write_world(world, 10, tmp_path, messy=True)
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert truth["written"] == {"customers": 10, "messy": True}
    assert truth["world"]["journey"]["previous"] == world.journey.previous.tolist()
    assert truth["catalogue"]["appeal"] == make_catalogue(world).appeal.tolist()


def test_a_folder_with_something_in_it_is_refused_and_left_alone(world, tmp_path):
    (tmp_path / "precious.csv").write_text("mine")
    with pytest.raises(InvalidInput, match="is not empty"):
        write_world(world, 10, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.csv"]


def test_a_file_in_place_of_the_folder_is_refused(world, tmp_path):
    (place := Path(tmp_path / "taken")).write_text("mine")
    with pytest.raises(InvalidInput, match="taken is a file"):
        write_world(world, 10, place)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"channels": 1}, "channels"),
        ({"channels": 13}, "channels"),
        ({"max_touches": 0}, "max_touches"),
        ({"item_count": 9}, "item_count"),
    ],
)
def test_a_world_outside_the_family_is_refused_by_name(arguments, field):
    with pytest.raises(InvalidInput, match=f"^{field}: "):
        make_world(1, **arguments)


def test_the_description_of_the_model_names_every_file_and_column():
    description = (Path(__file__).parents[2] / "docs" / "synthetic-business.md").read_text(encoding="utf-8")
    for name, schema in SCHEMAS.items():
        row = next(line for line in description.splitlines() if line.startswith(f"| {name} |"))
        assert [column for column in schema.names if f"`{column}`" not in row] == []
