"""What the tests of the command line share: small files, and ways to run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

NODES = "name,cpu_milli,memory_mib,gpu_count,gpu_model\nn1,8000,9000,2,A\nn2,8000,9000,1,A\n"
PODS = (
    "name,cpu_milli,memory_mib,gpu_count,gpu_milli\n"
    "a,1000,100,1,1000\nb,1000,100,1,500\nc,1000,100,1,300\nd,500,100,0,0\n"
)
FILES = ("--nodes", "nodes.csv", "--pods", "pods.csv")
ONE = ("replay", *FILES, "--policy", "fgd")
OUT = ("--json", "out.json", "--plot", "out.svg")

Captured = tuple[int, str, str]
Bayplan = Callable[..., Captured]


HEADER = PODS.splitlines()[0]


def started(
    *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person does, in a process of its own."""
    program = "from bayplan.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "80", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def see(*command: str) -> str:
    """Return where a line about wrong flags points to."""
    return f"see {' '.join(('bayplan', *command))} --help"
