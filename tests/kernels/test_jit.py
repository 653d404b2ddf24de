from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from numba.core import sigutils

from bayplan.kernels import _jit, warm

for module in [name for names in warm.GROUPS.values() for name in names]:
    import_module(f"bayplan.kernels.{module}")
KERNELS = {compiled.__name__: (compiled, declared) for compiled, declared in _jit.KERNELS}
KEPT = 8

ORACLES = [import_module(path.stem) for path in Path(__file__).parents[1].glob("naive*.py")]

jit_only = pytest.mark.skipif(_jit.jit_is_off(), reason="there is no compiled code with JIT off")
each_kernel = pytest.mark.parametrize("name", KERNELS)

normalize: Callable[..., Any] = sigutils.normalize_signature

SCORE = """
import json
import numpy as np
from bayplan.kernels import _jit
from bayplan.kernels.score import wanted_milli
two, out = np.ones(2, np.int64), np.zeros(1, np.int64)
needs = np.array([[0, 0], [100, 300], [0, 0], [0, 0], [1, 1], [-1, -1]])
wanted_milli(
    np.zeros(1, np.int64), 1, needs, 0 * two, 2 * two,
    np.arange(2), np.array([400, 600]), 0 * two, two, out,
)
from bayplan.kernels.pick import pick_first_among
folders = {name: _jit.cache_folder(name).name for name in ("choose", "score", "pick")}
print(json.dumps([int(out[0]), folders, sum(wanted_milli.stats.cache_hits.values())]))
"""
"""Ask a node with two kinds of slots; tell the cache folders, and how many kernels they gave."""


def run(code: str, folder: Path | None, **environment: str) -> Any:
    """Run code in a new process, with the package of ``folder``; return what it prints."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "XDG_", "COV_"))}
    kept.pop("HOME", None)
    path = {"PYTHONPATH": str(folder)} if folder else {}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=kept | path | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder with a copy of the kernels that can be edited."""
    package = tmp_path / "bayplan"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(_jit.__file__).resolve().parent, package / "kernels", ignore=ignored)
    (package / "__init__.py").touch()
    return tmp_path


def edit(folder: Path, module: str, old: str, new: str) -> None:
    path = folder / "bayplan" / "kernels" / f"{module}.py"
    before = path.read_text(encoding="utf-8")
    assert before.count(old) == 1
    path.write_text(before.replace(old, new), encoding="utf-8")


# --- every kernel ------------------------------------------------------------------------------


def test_kernels_have_names_of_their_own() -> None:
    assert len(KERNELS) == len(_jit.KERNELS)


def test_every_module_with_kernels_is_warmed() -> None:
    warmed = {name for names in warm.GROUPS.values() for name in names}
    sources = Path(_jit.__file__).parent.glob("*.py")
    assert warmed == {
        path.stem for path in sources if "\n@kernel\n" in path.read_text(encoding="utf-8")
    }


@each_kernel
def test_a_kernel_has_an_oracle(name: str) -> None:
    assert any(callable(getattr(oracle, name, None)) for oracle in ORACLES)


@each_kernel
def test_a_kernel_and_its_oracle_meet_in_the_test_of_its_module(name: str) -> None:
    module = KERNELS[name][0].__module__.rpartition(".")[2]
    text = (Path(__file__).parent / f"test_{module}.py").read_text(encoding="utf-8")
    assert re.search(rf"(?<!naive)\.{name}\b|\bimport {name}\b", text)
    assert f"naive.{name}(" in text


# --- signatures --------------------------------------------------------------------------------


@jit_only
@each_kernel
def test_warming_compiles_the_declared_signature(name: str) -> None:
    warm.warm()
    compiled, declared = KERNELS[name]
    arguments, result = normalize(declared)
    assert arguments in compiled.overloads
    assert compiled.overloads[arguments].signature.return_type == result


@jit_only
def test_no_call_so_far_made_a_kernel_specialise_again() -> None:
    """Runs after all other tests: see ``conftest``."""
    warm.warm()
    declared = {name: [normalize(s)[0]] for name, (_, s) in KERNELS.items()}
    assert {name: compiled.signatures for name, (compiled, _) in KERNELS.items()} == declared


# --- the compile cache -------------------------------------------------------------------------


@jit_only
def test_an_edited_callee_in_another_file_compiles_its_caller_again(sources: Path) -> None:
    home = str(sources / "cache")
    first, folders, hits = run(SCORE, sources, XDG_CACHE_HOME=home)
    assert (first, hits) == (100, 0)
    assert run(SCORE, sources, XDG_CACHE_HOME=home) == [first, folders, 1]
    rule, other = "free < slot_free_milli[start + best]", "slot_free_milli[start + best] < free"
    edit(sources, "choose", rule, other)
    second, other_folders, hits = run(SCORE, sources, XDG_CACHE_HOME=home)
    assert (second, hits) == (300, 0)
    assert other_folders["score"] != folders["score"]
    assert other_folders["choose"] != folders["choose"]
    edit(sources, "choose", other, rule)
    assert run(SCORE, sources, XDG_CACHE_HOME=home) == [first, folders, 1]


@jit_only
def test_an_edit_elsewhere_leaves_the_compiled_code_in_use(sources: Path) -> None:
    home = str(sources / "cache")
    first, folders, _ = run(SCORE, sources, XDG_CACHE_HOME=home)
    edit(sources, "pick", '"""The best row', '"""An edit: the best row')
    second, other_folders, hits = run(SCORE, sources, XDG_CACHE_HOME=home)
    assert (second, hits) == (first, 1)
    assert other_folders["pick"] != folders["pick"]
    assert {**other_folders, "pick": ""} == {**folders, "pick": ""}


