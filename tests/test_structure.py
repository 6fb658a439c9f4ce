"""What the house promises of itself: floors, no pickle, quick help."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("farview", "ltv", "journeys", "ranking", "jobs", "server", "cli", "migrations")
SOURCES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")) if "v1" not in path.parts]


def test_no_module_imports_a_pickle() -> None:
    forbidden = {"pickle", "cloudpickle", "dill", "joblib"}
    guilty = [str(path) for path in SOURCES if forbidden & _imported(path)]
    assert guilty == []


@pytest.fixture(scope="module")
def modules_of_help() -> set[str]:
    """What a new interpreter has loaded when it knows every command."""
    code = "import sys, cli.main; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("library", ["numpy", "pymc", "grpc", "duckdb", "sqlalchemy", "torch", "matplotlib"])
def test_help_does_not_import(library: str, modules_of_help: set[str]) -> None:
    assert "cli.main" in modules_of_help
    assert library not in modules_of_help


def test_server_modules_leave_fitting_libraries_alone() -> None:
    libraries = ("pymc", "pytensor", "nutpie", "arviz", "torch")
    code = f"import sys, server.wiring; sys.exit(any(m in sys.modules for m in {libraries}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_of_the_docs_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_decision_is_numbered_once() -> None:
    numbers = [path.name[:4] for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    assert numbers == [f"{number:04d}" for number in range(1, len(numbers) + 1)]
