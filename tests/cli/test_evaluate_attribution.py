"""`farview evaluate attribution` on a small world."""

import json
from pathlib import Path

from pyarrow import csv

from farview.simulation.journeys import simulate_journeys
from farview.simulation.touch_log import touchpoints
from farview.simulation.world import make_world
from tests.cli.running import farview


def test_conversions_are_credited_side_by_side_and_as_json(tmp_path: Path) -> None:
    world = make_world(2)
    path, out = tmp_path / "touches.csv", tmp_path / "out.json"
    csv.write_csv(touchpoints(world, simulate_journeys(world, 600)[1]), path)
    done = farview(
        "evaluate", "attribution", "--touchpoints", str(path), "--model", "markov", "--json", str(out),
        "--pictures", str(tmp_path / "drawn"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for said in ("Credit for conversions", "last touch", "Without the channel, by markov", "position on the path"):
        assert said in done.stdout
    report = json.loads(out.read_text())
    assert report["protocol"]["touchpoints"] == "touches.csv"
    assert set(report["channels"]["linear"]) == set(world.channels)
    for name in ("credit.png", "positions.png"):
        assert (tmp_path / "drawn" / name).read_bytes().startswith(b"\x89PNG")


def test_a_model_that_there_is_not_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "touches.csv"
    path.write_text("customer_id,time,interaction,channel\na,2025-01-01T10:00:00Z,click,x\n")
    done = farview("evaluate", "attribution", "--touchpoints", str(path), "--model", "oracle")
    assert done.returncode == 2
    assert "--model: 'oracle' is not a journey model" in done.stderr
