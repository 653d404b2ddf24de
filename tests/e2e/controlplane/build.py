"""Build the binaries of a control plane from Go modules, or find those that were built before.

``PYTHONPATH=tests python -m e2e.controlplane.build`` builds what is missing, one binary after the
other; with ``--tools`` Helm and promtool, too. All of it stays in one folder:
``.cache/controlplane`` of the repository, or what ``BAYPLAN_CONTROLPLANE`` names. Once built,
nothing in it is needed but ``bin/``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic

from . import toolchain
from .modules import Module, beside, of, wanted
from .toolchain import Missing

FOLDER = "BAYPLAN_CONTROLPLANE"
"""The environment variable that says where binaries and Go's caches are."""
JOBS = "2"
"""How many compilers run at once: linking kube-apiserver alone takes over a GiB."""

GOFLAGS = "-mod=readonly -modcacherw -buildvcs=false"
"""Only what go.sum names is used, and the caches can be deleted."""


def cache() -> Path:
    """Return the folder of binaries and caches."""
    default = Path(__file__).parents[3] / ".cache" / "controlplane"
    return Path(os.environ.get(FOLDER) or default).resolve()


def place(module: Module, command: str) -> Path:
    """Return where a module's command is, once it is built."""
    return cache() / "bin" / f"{module.folder.name}-{module.digest()}" / command


def binaries(kubernetes: str) -> dict[str, Path]:
    """Return the paths of all commands of a control plane, by name.

    Raises
    ------
    Missing
        Some are not built.
    """
    found = {name: place(module, name) for module in of(kubernetes) for name in module.packages}
    missing = [name for name, path in found.items() if not path.exists()]
    if missing:
        said = f"{', '.join(missing)} of Kubernetes {kubernetes} not built in {cache()}"
        raise Missing(f"{said}: make e2e builds them")
    return found


def tool(command: str) -> Path:
    """Return the path of a command that is run beside a control plane.

    Raises
    ------
    Missing
        It is not built.
    """
    (path,) = [place(each, command) for each in beside() if command in each.packages]
    if not path.exists():
        raise Missing(f"{command} not built in {cache()}: make e2e builds it")
    return path


def build(module: Module, command: str) -> Path:
    """Build a command, unless it is there for what the module now is, and return its path.

    Raises
    ------
    Missing
        There is no toolchain, or Go could not get or build a module.
    """
    path = place(module, command)
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{command}.{os.getpid()}")
    go = toolchain.find(module.go, cache())
    done = subprocess.run(
        [
            *("nice", "-n", "19", go, "build", "-p", JOBS, "-trimpath"),
            *("-ldflags", module.link_flags, "-o", unfinished, module.packages[command]),
        ],
        cwd=module.folder, env=_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Missing(f"{command} {module.version}: {done.stderr.strip()[-2000:]}")
    unfinished.replace(path)  # whole or not at all
    return path


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "CGO_ENABLED": "0",  # the binaries are static, and need no C compiler
        "GOCACHE": str(cache() / "gobuild"),
        "GOFLAGS": GOFLAGS,
        "GOMAXPROCS": JOBS,
        "GOMODCACHE": str(cache() / "gomod"),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def main() -> int:
    """Build what is missing and say how long each took and how large it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", action="store_true", help="what is run beside it, too")
    tools = beside() if parser.parse_args().tools else []
    try:
        for module in (*of(wanted()), *tools):
            for command in module.packages:
                begun, there = monotonic(), place(module, command).exists()
                size_mib = build(module, command).stat().st_size / 2**20
                took = "built before" if there else f"built in {monotonic() - begun:.0f} s"
                print(f"{command} {module.version}: {size_mib:.0f} MiB, {took}", flush=True)
    except (Missing, ValueError) as problem:
        print(f"no control plane: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
