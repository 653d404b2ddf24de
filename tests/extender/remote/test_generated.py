"""The generated code of the service is what `make proto` writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bayplan.extender.remote.methods import METHODS, SERVICE

ROOT = Path(__file__).parents[3]
PB = Path("bayplan/extender/remote/pb")


def test_the_generated_code_is_up_to_date(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", "src"]
    command += [f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    subprocess.run([*command, str("src" / PB / "bayplan_v1.proto")], cwd=ROOT, check=True)
    for name in ("bayplan_v1_pb2.py", "bayplan_v1_pb2.pyi"):
        made, kept = tmp_path / PB / name, ROOT / "extender/remote/pb" / name
        assert made.read_bytes() == kept.read_bytes(), f"{name}: run make proto"


def test_the_makefile_writes_it_in_the_same_way() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nproto:")[2].partition("\n\n")[0]
    words = recipe.replace("\\", " ").split()
    wanted = ["grpc_tools.protoc", "-I", "src", "--python_out=src", "--pyi_out=src"]
    start = words.index("grpc_tools.protoc")
    assert words[start:] == [*wanted, f"src/{PB}/bayplan_v1.proto"]


def test_the_service_has_these_methods() -> None:
    streams = {name for name, method in METHODS.items() if method.streams}
    assert SERVICE == "bayplan.v1.Scheduler"
    assert list(METHODS) == [
        "Decide", "DecideGang", "Preempt", "Commit", "Release", "Explain", "Snapshot",
        "WatchDecisions",
    ]  # fmt: skip
    assert streams == {"Snapshot", "WatchDecisions"}
    assert METHODS["Decide"].path == "/bayplan.v1.Scheduler/Decide"
