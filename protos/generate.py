"""Generates farview/v1 from the protos, checks that it is up to date, and lints the contract.

python protos/generate.py            writes farview/v1
python protos/generate.py --check    exits 1 when farview/v1 differs from what the protos say
python protos/generate.py --lint     runs buf lint on an image made by protoc
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import grpc_tools  # type: ignore[import-untyped]
from google.rpc import status_pb2
from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
ROOT = PROTOS.parent
GENERATED = ROOT / "farview" / "v1"


def main(arguments: list[str]) -> int:
    """Runs the mode named on the command line; returns the exit code."""
    if arguments == ["--check"]:
        return check()
    if arguments == ["--lint"]:
        return lint()
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    fresh = generate()
    for stale in set(generated_files()) - set(fresh):
        (GENERATED / stale).unlink()
    for name, content in fresh.items():
        (GENERATED / name).write_bytes(content)
    print(f"{len(fresh)} files written to {GENERATED.relative_to(ROOT)}")
    return 0


def check() -> int:
    """0 when the committed code equals what the protos generate, else 1 with the names of the files that differ."""
    fresh, committed = generate(), generated_files()
    different = sorted(name for name in fresh.keys() | committed.keys() if fresh.get(name) != committed.get(name))
    for name in different:
        print(f"farview/v1/{name} is not what the protos generate (run `make protos`)", file=sys.stderr)
    return 1 if different else 0


def lint() -> int:
    """Runs buf on the image of the protos and everything that they import."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.binpb"
        _protoc(f"--descriptor_set_out={image}", "--include_imports", "--include_source_info")
        command = [_script("buf"), "lint", str(image), "--path", "farview", "--config", str(PROTOS / "buf.yaml")]
        return subprocess.run(command, check=False).returncode


def generate() -> dict[str, bytes]:
    """What the protos generate, by file name."""
    with tempfile.TemporaryDirectory() as folder:
        _protoc(
            f"--python_out={folder}",
            f"--grpc_python_out={folder}",
            f"--plugin=protoc-gen-mypy={_script('protoc-gen-mypy')}",
            f"--mypy_out=quiet:{folder}",
            f"--plugin=protoc-gen-mypy_grpc={_script('protoc-gen-mypy_grpc')}",
            f"--mypy_grpc_out=quiet:{folder}",
        )
        fresh = {path.name: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
    # protoc writes a *_pb2_grpc for every proto; those without a service hold nothing.
    return {name: code for name, code in fresh.items() if "_pb2_grpc" not in name or b"Stub" in code}


def generated_files() -> dict[str, bytes]:
    """What is committed, by file name."""
    return {path.name: path.read_bytes() for path in GENERATED.glob("*_pb2*") if path.is_file()}


def _protoc(*options: str) -> None:
    common = Path(status_pb2.__file__).parents[2]
    includes = [PROTOS, Path(grpc_tools.__file__).parent / "_proto", common]
    protos = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as renamed:
        # The package ships this file under another name than it was compiled and is imported by.
        operations = Path(renamed) / "google" / "longrunning" / "operations.proto"
        operations.parent.mkdir(parents=True)
        shutil.copy(common / "google" / "longrunning" / "operations_proto.proto", operations)
        paths = [f"--proto_path={include}" for include in (*includes, renamed)]
        if protoc.main(["protoc", *paths, *options, *protos]) != 0:
            raise SystemExit(1)


def _script(name: str) -> str:
    """A command that was installed beside this Python."""
    return str(Path(sys.executable).parent / name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
