"""What all benchmarks share: the machine, the result files, percentiles."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"
DATA = Path(os.environ.get("BAYPLAN_DATA", "../shared/data"))


def write_result(question: str, figures: dict[str, Any]) -> Path:
    """Write a benchmark's figures with what they depend on; return the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{question}.json"
    result = {"schema": f"bayplan.bench.{question}/1", "machine": machine(), "figures": figures}
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return path


def machine() -> dict[str, str]:
    """Return what the figures depend on."""
    # What the benchmarks write themselves does not make another program of it.
    ours = [".", ":!bench/results", ":!README.md", ":!docs"]
    commit, changes = (
        subprocess.run(["git", *command], capture_output=True, text=True, check=False).stdout
        for command in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--", *ours])
    )
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "numba": version("numba"),
        "bayplan": version("bayplan"),
        "commit": (commit.strip() or "unknown") + ("-dirty" if changes.strip() else ""),
    }


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return p50 and p99 in microseconds."""
    p50, p99 = np.percentile(np.array(seconds) * 1e6, [50, 99])
    return {"p50_us": round(float(p50), 1), "p99_us": round(float(p99), 1)}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
