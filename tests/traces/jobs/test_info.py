from __future__ import annotations

from bayplan.traces.jobs import JobTable, builtin_jobs, describe_jobs


def test_a_job_list_is_described() -> None:
    jobs = JobTable.of(
        name=["a", "b", "c", "d"],
        arrival_s=[0, 0, 3600, 7200],
        work_s=[3600, 3600, 7200, 60],
        pods=[1, 4, 1, 1],
        gpu_count=[0, 8, 1, 1],
        gpu_milli=[0, 1000, 500, 1000],
        gang=["g", "g", "", ""],
        job_type=["bert", "bert", "", "dqn"],
        deadline_s=[9, 9, 9, float("nan")],
        preemptible=[1, 1, 0, 1],
    )
    assert describe_jobs(jobs) == [
        ("jobs", "3"),
        ("rows (roles of gangs)", "4"),
        ("pods", "7"),
        ("rows of 1 pod x 1 GPU", "2 (50.0 %)"),
        ("rows of 1 pod x 0 GPUs", "1 (25.0 %)"),
        ("rows of 4 pods x 8 GPUs", "1 (25.0 %)"),
        ("rows with shares of GPUs", "1 (25.0 %)"),
        ("GPUs asked for, all at once", "33.5"),
        ("work", "33 GPU-hours"),
        ("GPUs kept busy while jobs arrive", "16.5"),
        ("type bert", "2 (50.0 %)"),
        ("type dqn", "1 (25.0 %)"),
        ("arrivals", "0 s to 7,200 s (2.0 h)"),
        ("work of a job", "median 1.0 h, mean 1.0 h"),
        ("long jobs", "99th percentile 2.0 h, longest 2.0 h"),
        ("rows with a deadline", "3 (75.0 %)"),
        ("rows never preempted", "1 (25.0 %)"),
    ]


def test_the_builtin_jobs_are_described() -> None:
    rows = dict(describe_jobs(builtin_jobs()))
    assert rows["jobs"] == rows["pods"] == "1,927"
