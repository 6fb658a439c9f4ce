"""What commands print is as wide as each test asks by COLUMNS, whichever test came first; databases ready for them."""

import shutil
from pathlib import Path

import pytest

from cli import console
from farview.store.store import Store
from farview.store.values import Business


@pytest.fixture(autouse=True)
def width_of_each_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich reads COLUMNS once, when a console is made, unless its width is left open."""
    for each in (console.out, console.err):
        monkeypatch.setattr(each, "_width", None)


@pytest.fixture(scope="session")
def initialised(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `farview init --time-zone UTC --currency EUR` leaves. Copy it."""
    path = Path(shutil.copy(sqlite_template, tmp_path_factory.mktemp("initialised") / "farview.db"))
    store = Store.open(f"sqlite:///{path}")
    store.set_business(Business("UTC", "EUR", consent_required=False))
    store.close()
    return path


@pytest.fixture
def new_url(initialised: Path, tmp_path: Path) -> str:
    """A new business's database."""
    return f"sqlite:///{shutil.copy(initialised, tmp_path / 'farview.db')}"
