"""`farview evaluate fairness` as a person reads it."""

from typing import Any

import pytest

from cli.commands.evaluate_fairness import _show

PROTOCOL = {
    "run_id": 1,
    "model": "ltv-revenue/1",
    "as_of": "2024-03-01",
    "horizon_days": 365,
    "forecast": 10_000.0,
    "actual": 9_000.0,
    "currency": "USD",
    "customers": 1_234_567,
    "never_exposed": 1_200_000,
    "level": 0.05,
}


def group(by: str, name: str, **changed: Any) -> dict[str, Any]:
    figures = {"misjudged": False, "customers": 1_234_567, "actual_mean": 1_010.1, "ratio": 1.2, "coverage_80": 0.8}
    return {"by": by, "group": name} | figures | {"exposed_share": 0.3, "exposure_ratio": None} | changed


def test_groups_stand_in_one_line_each_of_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    groups = [
        group("cohort", "2024-01", misjudged=True),
        group("segment", "often"),
        group("exposure", "never exposed", coverage_80=None, exposure_ratio=0.5, misjudged=True),
    ]
    _show({"protocol": PROTOCOL, "groups": groups})
    lines = capsys.readouterr().out.splitlines()
    told = [line.split() for line in lines if "1,234,567 " in line]
    assert [row[-6:] for row in told if row[-6] == "1,234,567"] == [
        ["1,234,567", "1,010", "1.20", "80.0", "30.0", "-"],
        ["1,234,567", "1,010", "1.20", "80.0", "30.0", "-"],
        ["1,234,567", "1,010", "1.20", "-", "30.0", "0.50"],
    ]
    assert max(len(line) for line in lines) <= 80
    assert lines[-1] == "Misjudged beyond chance (*), against all customers: 2024-01, never exposed."
