"""The wheel is all a user needs: it carries the migrations and the demo's data, and its command works."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment outside the repository that holds the wheel; dependencies are seen through a .pth file."""
    folder = tmp_path_factory.mktemp("wheel")
    _run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder / "dist"), str(ROOT)])
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")])
    python = folder / "env" / "bin" / "python"
    site = Path(_run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
    (wheel,) = (folder / "dist").glob("farview-*.whl")
    _run([sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)])
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    # The editable install of the repository would win over the wheel through its own .pth; a .pth line is not
    # followed inside a folder that a .pth names, so only the dependencies come in.
    return folder / "env" / "bin"


def test_the_installed_command_prints_its_help(installed: Path, tmp_path: Path) -> None:
    assert "farview demo" in _run([str(installed / "farview"), "--help"], cwd=tmp_path)


def test_the_installed_command_creates_a_database(installed: Path, tmp_path: Path) -> None:
    database = tmp_path / "new.db"
    _run([str(installed / "farview"), "init", "--database", f"sqlite:///{database}"], cwd=tmp_path)
    assert database.stat().st_size > 0


def test_the_code_that_runs_is_the_wheels(installed: Path, tmp_path: Path) -> None:
    where = _run([str(installed / "python"), "-c", "import cli.main; print(cli.main.__file__)"], cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)


def _run(command: list[str], cwd: Path | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FARVIEW"))}
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=cwd, env=environment).stdout
