"""Every job format on a handmade sample, and on the published files where they are at hand."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bayplan.scheduler.errors import InputError
from bayplan.traces.jobs import read_jobs
from bayplan.traces.jobs.registry import JOB_FORMATS

from .samples import SAMPLES, Write, read

Published = Callable[[str], Path]


def problem(write: Write, text: str, interarrival_s: float | None = 400.0) -> str:
    with pytest.raises(InputError) as error:
        read_jobs(write(text, "f.csv"), interarrival_s=interarrival_s)
    return str(error.value)


def test_there_is_a_sample_of_every_format_and_auto_knows_it(write: Write) -> None:
    assert list(SAMPLES) == [each.name for each in JOB_FORMATS]
    for name in SAMPLES:
        by_header, by_name = read(write, name), read(write, name, format=name)
        assert by_header.name == by_name.name
        assert by_header.work_s.tolist() == by_name.work_s.tolist()


def test_openb_runs_from_where_it_was_scheduled(write: Write) -> None:
    jobs = read(write, "openb")
    assert jobs.name == ("a", "b", "c")
    assert jobs.arrival_s.tolist() == [100, 90, 90]
    assert jobs.work_s.tolist() == [250, 5, 5]
    assert jobs.gpu_count.tolist() == [1, 0, 2]
    assert jobs.gpu_milli.tolist() == [460, 0, 1000]
    assert jobs.gpu_models == ("T4|P100", "", "")
    assert jobs.pods.tolist() == [1, 1, 1]


def test_philly_is_sorted_by_time_then_by_row(write: Write) -> None:
    jobs = read(write, "philly")
    assert jobs.name == ("philly-1", "philly-0", "philly-2")
    assert jobs.arrival_s.tolist() == [0, 86400, 86400]
    assert jobs.work_s.tolist() == [10.5, 66, 67]
    assert jobs.queue == ("6214e9", "11cb48", "11cb48")
    assert jobs.gpu_count.tolist() == [8, 1, 8]
    assert jobs.pods.tolist() == [2, 1, 2]


def test_itp_keeps_its_clock_and_its_order(write: Write) -> None:
    jobs = read(write, "itp")
    assert jobs.name == ("965d", "fb10")
    assert jobs.arrival_s.tolist() == [1932025, 5]
    assert jobs.work_s.tolist() == [2429, 1532]
    assert (jobs.pods.tolist(), jobs.gpu_count.tolist()) == ([8, 1], [8, 1])


def test_muri_counts_milliseconds_and_iterations(write: Write) -> None:
    jobs = read(write, "muri")
    assert jobs.arrival_s.tolist() == [0, 201694]
    assert jobs.work_s.tolist() == [5853661 * 490 / 1000, 50.9]
    assert jobs.job_type == ("dqn", "vgg16")
    assert jobs.pods.tolist() == [1, 4]


def test_chronus_counts_minutes_and_has_deadlines(write: Write) -> None:
    jobs = read(write, "chronus")
    assert jobs.arrival_s.tolist() == [600, 1200]
    assert jobs.work_s.tolist() == [420, 480]
    assert jobs.deadline_s[0] == (10 + 159) * 60
    assert math.isnan(jobs.deadline_s[1])
    assert jobs.gpu_count.tolist() == [1, 0]
    assert jobs.gpu_milli.tolist() == [1000, 0]
    assert jobs.queue == ("vc_a", "vc_b")


def test_tiresias_counts_seconds(write: Write) -> None:
    jobs = read(write, "tiresias")
    assert jobs.arrival_s.tolist() == [0, 30]
    assert jobs.work_s.tolist() == [164, 147]
    assert jobs.job_type == ("vgg19", "vgg11")


def test_gavel_needs_to_know_the_time_between_arrivals(write: Write) -> None:
    jobs = read(write, "gavel")
    assert jobs.arrival_s.tolist() == [0, 100]
    assert jobs.work_s.tolist() == [68344.5, 31016.5]
    assert jobs.job_type[0] == "ResNet-18 (batch size 64)"
    assert jobs.gpu_count.tolist() == [8, 1]
    advice = "give that time as interarrival_s, such as 4500 (seconds)"
    start = "f.csv: arrivals are stated in mean times between arrivals"
    assert problem(write, SAMPLES["gavel"], None) == f"{start}; {advice}"
    assert problem(write, SAMPLES["gavel"], 0.0) == f"{start}, not 0; {advice}"
    assert problem(write, SAMPLES["gavel"], math.nan) == f"{start}, not nan; {advice}"


@pytest.mark.parametrize(
    ("name", "old", "new", "line"),
    [
        ("philly", "2017-10-08", "2017-13-08",
         "f.csv:3: timestamp is '2017-13-08 07:01:55', not a time;"
         " write it as 2017-10-09 07:01:55"),
        ("philly", "2017-10-09 07:01:55,67", "yesterday,67",
         "f.csv:4: timestamp is 'yesterday', not a time;"
         " write it as 2017-10-09 07:01:55"),
        ("philly", "2017-10-08 07", "2017-10-08x07",
         "f.csv:3: timestamp is '2017-10-08x07:01:55', not a time;"
         " write it as 2017-10-09 07:01:55"),
        ("philly", "2017-10-08", "2017-10-0٣",
         "f.csv:3: timestamp is '2017-10-0٣ 07:01:55', not a time;"
         " write it as 2017-10-09 07:01:55"),
        ("philly", "10.5", "-1", "f.csv:3: duration is -1.0, below 0; write 0 or more"),
        ("itp", ",64", ",", "f.csv:2: num_gpu is empty; write a whole number of GPUs"),
        ("muri", ",490,", ",1e9,",
         "f.csv:2: work_s is 5853661000000.0, above 1000000000000; write 1000000000000 or less"),
        ("chronus", "159-189", "soon",
         "f.csv:2: expect_time_list is 'soon', not whole minutes joined by hyphens;"
         " write it as 159-189-229"),
        ("openb", "100,400,150", "100,,150",
         "f.csv:2: deletion_time is empty; write a number of seconds"),
        ("openb", "100,400,150", "100,120,150",
         "f.csv:2: deletion_time 120 is before scheduled_time 150; correct one of them"),
        ("openb", "2,1500", "65,1500",
         "f.csv:4: gpu_count is 65, above 64; write 64 or less"),
        ("pods", "500,9", "500,",
         "f.csv:2: duration_s is empty; write a number of seconds"),
        ("gavel", "0.25", "x", "f.csv:3: arrival_unit is 'x', not a number;"
         " write a number of mean times between arrivals"),
        ("canonical", "work_s", "works",
         "f.csv: there is no column 'work_s', only name, works, gpu_count; rename 'works' to it?"),
        ("canonical", ",", ";",
         "f.csv: the columns are separated by ';'; separate them by commas"),
        ("canonical", "work_s,gpu_count", "x,y",
         "f.csv: the columns (name, x, y) match no job format: canonical lacks work_s, gpu_count;"
         " rename the columns or add the missing ones; bayplan traces list names all formats"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_file_and_row(
    name: str, old: str, new: str, line: str, write: Write
) -> None:
    assert problem(write, SAMPLES[name].replace(old, new)) == line


def test_an_unknown_format_is_refused(write: Write) -> None:
    with pytest.raises(InputError, match="there is no trace format 'phily'; did you mean 'philly'"):
        read_jobs(write(SAMPLES["philly"]), "phily")


@pytest.mark.parametrize(
    ("path", "jobs", "gpus", "gpu_hours"),
    [
        ("philly/philly.csv", 82247, 107263, 978_088),
        ("elasticflow_itp2021/cluster01.csv", 1595, 3728, 22740),
        ("muri_philly/trace1.csv", 1494, None, None),
        ("muri_philly/trace3_pr.csv", 992, None, None),
        ("muri_testbed/cluster_trace.csv", 400, None, None),
        ("tiresias/60_job.csv", 60, 170, None),
        ("chronus_philly/trace_job_Philly_MIX1.csv", 30940, None, None),
        ("gavel/continuous_multi_seed0.csv", 5400, None, None),
        ("openb/openb_pod_list_default.csv", 8152, None, None),
    ],
)
def test_the_published_lists_have_the_published_size(
    path: str, jobs: int, gpus: int | None, gpu_hours: int | None, published: Published
) -> None:
    table = read_jobs(published(path), interarrival_s=4500)
    asked = table.pods * table.gpu_count * table.gpu_milli / 1000
    assert len(table) == jobs
    if gpus is not None:
        assert asked.sum() == gpus
    if gpu_hours is not None:
        assert round(float((asked * table.work_s).sum()) / 3600) == gpu_hours


def test_the_ten_itp_clusters_add_up(published: Published) -> None:
    tables = [
        read_jobs(published(f"elasticflow_itp2021/cluster{number:02}.csv"))
        for number in range(1, 11)
    ]
    assert sum(map(len, tables)) == 69351
    hours = sum(float((t.pods * t.gpu_count * t.work_s).sum()) / 3600 for t in tables)
    assert round(hours / 1e6, 2) == 1.63


def test_published_openb_pods_that_were_scheduled_ran_for_eleven_minutes(
    published: Published,
) -> None:
    path = published("openb/openb_pod_list_default.csv")
    with path.open(encoding="utf-8") as file:
        scheduled = np.array([row["scheduled_time"] != "" for row in csv.DictReader(file)])
    jobs = read_jobs(path)
    ran = jobs.work_s[(jobs.gpu_count > 0) & scheduled] / 3600
    assert round(float(np.median(ran)), 2) == 0.18
    assert round(float(ran.mean()), 1) == 8.6
