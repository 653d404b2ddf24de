"""Jobs that find no memory on a time-sliced GPU: killed, back after a while, given up."""

from __future__ import annotations

from bayplan.scheduler.sharing import TimeSlicing
from bayplan.simulator.core.results import Outcome, Status
from bayplan.simulator.core.settings import OutOfMemory

from .support import job, node, run, told

UNCHECKED = TimeSlicing(replicas=4, check_memory=False)
LIMITS = OutOfMemory(retries=2, backoff_s=4.0, most_backoff_s=6.0)


def crowded(work_s: float) -> Outcome:
    """``a`` takes most of a GPU's memory for so long; ``b`` comes at 1 and needs as much."""
    jobs = [
        job("a", work_s, gpu_milli=100, gpu_memory_mib=60_000),
        job("b", 1.0, arrival_s=1.0, gpu_milli=100, gpu_memory_mib=60_000),
    ]
    return run([node("n0", 1, UNCHECKED)], jobs, out_of_memory=LIMITS)


def test_a_killed_job_comes_back_later_each_time_and_is_given_up() -> None:
    outcome = crowded(50.0)
    about_b = [entry for entry in told(outcome) if " b" in entry]
    assert about_b == [
        "1 arrive b",
        "1 start b n0",
        "1 kill b out of memory",
        "5 return b",
        "5 start b n0",
        "5 kill b out of memory",
        "11 return b",  # not 8 s later: the most is 6
        "11 start b n0",
        "11 kill b out of memory",
        "11 fail b",
    ]
    assert outcome.jobs.status.tolist() == [Status.FINISHED, Status.FAILED]
    assert outcome.jobs.oom_kills.tolist() == [0, 3]
    assert outcome.totals.tenant_gpu_s == outcome.totals.busy_gpu_s == outcome.totals.end_s


def test_it_runs_once_there_is_memory() -> None:
    outcome = crowded(8.0)
    assert outcome.jobs.status.tolist() == [Status.FINISHED] * 2
    assert outcome.jobs.oom_kills.tolist() == [0, 2]
    assert float(outcome.jobs.finish_s[1]) == 12.0
