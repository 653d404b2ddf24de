"""A working folder with a small trace, and the command line run in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bayplan import cli
from bayplan.kernels.warm import warm
from bayplan.simulator import compiling

from .support import NODES, PODS, Bayplan, Captured


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm()  # so that no command says that it compiles


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a small cluster and trace in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(compiling, "warm", lambda groups: None)
    monkeypatch.setattr(compiling, "is_warm", lambda groups: True)
    (tmp_path / "nodes.csv").write_text(NODES)
    (tmp_path / "pods.csv").write_text(PODS)
    return tmp_path


@pytest.fixture
def bayplan(folder: Path, capfd: pytest.CaptureFixture[str]) -> Bayplan:
    """Run the command line in this process: exit code, stdout, stderr."""

    def run(*arguments: str) -> Captured:
        capfd.readouterr()
        code = cli._run(list(arguments))
        out, err = capfd.readouterr()
        return code, out, err

    return run


@pytest.fixture
def refused(bayplan: Bayplan, folder: Path) -> Callable[..., str]:
    """Run what must be refused, see that nothing was written, and return the one line."""

    def run(*arguments: str) -> str:
        before = {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
        code, out, err = bayplan(*arguments)
        assert code == 2
        assert out == ""
        assert err.endswith("\n")
        assert len(err.splitlines()) == 1
        assert err.startswith("bayplan: ")
        after = {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
        assert after == before
        return err.removeprefix("bayplan: ").removesuffix("\n")

    return run