@jit_only
def test_without_a_writable_folder_kernels_run_and_one_warning_is_given(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code = """
import json
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from bayplan.kernels import warm
    from bayplan.kernels.fit import needed_mib
    result = needed_mib(500, 0, 1_000, 1_000)
print(json.dumps([result, [[w.category.__name__, str(w.message)] for w in caught]]))
"""
    result, caught = run(code, None, HOME=str(tmp_path / "file" / "home"))
    assert result == 500
    assert [category for category, _ in caught] == ["RuntimeWarning"]
    assert "no writable cache folder" in caught[0][1]


@jit_only
@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("left", [0, 20])
def test_damaged_compiled_code_is_compiled_again(kind: str, left: int, sources: Path) -> None:
    home = sources / "cache"
    first, folders, _ = run(SCORE, sources, XDG_CACHE_HOME=str(home))
    damaged = sorted(home.rglob(f"*.{kind}"))
    assert damaged
    for path in damaged:
        os.truncate(path, left)
    assert run(SCORE, sources, XDG_CACHE_HOME=str(home)) == [first, folders, 0]
    assert run(SCORE, sources, XDG_CACHE_HOME=str(home)) == [first, folders, 1]


@jit_only
def test_on_a_full_disk_kernels_run_and_one_warning_names_the_folder(tmp_path: Path) -> None:
    code = """
import json, resource, warnings
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from bayplan.kernels.fit import needed_mib, needed_milli
    from bayplan.kernels._jit import mark_warm, warm_mark
    result = needed_mib(500, 0, 1_000, 1_000) + needed_milli(7, 0, 0)
    mark_warm("decide")
print(json.dumps([result, [str(w.message) for w in caught], warm_mark("decide").exists()]))
"""
    result, caught, is_warm = run(code, None, XDG_CACHE_HOME=str(tmp_path))
    assert (result, is_warm) == (507, False)
    assert len(caught) == 1
    assert caught[0].startswith(f"compiled kernels cannot be kept in {tmp_path}")
    assert "(File too large); make room there, or set NUMBA_CACHE_DIR" in caught[0]


@pytest.mark.parametrize("is_set", [False, True])
def test_importing_the_kernels_leaves_the_setting_of_numba_alone(
    is_set: bool, tmp_path: Path
) -> None:
    code = """
import json
import numba
before = numba.config.CACHE_DIR
from bayplan.kernels import warm
print(json.dumps([before, numba.config.CACHE_DIR]))
"""
    setting = str(tmp_path / "numba") if is_set else ""
    environment = {"NUMBA_CACHE_DIR": setting} if is_set else {}
    assert run(code, None, HOME=str(tmp_path), **environment) == [setting, setting]


@pytest.fixture
def uncached(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The cache folders as a new process would find them, which sees no cache settings."""
    monkeypatch.setattr(_jit, "cache_root", _jit.cache_root.__wrapped__)
    monkeypatch.setattr(_jit, "cache_folder", _jit.cache_folder.__wrapped__)
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_first_writable_of_the_three_places_is_taken(
    uncached: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    uncached.setenv("HOME", str(tmp_path / "home"))
    assert _jit.cache_root() == tmp_path / "home" / ".cache" / "bayplan" / "kernels"
    uncached.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert _jit.cache_root() == tmp_path / "xdg" / "bayplan" / "kernels"
    uncached.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    assert _jit.cache_root() == tmp_path / "numba" / "bayplan" / "kernels"
    (tmp_path / "file").touch()
    uncached.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    assert _jit.cache_root() == tmp_path / "xdg" / "bayplan" / "kernels"


def test_the_newest_folders_of_a_module_are_kept_and_no_others_touched(
    uncached: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    uncached.setenv("XDG_CACHE_HOME", str(tmp_path))
    root = tmp_path / "bayplan" / "kernels"
    for module, number in [("fit", n) for n in range(12)] + [("score", n) for n in range(12)]:
        folder = root / f"{module}-{number:02}"
        folder.mkdir(parents=True)
        os.utime(folder, (1_000_000 + number,) * 2)
    current = _jit.cache_folder("fit")
    assert current is not None
    left = sorted(path.name for path in root.iterdir())
    kept = {current.name, *(f"fit-{n:02}" for n in range(12 - KEPT + 1, 12))}
    assert {name for name in left if name.startswith("fit-")} == kept
    assert len([name for name in left if name.startswith("score-")]) == 12


def test_kernels_are_warm_once_they_were_warmed_and_for_one_installation(
    uncached: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    uncached.setenv("XDG_CACHE_HOME", str(tmp_path))
    uncached.setattr(_jit, "KERNELS", [])
    groups = ["decide", "power"]
    assert not warm.is_warm(groups)
    warm.warm(groups)
    assert not warm.is_warm(groups), "there is no compiled code in the cache"
    for name in ("hashing", "fit", "choose", "score", "fragment", "pick", "change", "power"):
        folder = _jit.cache_folder(name)
        assert folder is not None
        (folder / "code").touch()
    assert warm.is_warm(groups) is not _jit.jit_is_off()
    assert not warm.is_warm(["decide", "speed"])
    assert not warm.is_warm()
    uncached.setattr(_jit, "_HERE", tmp_path)  # an installation somewhere else
    assert not warm.is_warm(groups)
