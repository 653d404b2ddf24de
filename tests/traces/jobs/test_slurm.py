from __future__ import annotations

import math

import pytest

from bayplan.scheduler.errors import InputError
from bayplan.traces.jobs import read_jobs

from .samples import SAMPLES, Write, read

HEADER = "JobID|Submit|Start|End|AllocTRES\n"
TIMES = "2024-05-01T08:00:00|2024-05-01T08:00:00|2024-05-01T09:00:00"


def problem(write: Write, text: str) -> str:
    with pytest.raises(InputError) as error:
        read_jobs(write(text, "f.csv"))
    return str(error.value)


def test_a_slurm_job_is_a_pod_a_node_and_steps_are_passed_over(write: Write) -> None:
    jobs = read(write, "slurm")
    assert jobs.name == ("13_4", "12", "14")
    assert jobs.arrival_s.tolist() == [0, 30, 40]
    assert jobs.work_s.tolist() == [9, 3600, 10]
    assert jobs.pods.tolist() == [1, 2, 1]
    assert jobs.gpu_count.tolist() == [0, 8, 1]
    assert jobs.cpu_milli.tolist() == [1000, 8000, 1000]
    assert jobs.memory_mib.tolist() == [4096, 32_000, 4096]
    assert jobs.gpu_models == ("", "A100-40GB|A100-80GB", "")
    assert jobs.mig_profile == ("", "", "1g.10gb")
    assert jobs.queue == ("cpu", "gpu", "mig")
    assert jobs.user == ('"bob', "ann", "ann")  # nothing is quoted
    assert math.isnan(jobs.estimate_s[0])
    assert jobs.estimate_s[1:].tolist() == [26 * 3600, 300]


def test_what_a_job_got_counts_and_what_it_asked_for_where_that_is_empty(write: Write) -> None:
    text = "JobID|Submit|Start|End|ReqTRES|AllocTRES\n"
    text += f"1|{TIMES}|cpu=1,gres/gpu=1,node=1|cpu=4,gres/gpu=2,node=1\n"
    text += f"2|{TIMES}|cpu=1,gres/gpu:l40s=1,gres/gpu:xyz=2,node=3|\n"
    jobs = read_jobs(write(text, "f.csv"))
    assert jobs.cpu_milli.tolist() == [4000, 334]
    assert jobs.gpu_count.tolist() == [2, 1]
    assert jobs.pods.tolist() == [1, 3]
    assert jobs.gpu_models == ("", "L40S|xyz")


def test_jobs_that_run_or_never_ran_are_left_out(write: Write) -> None:
    text = HEADER + (
        f"1|{TIMES}|cpu=1,node=1\n"
        "2|2024-05-01T08:00:00|2024-05-01T08:00:00|Unknown|cpu=1,node=1\n"
        "3|2024-05-01T08:00:00|Unknown|2024-05-01T08:00:00|\n"
        "4|2024-05-01T08:00:00|None|Unknown|\n"
        "5|2024-05-01T08:00:00|2024-05-01T08:00:01|2024-05-01T08:00:00|cpu=1,node=1\n"
        "1.0|x|y|z|\n"
    )
    with pytest.warns(UserWarning, match="^f.csv: left out 4 of 5 rows, without a start and"):
        jobs = read_jobs(write(text, "f.csv"))
    assert jobs.name == ("1",)


def test_a_trailing_mark_as_of_the_flag_p_is_no_matter(write: Write) -> None:
    text = "".join(line + "|\n" for line in SAMPLES["slurm"].splitlines())
    assert read(write, "slurm", text).name == ("13_4", "12", "14")


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (f"1|{TIMES}|cpu=x,node=1\n",
         "f.csv:2: AllocTRES is 'cpu=x,node=1', which has 'x' for a whole number;"
         " print it as sacct does"),
        (f"1|{TIMES}|cpu=1,mem=4Q,node=1\n",
         "f.csv:2: AllocTRES is 'cpu=1,mem=4Q,node=1', which has '4Q' for an amount of memory;"
         " print it as sacct does"),
        (f"1|{TIMES}|cpu=1,mem=9999999999P,node=1\n",
         "f.csv:2: AllocTRES is 'cpu=1,mem=9999999999P,node=1', which has '9999999999P' of memory;"
         " print it as sacct does"),
        (f"1|{TIMES}|cpu=1,node=100001\n",
         "f.csv:2: AllocTRES is 'cpu=1,node=100001', which names 100001 nodes, more than 100000;"
         " print it as sacct does"),
        (f"1|{TIMES}|a|b\n",
         "f.csv:2: the row has 6 cells, the header has 5; quote cells that hold commas"),
        (f"1|{TIMES}|\n",
         "f.csv: no row says what it got in AllocTRES;"
         " add AllocTRES to the fields that sacct prints"),
        ("1|yesterday|2024-05-01T08:00:00|2024-05-01T09:00:00|cpu=1,node=1\n",
         "f.csv:2: Submit is 'yesterday', not a time; write it as 2024-05-01T08:00:00"),
        ("1|2024-05-01T08:00:00|Unknown|Unknown|cpu=1,node=1\n",
         "f.csv: no row is a job that ran: all 1 are without a start and an end after it"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_file_and_row(rows: str, line: str, write: Write) -> None:
    assert problem(write, HEADER + rows) == line


def test_a_time_limit_that_is_none_is_refused(write: Write) -> None:
    text = "JobID|Submit|Start|End|AllocTRES|Timelimit\n" + f"1|{TIMES}|cpu=1,node=1|soon\n"
    assert problem(write, text) == (
        "f.csv:2: Timelimit is 'soon', which is no [days-]hours:minutes:seconds;"
        " print it as sacct does"
    )


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [("2-03:04:05", 183845), ("01:02:03", 3723), ("1-12", None), ("1-12:30", 131400)],
)
def test_time_limits(limit: str, seconds: float | None, write: Write) -> None:
    text = "JobID|Submit|Start|End|AllocTRES|Timelimit\n" + f"1|{TIMES}|cpu=1,node=1|{limit}\n"
    if seconds is None:
        assert "which is no [days-]hours" in problem(write, text)
    else:
        assert read_jobs(write(text, "f.csv")).estimate_s.tolist() == [seconds]
