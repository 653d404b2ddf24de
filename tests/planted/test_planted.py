"""Do the tests see bugs? Each is planted in a copy of the source, and a test must fail of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from .bugs import BUGS as ENGINE_BUGS
from .bugs import Bug
from .extender_bugs import EXTENDER_BUGS
from .promise_bugs import PROMISE_BUGS
from .sharing_bugs import SHARING_BUGS
from .simulator_bugs import SIMULATOR_BUGS
from .watch_bugs import WATCH_BUGS

ROOT = Path(__file__).parents[2]
BUGS = (
    *ENGINE_BUGS,
    *EXTENDER_BUGS,
    *PROMISE_BUGS,
    *SHARING_BUGS,
    *SIMULATOR_BUGS,
    *WATCH_BUGS,
)
FOLDERS = ("src", "kernels", "scheduler", "simulator", "traces", "extender", "tests")
PASSED, FAILED = 0, 1

# What pytest's summary says of a test that saw a difference, and not of one that broke down.
SAW_IT = re.compile(
    r"^FAILED \S.* - "
    r"(assert |AssertionError|Failed: DID NOT RAISE|bayplan\.scheduler\.errors\.(?!InvalidRequest))"
)

pytestmark = pytest.mark.planted


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source, with its links into itself."""
    copy = tmp_path_factory.mktemp("source")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", ".hypothesis")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


@contextmanager
def planted(bug: Bug, source: Path) -> Iterator[None]:
    """Have a bug in the copy for a while."""
    path = source / bug.file
    text = path.read_text(encoding="utf-8")
    assert text.count(bug.old) == 1, f"{bug.file} has {bug.old!r} {text.count(bug.old)} times"
    write(path, text.replace(bug.old, bug.new))
    try:
        yield
    finally:
        write(path, text)


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    # Python takes source of the same size and second for the source that it has compiled.
    Path(cache_from_source(path)).unlink(missing_ok=True)


def run_tests(source: Path, tests: Iterable[str], *options: str) -> tuple[int, str]:
    """Run tests of a copy on that copy, as plain Python."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment = inherited | {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(source / "src"),
        "NUMBA_DISABLE_JIT": "1",
        "HYPOTHESIS_PROFILE": "small",
        "COLUMNS": "300",
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *options, *tests]
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_planted_bug_is_caught(bug: Bug, source: Path) -> None:
    with planted(bug, source):
        code, output = run_tests(source, bug.caught_by, "-x")
    assert code == FAILED, output
    failures = [line for line in output.splitlines() if line.startswith("FAILED ")]
    assert failures, output
    assert all(SAW_IT.match(line) for line in failures), output


def test_without_a_bug_the_same_tests_pass(source: Path) -> None:
    tests = sorted({test for bug in BUGS for test in bug.caught_by})
    code, output = run_tests(source, tests)
    assert code == PASSED, output


def test_bugs_have_names_of_their_own() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 12
