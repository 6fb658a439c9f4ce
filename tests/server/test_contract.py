"""The contract in the repository: generated code, its runtime, its style."""

import itertools
import re
import tomllib
from pathlib import Path

import grpc
from google.protobuf.runtime_version import MAJOR, MINOR, PATCH

from server.wiring import SERVICES

ROOT = Path(__file__).resolve().parents[2]
PROTOS = sorted((ROOT / "protos" / "farview" / "v1").glob("*.proto"))


def floor_of(package: str) -> tuple[int, ...]:
    """The lowest version that pyproject.toml allows."""
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    line = next(line for line in dependencies if re.match(rf"{package}>=", line))
    return tuple(map(int, re.findall(r"\d+", line.split(">=")[1].split(",")[0])))


def test_generated_code_is_not_newer_than_the_floor_of_protobuf() -> None:
    for path in (ROOT / "farview" / "v1").glob("*_pb2.py"):
        match = re.search(r"Protobuf Python Version: (\d+)\.(\d+)\.(\d+)", path.read_text())
        assert match is not None
        assert tuple(map(int, match.groups())) <= floor_of("protobuf") <= (MAJOR, MINOR, PATCH)


def test_generated_code_is_not_newer_than_the_floor_of_grpcio() -> None:
    for path in (ROOT / "farview" / "v1").glob("*_pb2_grpc.py"):
        match = re.search(r"GRPC_GENERATED_VERSION = '(\d+)\.(\d+)\.(\d+)'", path.read_text())
        assert match is not None
        assert (
            tuple(map(int, match.groups()))
            <= floor_of("grpcio")
            <= tuple(map(int, re.findall(r"\d+", grpc.__version__)[:3]))
        )


def test_the_contract_has_no_string_maps() -> None:
    assert not [path.name for path in PROTOS if "map<" in path.read_text()]


def test_every_method_has_a_comment() -> None:
    for path in PROTOS:
        lines = path.read_text().splitlines()
        for before, line in itertools.pairwise(lines):
            if line.strip().startswith("rpc "):
                assert before.strip().startswith("//"), line


def test_the_services_are_those_of_the_contract() -> None:
    declared = {name for path in PROTOS for name in re.findall(r"^service (\w+)", path.read_text(), re.MULTILINE)}
    standard = {"google.longrunning.Operations"}
    assert {service.rsplit(".", 1)[1] for service in SERVICES if service not in standard} == declared
    assert standard < set(SERVICES)
