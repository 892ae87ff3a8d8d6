"""Generate the Python of `proto/` into `services/carethread/v1`; with `--check`, only compare with what is there.

It runs, with the grpcio-tools of the lock file:

    python -m grpc_tools.protoc -I proto --python_out=services --pyi_out=services --grpc_python_out=services \\
        proto/carethread/v1/*.proto
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("carethread/v1")
GENERATED = "*_pb2*.py*"


def generate(out: Path) -> dict[str, str]:
    """Generate below `out`; returns the text of each file by name. Raises CalledProcessError where protoc complains."""
    protos = sorted(path.relative_to(ROOT) for path in (ROOT / "proto" / PACKAGE).glob("*.proto"))
    outputs = [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", "proto", *outputs, *map(str, protos)]
    subprocess.run(command, cwd=ROOT, check=True)
    return generated(out)


def generated(out: Path) -> dict[str, str]:
    """The text of each generated file below `out`, by name."""
    return {path.name: path.read_text() for path in sorted((out / PACKAGE).glob(GENERATED))}


def stale() -> list[str]:
    """The names of generated files that are missing, changed or left over in `services/`."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = generate(Path(folder))
    kept = generated(ROOT / "services")
    return sorted(name for name in fresh.keys() | kept.keys() if fresh.get(name) != kept.get(name))


def main() -> int:
    """Answer the exit status: 1 when `--check` finds a difference."""
    parser = argparse.ArgumentParser(description="Generate services/carethread/v1 from proto/.")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail when a generated file is out of date"
    )
    if not parser.parse_args().check:
        generate(ROOT / "services")
        return 0
    differing = stale()
    for name in differing:
        print(f"services/{PACKAGE / name} is not what proto/ generates; run: make proto", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
