"""What the Containerfile and the init container do, as a user without rights where one can be had.

The compiled kernels of the build are read by another user, from a copy, after layers have taken
the fractions of a second from the times of files.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import venv
from pathlib import Path

import numba
import pytest

from kustomizing import DEPLOY, render

ROOT = DEPLOY.parents[1]
USER = 65532
WARM = [
    "-c",
    "from numba.core.dispatcher import Dispatcher\n"
    "import numba.core.compiler as c, bayplan.extender.warming as w\n"
    "n, real = [0], c.compile_extra\n"
    "def counted(*a, **k):\n    n[0] += 1\n    return real(*a, **k)\n"
    "c.compile_extra = counted\n"
    "w.warm()\nprint(n[0])",
]


def lines() -> list[str]:
    return (DEPLOY / "Containerfile").read_text().replace("\\\n", "").splitlines()


def test_the_image_the_manifests_and_the_file_name_one_user_and_one_folder() -> None:
    (user,) = [line.split()[1] for line in lines() if line.startswith("USER")]
    (deployment,) = [x for x in render(DEPLOY / "base") if x["kind"] == "Deployment"]
    spec = deployment["spec"]["template"]["spec"]
    context = spec["securityContext"]
    assert user == f"{context['runAsUser']}:{context['runAsGroup']}" == f"{USER}:{USER}"
    (copies,) = spec["initContainers"]
    folders = re.findall(r"NUMBA_CACHE_DIR=(\S+)", "\n".join(lines()))
    assert set(folders) == {str(Path(copies["command"][2]).parent)}


def test_kernels_of_the_build_are_read_by_another_user_from_a_copy() -> None:
    setpriv = shutil.which("setpriv")
    if os.geteuid() or setpriv is None:
        pytest.skip("no user can be switched to: needs root and setpriv(1)")
    home = Path("/var/tmp") / f"bayplan-image-{os.getpid()}"
    home.mkdir(mode=0o755)
    try:
        python = _installed(home)
        _run([python, "-m", "bayplan.extender.warming"], home / "built")
        other = [setpriv, f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        if subprocess.run([*other, python, "-c", "import numba"], check=False).returncode:
            pytest.skip("another user may not run this Python")
        volume = home / "volume"
        volume.mkdir()
        os.chown(volume, 0, USER)  # as an emptyDir with fsGroup is
        volume.chmod(0o2777)
        copies = ["cp", "-R", str(home / "built" / "bayplan"), str(volume)]
        subprocess.run([*other, *copies], check=True)
        said = _run([*other, python, *WARM], volume)
        none = _run([*other, python, *WARM], home / "none")
        assert said == "0\n"
        assert int(none) > 0  # the count counts
    finally:
        shutil.rmtree(home)


def _installed(home: Path) -> str:
    """Make a venv that has this repository's code, and our own packages, with times of layers."""
    venv.create(home / "venv", with_pip=False, symlinks=True)
    python = home / "venv" / "bin" / "python"
    said = subprocess.run([python, "-c", "import site; print(site.getsitepackages()[0])"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    site = Path(said.stdout.strip())
    (site / "others.pth").write_text(f"{Path(numba.__file__).parents[1]}\n")
    shutil.copytree(ROOT / "src" / "bayplan", site / "bayplan", symlinks=False,
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    touch = next(line for line in lines() if "touch" in line).removeprefix("RUN ")
    subprocess.run(touch.replace("/opt/bayplan", str(home / "venv")), shell=True, check=True)
    assert all(path.stat().st_mtime == 1_700_000_000 for path in site.rglob("bayplan/**/*.py"))
    return str(python)


def _run(command: list[str], cache: Path) -> str:
    environment = {"PATH": os.environ["PATH"], "NUMBA_CACHE_DIR": str(cache),
                   "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
