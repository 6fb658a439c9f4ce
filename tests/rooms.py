"""Pytest plugin: seconds of each room, and a closed list of reasons to skip."""

from collections import defaultdict
from collections.abc import Iterator

import pytest

ALLOWED_SKIPS = ("data folder absent: set FARVIEW_DATA",)


class Rooms:
    """Collects durations and skips; works under xdist because reports reach the controller."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.tests: dict[str, int] = defaultdict(int)
        self.skips: dict[str, list[str]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        parts = report.nodeid.split("::")[0].split("/")
        room = parts[1] if len(parts) > 2 else "whole"
        self.seconds[room] += report.duration
        if report.when == "call":
            self.tests[room] += 1
        if report.skipped and isinstance(report.longrepr, tuple):
            self.skips[report.longrepr[2].removeprefix("Skipped: ")].append(report.nodeid)

    def unlisted(self) -> Iterator[str]:
        """Tests skipped for a reason that nobody agreed to."""
        for reason, tests in self.skips.items():
            if not any(reason.startswith(allowed) for allowed in ALLOWED_SKIPS):
                yield from (f"{test}: {reason}" for test in tests)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus == pytest.ExitCode.OK and any(self.unlisted()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("rooms")
        for room, seconds in sorted(self.seconds.items(), key=lambda item: -item[1]):
            terminalreporter.line(f"{room:<12} {seconds:7.1f} s  {self.tests[room]:5} tests")
        for reason, tests in sorted(self.skips.items()):
            terminalreporter.line(f"skipped {len(tests)}: {reason}")
        for line in self.unlisted():
            terminalreporter.line(f"SKIPPED FOR AN UNLISTED REASON {line}", red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Registers the plugin where results are collected: the controller, or the only process."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Rooms(), "rooms")
