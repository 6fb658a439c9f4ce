"""What commands print is as wide as each test asks by COLUMNS, whichever test of the process came first."""

import pytest

from cli import console


@pytest.fixture(autouse=True)
def width_of_each_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich reads COLUMNS once, when a console is made, unless its width is left open."""
    for each in (console.out, console.err):
        monkeypatch.setattr(each, "_width", None)
