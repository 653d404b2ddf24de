from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from bayplan.simulator.replay.sweep import Run, sweep

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def reproduce() -> Iterator[Any]:
    """The script bench/reproduce.py as a module."""
    spec = importlib.util.spec_from_file_location("reproduce", ROOT / "bench" / "reproduce.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["reproduce"] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["reproduce"]


@pytest.fixture(scope="module")
def data() -> Path:
    """The folder of the published data; a run that requires it fails without."""
    folder = Path(os.environ.get("BAYPLAN_DATA", ROOT.parent / "shared" / "data"))
    if (folder / "fgd_expected").is_dir() and (folder / "openb").is_dir():
        return folder
    reason = f"no published tables in {folder}; set BAYPLAN_DATA"
    if os.environ.get("CI_REQUIRE_DATA") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def published(reproduce: Any, data: Path) -> Any:
    return reproduce.read_published(data)


@pytest.mark.parametrize("workload", ["default", "gpuspec10"])
def test_every_column_equals_the_published_one(
    workload: str, reproduce: Any, data: Path, published: Any
) -> None:
    experiment = reproduce.load(data, workload, orders=True)
    runs: list[Run] = list(sweep(experiment, ["fgd", "gpu-packing"], [42, 47]))
    assert len(runs) == 4
    for run in runs:
        theirs = published[workload, run.policy, run.seed]
        assert len(run.allocated_pct) == len(theirs["allocated_pct"]) == 131
        for name in ("allocated_pct", "fragmented_pct_of_capacity"):
            assert getattr(run, name) == pytest.approx(theirs[name], rel=0, abs=1e-9)
    if workload == "default":
        assert (runs[0].policy, runs[0].seed) == ("fgd", 42)
        assert runs[0].gpu_allocated_milli == 5_919_410
        assert runs[0].gpu_capacity_milli == 6_212_000


def test_the_published_orders_keep_the_protocol_of_our_own(reproduce: Any, data: Path) -> None:
    # Pods first, each once, and copies afterwards until one GPU of the next would be too much.
    experiment = reproduce.load(data, "multigpu20", orders=True)
    n = len(experiment.pods)
    demand = experiment.pods.gpu_count * experiment.pods.gpu_milli
    limit = experiment.load * experiment.capacity_milli
    assert sorted(experiment.arrivals) == list(range(42, 52))
    for order in experiment.arrivals.values():
        assert sorted(order[:n].tolist()) == list(range(n))
        room = limit - int(demand[order[:-1]].sum())
        assert int(experiment.pods.gpu_milli[order[-1]]) <= room


@pytest.fixture
def small(reproduce: Any, data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One workload, two policies, two seeds."""
    monkeypatch.setattr(reproduce, "WORKLOADS", ("default",))
    monkeypatch.setattr(reproduce, "SEEDS", [42, 43])
    names = {name: reproduce.THEIR_NAMES[name] for name in ("best-fit", "fgd")}
    monkeypatch.setattr(reproduce, "THEIR_NAMES", names)
    monkeypatch.setenv("BAYPLAN_DATA", str(data))
    return data


def test_the_comparison_passes_and_fails_when_a_published_number_is_altered(
    reproduce: Any,
    small: Path,
    published: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    numbers = deepcopy(published)
    monkeypatch.setattr(reproduce, "read_published", lambda data: numbers)
    flags = ["--published-only", "--workers", "1"]
    assert reproduce.main(flags) == 0
    assert capsys.readouterr().out.endswith("2 of 2 within tolerance\n")
    numbers["default", "fgd", 43]["allocated_pct"][99] += 0.02
    assert reproduce.main(flags) == 1
    out = capsys.readouterr().out
    assert out.endswith("1 of 2 within tolerance\n")
    (line,) = [line for line in out.splitlines() if "TOO FAR" in line]
    assert line.split()[:2] == ["default", "fgd"]
    assert line.split()[4:6] == ["0.020", "0.000"]


def test_the_comparison_reads_both_published_tables(
    reproduce: Any, data: Path, published: Any
) -> None:
    keys = {
        (w, p, s) for w in reproduce.WORKLOADS for p in reproduce.THEIR_NAMES for s in range(42, 52)
    }
    assert keys <= set(published)
    for key in keys:
        assert {name: len(values) for name, values in published[key].items()} == {
            "allocated_pct": 131,
            "fragmented_pct_of_capacity": 131,
        }


def test_without_the_published_data_one_line_says_so(
    reproduce: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BAYPLAN_DATA", str(tmp_path))
    assert reproduce.main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (f"reproduce: no published tables in {tmp_path}; set BAYPLAN_DATA\n")
