"""What is built: small Go modules beside this file, each of one product in one version.

A module requires the product and names its commands as tools (``go help mod edit``, ``-tool``), so
that ``go mod tidy`` keeps what they need, and ``go.sum`` says what every byte of it must be.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
KUBERNETES = "BAYPLAN_KUBERNETES"
"""The environment variable that names a version of Kubernetes, such as 1.34."""


@dataclass(frozen=True, slots=True)
class Module:
    """A folder with go.mod and go.sum, such as ``kubernetes-1.37``."""

    folder: Path
    version: str
    """Of the product: ``v1.37.2``."""
    go: str
    """The oldest Go that builds it: ``1.26.0``."""
    packages: dict[str, str]
    """From a command to its package: ``kube-scheduler`` to ``k8s.io/…/cmd/kube-scheduler``."""

    @property
    def product(self) -> str:
        return self.folder.name.rpartition("-")[0]

    @property
    def link_flags(self) -> str:
        """Return the linker's flags: no debug tables, and the version that the command reports."""
        return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in self._reported())])

    def _reported(self) -> list[tuple[str, str]]:
        if self.product != "kubernetes":
            return []  # constants in the others
        major, minor, _ = self.version.removeprefix("v").split(".", 2)
        says = {"gitVersion": self.version, "gitMajor": major, "gitMinor": minor}
        packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        return [(f"{package}.{name}", says[name]) for package in packages for name in says]

    def digest(self) -> str:
        """Return what tells one content of the module from another, 12 hexadecimal digits."""
        state = hashlib.sha256(self.link_flags.encode())
        for name in ("go.mod", "go.sum"):
            state.update((self.folder / name).read_bytes())
        return state.hexdigest()[:12]


def read(folder: Path) -> Module:
    """Read a module's go.mod as ``go mod tidy`` lays it out."""
    lines = (folder / "go.mod").read_text(encoding="utf-8").splitlines()
    go = next(line.split()[1] for line in lines if line.startswith("go "))
    tools = [line.split()[-1] for line in _entries(lines, "tool")]
    versions = dict(line.split()[:2] for line in _entries(lines, "require"))
    product = next(name for name in versions if tools[0] == name or tools[0].startswith(f"{name}/"))
    packages = {_command(tool, folder.name.rpartition("-")[0]): tool for tool in tools}
    return Module(folder, versions[product], go, packages)


def _command(package: str, product: str) -> str:
    """Return what a package's command is called: after its folder, which may be a version's."""
    last = package.rpartition("/")[2]
    return product if re.fullmatch(r"v\d+", last) else last


def _entries(lines: list[str], verb: str) -> list[str]:
    """Return what stands behind a verb, on its line or in its blocks."""
    found, inside = [], False
    for line in lines:
        if line == f"{verb} (":
            inside = True
        elif line == ")":
            inside = False
        elif inside:
            found.append(line.strip())
        elif line.startswith(f"{verb} "):
            found.append(line.removeprefix(f"{verb} "))
    return found


def versions() -> list[str]:
    """Return the versions of Kubernetes that there are modules of, newest first."""
    found = [folder.name.rpartition("-")[2] for folder in HERE.glob("kubernetes-*")]
    return sorted(found, key=lambda version: tuple(map(int, version.split("."))), reverse=True)


def wanted() -> str:
    """Return the version of Kubernetes that the environment names, else the newest."""
    return os.environ.get(KUBERNETES) or versions()[0]


def of(kubernetes: str) -> list[Module]:
    """Return the modules of a control plane.

    Raises
    ------
    ValueError
        There is no module of that version of Kubernetes.
    """
    if kubernetes not in versions():
        raise ValueError(f"Kubernetes {kubernetes} is not one of {', '.join(versions())}")
    others = [_only(product) for product in ("etcd", "kwok")]
    return [*others, read(HERE / f"kubernetes-{kubernetes}")]


def beside() -> list[Module]:
    """Return the modules of what users run beside a control plane, and tests with it."""
    return [_only(product) for product in ("helm", "prometheus")]


def _only(product: str) -> Module:
    (folder,) = HERE.glob(f"{product}-*")
    return read(folder)
