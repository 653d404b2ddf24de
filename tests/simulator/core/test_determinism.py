"""The same jobs give the same bytes in every process."""

from __future__ import annotations

import os
import subprocess
import sys

CODE = """
import hashlib
from bayplan.scheduler.sharing import Hami, Mps
from bayplan.scheduler.types import Node
from bayplan.simulator.core.settings import Interruptions, Settings
from bayplan.simulator.core.simulation import Simulation
from bayplan.simulator.core.startup.types import Startup, Wants
from bayplan.traces.jobs import JobTable

n = 60
jobs = JobTable.of(
    name=[f"job-{k * 37 % n}" for k in range(n)],
    arrival_s=[float(k // 5) for k in range(n)],
    work_s=[1.0 + k * 7 % 11 for k in range(n)],
    gpu_count=[1 + (k % 4 == 0) for k in range(n)],
    gpu_milli=[1000 if k % 3 else 300 for k in range(n)],
    pods=[1 + (k % 7 == 0) for k in range(n)],
    queue=[f"q{k % 5}" for k in range(n)],
    job_type=["heavy" if k % 2 else "light" for k in range(n)],
)
nodes = [Node("a", gpu_count=4, sharing=(Mps(),)), Node("b", gpu_count=2, sharing=(Hami(),))]
startup = Startup(
    images={"i": 90, "j": 70}, models={"m": 300}, types={"heavy": Wants("i", "m")},
    default=Wants("j"), container_s=0.1, node_mib_per_s=200.0, cache_mib=400.0,
)
digest = hashlib.blake2b()
for ordering, preemption in (("drf", "none"), ("srtf", "repack"), ("las", "in-order")):
    settings = Settings(
        placement="random", ordering=ordering, preemption=preemption, estimate_error=0.5, seed=3,
        interruptions=Interruptions(2.0, 0.5), log=True, startup=startup,
    )
    outcome = Simulation(nodes, jobs, settings).run()
    for part in (outcome.jobs, outcome.series):
        for name in type(part).__dataclass_fields__:
            digest.update(getattr(part, name).tobytes())
    digest.update(repr((outcome.totals, outcome.log)).encode())
    assert outcome.jobs.preemptions.any() == (preemption != "none")
print(digest.hexdigest())
"""


def digest(hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_hash_seed_of_a_process_changes_nothing() -> None:
    assert digest("1") == digest("2") == digest("77")
