"""Modules say what is built; what was built is not built again, and what cannot be is said."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from . import build, modules, toolchain
from .modules import Module
from .toolchain import Missing

EVERY = [modules.read(path.parent) for path in sorted(modules.HERE.glob("*/go.mod"))]


@pytest.mark.parametrize("module", EVERY, ids=lambda module: module.folder.name)
def test_a_module_is_of_the_version_that_its_folder_names(module: Module) -> None:
    version = module.folder.name.rpartition("-")[2]
    assert module.version.startswith(f"v{version}.")
    assert all(
        f"/cmd/{name}" in path or path.endswith("/v3") for name, path in module.packages.items()
    )
    sums = (module.folder / "go.sum").read_text()
    assert f"{module.version} h1:" in sums


@pytest.mark.parametrize("version", modules.versions())
def test_the_parts_of_kubernetes_are_all_of_one_release(version: str) -> None:
    (module,) = [each for each in modules.of(version) if each.product == "kubernetes"]
    text = (module.folder / "go.mod").read_text()
    parts = re.findall(r"^\t(k8s\.io/\S+) => (\S+) (\S+)$", text, re.MULTILINE)
    assert len(parts) > 25
    assert {(name, release) for _, name, release in parts} == {
        (name, module.version.replace("v1.", "v0.")) for name, _, _ in parts
    }
    assert set(module.packages) == {"kube-apiserver", "kube-controller-manager", "kube-scheduler"}
    assert f"version.gitVersion={module.version}" in module.link_flags


def test_an_unknown_version_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"Kubernetes 1\.2 is not one of 1\.37, 1\.34"):
        modules.of("1.2")


def test_versions_of_go_compare_by_number() -> None:
    assert toolchain.numbers("go1.26.8") >= toolchain.numbers("1.26.0")
    assert toolchain.numbers("1.9.9") < toolchain.numbers("1.26.0")


def test_what_changes_a_module_changes_where_its_binaries_are(tmp_path: Path) -> None:
    folder = shutil.copytree(EVERY[0].folder, tmp_path / EVERY[0].folder.name)
    assert modules.read(folder).digest() == EVERY[0].digest()
    with (folder / "go.sum").open("a") as sums:
        sums.write("example.test/x v1.0.0 h1:0=\n")
    assert modules.read(folder).digest() != EVERY[0].digest()


def test_a_module_without_its_sums_is_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("go") is None:
        pytest.skip("there is no Go")
    monkeypatch.setenv(build.FOLDER, str(tmp_path / "cache"))
    monkeypatch.setenv("GOPROXY", "off")
    folder = shutil.copytree(EVERY[0].folder, tmp_path / EVERY[0].folder.name)
    (folder / "go.sum").write_text("")
    with pytest.raises(Missing, match=r"etcd v3\.7\.\d: (.|\n)*go\.sum"):
        build.build(modules.read(folder), "etcd")
    assert list((tmp_path / "cache" / "bin").glob("*/*")) == []


@pytest.mark.controlplane
def test_what_is_there_is_not_built_again(
    binaries: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")  # nothing could be built
    for module in modules.of(modules.wanted()):
        for name in module.packages:
            assert build.build(module, name) == binaries[name]
